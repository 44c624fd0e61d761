package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/account"
	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/meeting"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashVariable) != "" {
		os.Exit(crashChild())
	}
	os.Exit(storetest.Main(m))
}

// house is a bot service on a real database, with a clock that stands still.
type house struct {
	*bot.Service
	db     *store.DB
	bots   store.Bots
	quota  *quota.Service
	now    time.Time
	nudged []string
}

const meetURL = "https://meet.google.com/abc-defg-hij"

func (h *house) URL(_ context.Context, key string) (string, error) {
	return "https://files.example/" + key, nil
}

func (h *house) SealBot(team, bot, column, plain string) (string, error) {
	return fmt.Sprintf("sealed(%s,%s,%s,%d)", team, bot, column, len(plain)), nil
}

func newHouse(t *testing.T, db *store.DB) *house {
	t.Helper()
	h := &house{db: db, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clk := clock.Func(func() time.Time { return h.now })
	h.quota = app.NewQuota(db, clk)
	h.bots = store.Bots{DB: db, Vault: h, Requests: h, Quota: app.NewQuotaRoom(h.quota, db)}
	h.Service = &bot.Service{
		Store: h.bots, Clock: clk, Signer: h, ValidURL: func(u string) error {
			if !strings.HasPrefix(u, "https://") {
				return errors.New("must be https")
			}
			return nil
		},
		Nudge: func(id string) { h.nudged = append(h.nudged, id) },
	}
	for _, team := range []string{"red", "blue"} {
		if err := (store.Accounts{DB: db}).AddTeam(t.Context(), account.Team{ID: team, Name: team, CreatedAt: h.now}); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newHouse(t, db)) })
}

func (h *house) create(t *testing.T, team string, r bot.Request) string {
	t.Helper()
	if r.Name == "" {
		r.Name = "Notetaker"
	}
	if r.MeetingURL == "" {
		r.MeetingURL = meetURL
	}
	id, err := h.Create(t.Context(), team, r)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return id
}

// listen gives a team an endpoint that wants everything.
func (h *house) listen(t *testing.T, team string) {
	t.Helper()
	err := h.db.AddWebhook(t.Context(), webhook.Endpoint{ID: "hook-" + team, TeamID: team, URL: "https://x.example", Enabled: true, Participants: webhook.Names, CreatedAt: h.now})
	if err != nil {
		t.Fatal(err)
	}
}

// sent returns the webhook bodies that the team was sent, in order.
func (h *house) sent(t *testing.T, column string) []string {
	t.Helper()
	var out []string
	err := h.db.Read(t.Context(), func(q store.Querier) error {
		rows, err := q.Query(t.Context(), "SELECT "+column+" FROM webhook_messages ORDER BY id")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var body string
			if err := rows.Scan(&body); err != nil {
				return err
			}
			out = append(out, body)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (h *house) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	err := h.db.Read(t.Context(), func(q store.Querier) error { return q.QueryRow(t.Context(), query, args...).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCreateStoresBotJobAndWebhook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.listen(t, "red")
		id := h.create(t, "red", bot.Request{
			Extra: json.RawMessage(`{"customer":"42"}`), CallbackEnabled: true,
			Callback: &bot.CallbackRequest{URL: "https://cb.example", Secret: "hush-hush"},
		})
		d, err := h.Details(t.Context(), "red", id)
		if err != nil {
			t.Fatal(err)
		}
		if d.Status != bot.Queued || d.Platform != meeting.Meet || d.Mode != bot.SpeakerView || !d.CreatedAt.Equal(h.now) {
			t.Errorf("stored %+v", d.Bot)
		}
		if diff := cmp.Diff(bot.DefaultTimeouts(), d.Config.Timeouts); diff != "" {
			t.Errorf("timeouts: %s", diff)
		}
		if d.Config.Callback == nil || d.Config.Callback.Method != "POST" || !d.Config.AllowMultiple {
			t.Errorf("config %+v", d.Config)
		}
		if n := h.count(t, "SELECT COUNT(*) FROM river_job WHERE kind = 'launch_bot' AND queue = 'bots'"); n != 1 {
			t.Errorf("%d launch jobs, want 1", n)
		}
		want := []string{`{"event":"bot.status_change","data":{"bot_id":"` + id +
			`","event_id":null,"status":{"code":"queued","created_at":"2026-03-01T12:00:00.000Z"}},"extra":{"customer":"42"}}`}
		if diff := cmp.Diff(want, h.sent(t, "payload")); diff != "" {
			t.Errorf("webhooks: %s", diff)
		}
		if n := h.count(t, "SELECT COUNT(*) FROM bot_configs WHERE callback_secret LIKE 'sealed(%' AND config NOT LIKE '%hush%'"); n != 1 {
			t.Error("the callback secret is not sealed")
		}
	})
}

func TestCreateRefusesWhatBreaksARule(t *testing.T) {
	h := newHouse(t, storetest.SQLite(t))
	n := func(i int) *int { return &i }
	for name, c := range map[string]struct {
		change  func(*bot.Request)
		code    string
		details string
	}{
		"no name":          {func(r *bot.Request) { r.Name = "" }, bot.CodeValidation, "/bot_name"},
		"name too long":    {func(r *bot.Request) { r.Name = strings.Repeat("é", 256) }, bot.CodeValidation, "/bot_name"},
		"no URL":           {func(r *bot.Request) { r.MeetingURL = "" }, meeting.CodeInvalidPlatform, ""},
		"unknown platform": {func(r *bot.Request) { r.MeetingURL = "https://example.com/x" }, meeting.CodeInvalidPlatform, ""},
		"timeout":          {func(r *bot.Request) { r.Timeouts.Silence = n(299) }, bot.CodeValidation, "/timeout_config/silence_timeout"},
		"entry message":    {func(r *bot.Request) { r.EntryMessage = strings.Repeat("x", 501) }, bot.CodeValidation, "/entry_message"},
		"callback without": {func(r *bot.Request) { r.CallbackEnabled = true }, bot.CodeValidation, "/callback_config/url"},
		"callback http": {func(r *bot.Request) {
			r.CallbackEnabled, r.Callback = true, &bot.CallbackRequest{URL: "http://10.0.0.1"}
		}, bot.CodeValidation, "/callback_config/url"},
	} {
		t.Run(name, func(t *testing.T) {
			r := bot.Request{Name: "N", MeetingURL: meetURL}
			c.change(&r)
			_, err := h.Create(t.Context(), "red", r)
			f := fail.As(err)
			if f == nil || f.Kind != fail.Invalid || f.Code != c.code || !strings.Contains(f.Details, c.details) {
				t.Errorf("got %#v, want code %s naming %q", f, c.code, c.details)
			}
		})
	}
	if n := h.count(t, "SELECT COUNT(*) FROM bots"); n != 0 {
		t.Errorf("%d bots are left behind", n)
	}
}

func TestSecondBotForAMeetingIsRefusedForFiveMinutes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		no := false
		only := bot.Request{AllowMultiple: &no, Name: "B", MeetingURL: "https://meet.google.com/ABC-DEFG-HIJ?authuser=1"}
		h.create(t, "red", bot.Request{})
		if _, err := h.Create(t.Context(), "red", only); fail.As(err) == nil || fail.As(err).Code != bot.CodeAlreadyExists {
			t.Errorf("second bot at once: %v", err)
		}
		if _, err := h.Create(t.Context(), "blue", only); err != nil {
			t.Errorf("another team: %v", err)
		}
		h.create(t, "red", bot.Request{}) // allowed, and it starts the window again
		h.now = h.now.Add(5*time.Minute + time.Millisecond)
		if _, err := h.Create(t.Context(), "red", only); err != nil {
			t.Errorf("after five minutes: %v", err)
		}
	})
}

func TestConcurrentExclusiveCreatesMakeOneBot(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		no := false
		results := make(chan error, 8)
		for range cap(results) {
			go func() {
				_, err := h.Create(context.Background(), "red", bot.Request{AllowMultiple: &no, Name: "B", MeetingURL: meetURL})
				results <- err
			}()
		}
		made := 0
		for range cap(results) {
			err := <-results
			if err == nil {
				made++
			} else if !fail.Is(err, fail.Conflict) {
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("%d bots were made, want 1", made)
		}
	})
}

// Every read and every action of another team must answer as if the bot did
// not exist.
func TestAnotherTeamFindsNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.create(t, "red", bot.Request{})
		_, details := h.Details(t.Context(), "blue", id)
		_, get := h.Get(t.Context(), "blue", id)
		_, unknown := h.Get(t.Context(), "blue", "0198c0de-0000-7000-8000-000000000000")
		for name, err := range map[string]error{
			"details": details, "get": get, "unknown": unknown,
			"leave": h.Leave(t.Context(), "blue", id), "delete": h.DeleteData(t.Context(), "blue", id, false),
		} {
			if f := fail.As(err); f == nil || f.Code != bot.CodeNotFound || f.Kind != fail.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		page, err := h.List(t.Context(), "blue", bot.Filter{}, 10, "")
		if err != nil || len(page.Bots) != 0 {
			t.Errorf("list: %d bots, %v", len(page.Bots), err)
		}
	})
}

func (h *house) launched(t *testing.T, team string, r bot.Request) string {
	t.Helper()
	id := h.create(t, team, r)
	if _, err := h.Launch(t.Context(), id, "host-1"); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestProgressIsAppliedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.listen(t, "red")
		id := h.launched(t, "red", bot.Request{
			CallbackEnabled: true, Callback: &bot.CallbackRequest{URL: "https://cb.example", Objects: true},
		})
		at := h.now.Add(time.Minute)
		end := h.now.Add(time.Hour)
		first := bot.Progress{
			Seq: 5, JoinedAt: &at, People: []bot.Participant{{N: 1, Name: "Ada"}},
			Transitions: []bot.Transition{{Status: bot.JoiningCall, At: at}, {Status: bot.Recording, At: at}},
		}
		last := bot.Progress{
			Seq: 9, ExitedAt: &end,
			Transitions: []bot.Transition{{Status: bot.CallEnded, At: end}, {Status: bot.Completed, At: end}},
			Artifacts:   []bot.StoredArtifact{{Kind: "video", Key: id + "/video.mp4", Bytes: 7}, {Kind: "participant_audio", Name: "1-Ada", Key: "k"}},
			Result: &bot.Result{
				Duration:     61499 * time.Millisecond,
				Participants: []bot.Participant{{N: 1, Name: "Ada", TalkMS: 900}, {N: 2, Name: "Bob <b>"}},
				Speakers:     []bot.Participant{{N: 1, Name: "Ada", TalkMS: 900}},
			},
			Done: &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: end},
		}
		for _, p := range []bot.Progress{first, first, last, last, first} {
			if err := h.Apply(t.Context(), id, p); err != nil {
				t.Fatal(err)
			}
		}
		d, err := h.Details(t.Context(), "red", id)
		if err != nil {
			t.Fatal(err)
		}
		if d.Status != bot.Completed || d.EndCode != bot.EndMeetingEnded || d.ErrorCode() != "" || !d.JoinedAt.Equal(at) || !d.EndedAt.Equal(end) {
			t.Errorf("bot %+v", d.Bot)
		}
		if len(d.People) != 2 || len(d.Speakers) != 1 || len(d.Artifacts) != 2 {
			t.Errorf("%d people, %d speakers, %d artifacts", len(d.People), len(d.Speakers), len(d.Artifacts))
		}
		var codes []bot.Status
		all, err := h.bots.Transitions(t.Context(), "red", id)
		for _, tr := range all {
			codes = append(codes, tr.Status)
		}
		if diff := cmp.Diff([]bot.Status{bot.Queued, bot.JoiningCall, bot.Recording, bot.CallEnded, bot.Completed}, codes); diff != "" || err != nil {
			t.Errorf("transitions: %s %v", diff, err)
		}
		bodies := h.sent(t, "payload")
		if len(bodies) != 7 { // five statuses, bot.completed, and the callback
			t.Fatalf("sent %d messages: %s", len(bodies), strings.Join(bodies, "\n"))
		}
		names := `"participants":["Ada","Bob <b>"],"speakers":["Ada"],"duration_seconds":61,"joined_at":"2026-03-01T12:01:00.000Z"`
		objects := `"participants":[{"name":"Ada","id":1},{"name":"Bob <b>","id":2}],"speakers":[{"name":"Ada","id":1}]`
		if !strings.Contains(bodies[5], names) || !strings.Contains(bodies[5], `"video":"https://files.example/`+id+`/video.mp4"`) {
			t.Errorf("bot.completed: %s", bodies[5])
		}
		if !strings.Contains(h.sent(t, "payload_objects")[5], objects) {
			t.Errorf("bot.completed with objects: %s", h.sent(t, "payload_objects")[5])
		}
		if !strings.Contains(bodies[6], objects) {
			t.Errorf("the callback asked for objects: %s", bodies[6])
		}
		if !strings.Contains(bodies[2], `"code":"in_call_recording","created_at":"2026-03-01T12:01:00.000Z","start_time":1772366460`) {
			t.Errorf("recording: %s", bodies[2])
		}
	})
}

func TestConcurrentRepeatsOfAReportAreAppliedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.launched(t, "red", bot.Request{})
		p := bot.Progress{Seq: 1, Transitions: []bot.Transition{{Status: bot.JoiningCall, At: h.now}}}
		done := make(chan error, 6)
		for range cap(done) {
			go func() { done <- h.Apply(context.Background(), id, p) }()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := h.count(t, "SELECT COUNT(*) FROM bot_transitions WHERE bot_id = $1", id); n != 2 {
			t.Errorf("%d transitions, want queued and joining_call", n)
		}
	})
}

func TestLeave(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.listen(t, "red")
		waiting := h.create(t, "red", bot.Request{})
		if err := h.Leave(t.Context(), "red", waiting); err != nil {
			t.Fatal(err)
		}
		b, err := h.Get(t.Context(), "red", waiting)
		if err != nil || b.Status != bot.Failed || b.ErrorCode() != bot.EndExitBeforeRecord {
			t.Errorf("a bot that was not launched: %s %s (%v)", b.Status, b.EndCode, err)
		}
		if err := h.Leave(t.Context(), "red", waiting); !fail.Is(err, fail.Conflict) || err.Error() != "Status of bot '"+waiting+"' is: failed. Operation not permitted in this state." {
			t.Errorf("leave of a failed bot: %v", err)
		}
		if _, err := h.Launch(t.Context(), waiting, "host-1"); fail.As(err) == nil || fail.As(err).Code != bot.CodeNotNeeded {
			t.Errorf("launch of a bot that left: %v", err)
		}
		running := h.launched(t, "red", bot.Request{})
		for range 2 {
			if err := h.Leave(t.Context(), "red", running); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(h.nudged, []string{running}) {
			t.Errorf("nudged %v", h.nudged)
		}
		other := h.launched(t, "red", bot.Request{})
		wishes, err := h.bots.LeaveWishes(t.Context(), []string{other, running, waiting})
		if err != nil || !slices.Equal(wishes, []string{running}) {
			t.Errorf("wishes %v (%v)", wishes, err)
		}
	})
}

func TestLaunchBelongsToOneHost(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.create(t, "red", bot.Request{EntryMessage: "hi", StreamingEnabled: true, Streaming: &bot.Streaming{OutputURL: "wss://ears.example/a"}})
		spec, err := h.Launch(t.Context(), id, "host-1")
		if spec.StreamVersion != 2 || spec.Streaming == nil || *spec.Streaming != (bot.Streaming{OutputURL: "wss://ears.example/a", Frequency: 24000}) {
			t.Errorf("streaming %d %+v", spec.StreamVersion, spec.Streaming)
		}
		if err != nil || spec.BotID != id || spec.Platform != meeting.Meet || spec.EntryMessage != "hi" || spec.Timeouts != bot.DefaultTimeouts() {
			t.Errorf("spec %+v (%v)", spec, err)
		}
		if _, err := h.Launch(t.Context(), id, "host-1"); err != nil {
			t.Errorf("again on the same host: %v", err)
		}
		code := func(err error) string {
			if f := fail.As(err); f != nil {
				return f.Code
			}
			return fmt.Sprint(err)
		}
		if _, err := h.Launch(t.Context(), id, "host-2"); code(err) != bot.CodeElsewhere {
			t.Errorf("on another host at once: %v", err)
		}
		h.now = h.now.Add(2 * time.Minute)
		if _, err := h.Launch(t.Context(), id, "host-2"); err != nil {
			t.Errorf("on another host when the first is silent: %v", err)
		}
		if live, err := h.bots.LiveOn(t.Context(), "host-2"); err != nil || len(live) != 1 || live[0].ID != id {
			t.Errorf("live on the host: %+v (%v)", live, err)
		}
		if err := h.Apply(t.Context(), id, bot.Progress{Seq: 1}); err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(time.Hour)
		if _, err := h.Launch(t.Context(), id, "host-1"); code(err) != bot.CodeNotNeeded {
			t.Errorf("a bot that runs elsewhere: %v", err)
		}
		if seq, err := h.bots.AppliedSeq(t.Context(), id); err != nil || seq != 1 {
			t.Errorf("applied up to %d (%v)", seq, err)
		}
	})
}

func TestBotThatDoesNotFitIsGivenBack(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.launched(t, "red", bot.Request{})
		h.now = h.now.Add(time.Minute)
		if waited, err := h.Release(t.Context(), id, "host-1"); err != nil || waited != time.Minute {
			t.Fatalf("waited %s (%v)", waited, err)
		}
		if _, err := h.Launch(t.Context(), id, "host-2"); err != nil {
			t.Errorf("on another host: %v", err)
		}
		if err := h.Leave(t.Context(), "red", id); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Release(t.Context(), id, "host-2"); err != nil {
			t.Fatal(err)
		}
		if b, err := h.Get(t.Context(), "red", id); err != nil || b.ErrorCode() != bot.EndExitBeforeRecord {
			t.Errorf("given back after a wish to leave: %s %s (%v)", b.Status, b.EndCode, err)
		}
	})
}

func TestFailTellsWhy(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.listen(t, "red")
		id := h.launched(t, "red", bot.Request{})
		for range 2 { // the second does nothing
			if err := h.Fail(t.Context(), id, bot.EndInternalError, "no browser"); err != nil {
				t.Fatal(err)
			}
		}
		bodies := h.sent(t, "payload")
		if len(bodies) != 4 {
			t.Fatalf("sent %d messages: %s", len(bodies), strings.Join(bodies, "\n"))
		}
		if !strings.Contains(bodies[1], `"code":"recording_failed","created_at":"2026-03-01T12:00:00.000Z","error_message":"no browser"`) {
			t.Errorf("status: %s", bodies[1])
		}
		want := `{"event":"bot.failed","data":{"bot_id":"` + id + `","event_id":null,"error_message":"no browser","error_code":"INTERNAL_ERROR","sent_at":"2026-03-01T12:00:00.000Z"},"extra":null}`
		if bodies[3] != want {
			t.Errorf("bot.failed: %s", bodies[3])
		}
	})
}

func TestDeletedDataIsGoneAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		id := h.launched(t, "red", bot.Request{})
		file := bot.Progress{Seq: 1, Artifacts: []bot.StoredArtifact{{Kind: "video", Key: "k"}}}
		if err := h.Apply(t.Context(), id, file); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteData(t.Context(), "red", id, false); err != nil {
			t.Fatal(err)
		}
		d, err := h.Details(t.Context(), "red", id)
		if err != nil || !d.ArtifactsDeleted || len(d.Artifacts) != 0 {
			t.Errorf("deleted %v, %d artifacts (%v)", d.ArtifactsDeleted, len(d.Artifacts), err)
		}
		gone, err := h.bots.DeletedArtifacts(t.Context(), id)
		if err != nil || len(gone) != 1 || gone[0].Key != "k" {
			t.Errorf("to be removed: %+v (%v)", gone, err)
		}
		if n := h.count(t, "SELECT COUNT(*) FROM river_job WHERE kind = 'delete_data'"); n != 1 {
			t.Errorf("%d delete jobs", n)
		}
		file.Seq = 2
		if err := h.Apply(t.Context(), id, file); err != nil {
			t.Fatal(err)
		}
		if d, err := h.Details(t.Context(), "red", id); err != nil || d.ArtifactsDeleted || len(d.Artifacts) != 1 {
			t.Errorf("a file that came later: deleted %v, %d artifacts (%v)", d.ArtifactsDeleted, len(d.Artifacts), err)
		}
	})
}
