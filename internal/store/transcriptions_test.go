package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/scribe"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/transcript"
)

// open hands secrets out as they are.
type open struct{}

func (open) SealBot(_, _, column, plain string) (string, error) { return column + ":" + plain, nil }
func (open) OpenBot(_, _, _, sealed string) (string, error)     { return sealed, nil }
func (open) URL(_ context.Context, key string) (string, error) {
	return "https://x.example/" + key, nil
}

// An order is taken by one server at a time; who has lost it writes nothing more;
// when it is through, the bot ends once.
func TestAnOrderIsInOneHandAtATime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, now := t.Context(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		if err := (store.Accounts{DB: db}).AddTeam(ctx, account.Team{ID: "red", Name: "red", CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
		bots := &bot.Service{
			Store: store.Bots{DB: db, Vault: open{}}, Clock: clock.Func(func() time.Time { return now }), Signer: open{}, ValidURL: func(string) error { return nil },
			Services: scribe.Services{Default: "gladia", ByName: map[string]scribe.Provider{"gladia": {}}},
		}
		id, err := bots.Create(ctx, "red", bot.Request{
			Name: "N", MeetingURL: "https://meet.google.com/abc-defg-hij", TranscriptionEnabled: true, Transcription: &bot.TranscriptionRequest{APIKey: "own"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bots.Launch(ctx, id, "host"); err != nil {
			t.Fatal(err)
		}
		ada := []bot.Participant{{N: 1, Name: "Ada", TalkMS: 1000}}
		report := bot.Progress{
			Seq: 1, Artifacts: []bot.StoredArtifact{{Kind: bot.KindAudio, Key: id + "/output.flac"}}, Result: &bot.Result{Duration: time.Hour, Participants: ada, Speakers: ada},
			Done: &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: now, StreamedIn: time.Minute},
		}
		for range 2 { // a report may be repeated
			if err := bots.Apply(ctx, id, report); err != nil {
				t.Fatal(err)
			}
		}
		if err := bots.Fail(ctx, id, bot.EndInternalError, "the folder is gone"); err != nil {
			t.Fatal(err)
		}
		orders := store.Transcriptions{DB: db, Vault: open{}}
		take := func(host string, at time.Time, want int) []bot.TranscriptionJob {
			t.Helper()
			jobs, err := orders.Take(ctx, host, at, at.Add(time.Minute), 10)
			if err != nil || len(jobs) != want {
				t.Fatalf("%s takes %d orders, not %d: %v", host, len(jobs), want, err)
			}
			return jobs
		}
		j := take("one", now, 1)[0]
		if j.Key != "transcription_key:own" || !j.OwnKey || j.End == nil || j.End.StreamedIn != time.Minute || j.Provider != "gladia" {
			t.Errorf("the order is %+v", j)
		}
		take("two", now, 0)
		part := transcript.Part{Channel: 1, N: 2, Tag: "tag", Clock: transcript.Clock{{At: 0, From: 5, To: 9}}, Upload: "https://up.example", Began: now}
		if err := orders.PutPart(ctx, "one", j.ID, part); err != nil {
			t.Fatal(err)
		}
		if err := orders.PutPart(ctx, "two", j.ID, part); !errors.Is(err, transcript.ErrLost) {
			t.Errorf("a stranger writes: %v", err)
		}
		if _, status, err := bots.TranscriptionStatus(ctx, "red", id); err != nil || status != "processing" {
			t.Errorf("%s, %v", status, err)
		}
		called := func(host string, want ...string) {
			t.Helper()
			if got, err := orders.Called(ctx, host); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s is told of calls about %v, not %v: %v", host, got, want, err)
			}
		}
		call := func(p transcript.Part) {
			t.Helper()
			if err := orders.PutCalled(ctx, j.ID, p); err != nil {
				t.Fatal(err)
			}
		}
		name := part.In(j.ID)
		if of, p, err := transcript.PartIn(name); err != nil || of != j.ID || p.String() != part.String() {
			t.Errorf("%s is %s of %s: %v", name, p, of, err)
		}
		called("one")
		call(transcript.Part{Channel: 7})
		call(part)
		call(part)
		part.ID = "early" // the service has called before its answer was there
		if err := orders.PutPart(ctx, "one", j.ID, part); err != nil {
			t.Fatal(err)
		}
		called("one", name)
		called("two")
		part.ID, part.Tag = "", "another" // that job is given up
		if err := orders.PutPart(ctx, "one", j.ID, part); err != nil {
			t.Fatal(err)
		}
		called("one")
		call(part)
		if held, err := orders.Hold(ctx, "one", now.Add(2*time.Minute)); err != nil || len(held) != 1 {
			t.Errorf("held %v, %v", held, err)
		}
		take("two", now.Add(90*time.Second), 0)
		later := now.Add(3 * time.Minute) // the first gives no sign of life
		take("two", later, 1)
		called("two", name)
		part.ID, part.Done = "job", true
		if err := orders.PutPart(ctx, "one", j.ID, part); !errors.Is(err, transcript.ErrLost) {
			t.Errorf("who has lost it writes: %v", err)
		}
		if err := orders.PutPart(ctx, "two", j.ID, part); err != nil {
			t.Fatal(err)
		}
		called("two")
		call(part)
		called("two")
		found, err := orders.Parts(ctx, j.ID)
		if err != nil || len(found) != 1 || found[0].ID != "job" || !found[0].Done || !found[0].Began.Equal(now) || found[0].Clock[0] != part.Clock[0] {
			t.Errorf("%+v, %v", found, err)
		}
		end := bot.TranscriptionEnd{Artifacts: []bot.StoredArtifact{{Kind: bot.KindTranscription, Key: id + "/output_transcription.json"}}}
		if err := bots.EndTranscription(ctx, j.TranscriptionOrder, end); err != nil {
			t.Fatal(err)
		}
		if err := bots.EndTranscription(ctx, j.TranscriptionOrder, bot.TranscriptionEnd{Failure: "late"}); !errors.Is(err, transcript.ErrLost) {
			t.Errorf("ended twice: %v", err)
		}
		call(part)
		if err := orders.PutCalled(ctx, "no such order", part); err != nil {
			t.Error(err)
		}
		called("two")
		d, err := bots.Details(ctx, "red", id)
		if err != nil || d.Status != bot.Completed || d.EndCode != bot.EndMeetingEnded || d.Transcribed.State != bot.TranscriptionDone || len(d.Transcribed.IDs) != 1 {
			t.Errorf("%+v, %v", d, err)
		}
		if kept, err := orders.AtServices(ctx, id); err != nil || len(kept) != 0 {
			t.Errorf("to be deleted although the data are there: %v, %v", kept, err)
		}
		if err := bots.DeleteData(ctx, "red", id, false); err != nil {
			t.Fatal(err)
		}
		kept, err := orders.AtServices(ctx, id)
		if err != nil || len(kept) != 1 || kept[0].Part.ID != "job" || kept[0].Key != "transcription_key:own" {
			t.Fatalf("%+v, %v", kept, err)
		}
		if err := orders.Deleted(ctx, kept[0]); err != nil {
			t.Fatal(err)
		}
		if kept, err = orders.AtServices(ctx, id); err != nil || len(kept) != 0 {
			t.Errorf("%+v, %v", kept, err)
		}
	})
}
