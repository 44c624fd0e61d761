package all_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"steno/internal/provider/transcribe"
	"steno/internal/provider/transcribe/all"
	"steno/internal/transcript"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

var speech = []transcript.Span{{From: time.Second, To: 5 * time.Second}, {From: 8 * time.Second, To: 11 * time.Second}}

func TestWordsComeBackWithTheirTimes(t *testing.T) {
	o := polite()
	o.Jitter = -1
	o.Script = "Good morning, everybody. Shall we begin?"
	each(t, o, func(t *testing.T, b *bench) {
		res, err := b.result(t.Context(), request("a", audio(t, 12*time.Second, speech...)))
		if err != nil || res == nil {
			t.Fatal(res, err)
		}
		if len(res.Words) < 10 || res.Words[0].Text != "Good" || res.Words[1].Text != "morning," {
			t.Fatalf("the words are %v", res.Words)
		}
		for i, w := range res.Words {
			in := w.Start >= speech[0].From && w.End <= speech[0].To || w.Start >= speech[1].From && w.End <= speech[1].To
			if !in || w.End <= w.Start || i > 0 && w.Start < res.Words[i-1].End {
				t.Errorf("%q is said from %s to %s", w.Text, w.Start, w.End)
			}
			if w.Confidence <= 0 || w.Confidence > 1 || w.Language != "en" {
				t.Errorf("%q has confidence %g and language %q", w.Text, w.Confidence, w.Language)
			}
		}
		if d := (res.Duration - 12*time.Second).Abs(); d > 500*time.Millisecond || fmt.Sprint(res.Languages) != "[en]" {
			t.Errorf("duration %s, languages %v", res.Duration, res.Languages)
		}
		var raw struct {
			Metadata      map[string]float64
			Transcription struct {
				Utterances []struct {
					Speaker *int // a number in the contract, also where nobody was told apart
					Words   []struct{ Word string }
				}
			}
		}
		if err := json.Unmarshal(res.Raw, &raw); err != nil || raw.Metadata["audio_duration"] < 11 || len(raw.Transcription.Utterances) != 2 {
			t.Fatalf("%v in the raw answer %s", err, res.Raw)
		}
		for _, u := range raw.Transcription.Utterances {
			if u.Speaker == nil || len(u.Words) == 0 {
				t.Errorf("an utterance of the raw answer has no speaker or no words: %s", res.Raw)
			}
		}
	})
}

func TestSilenceIsNoFailure(t *testing.T) {
	each(t, polite(), func(t *testing.T, b *bench) {
		res, err := b.result(t.Context(), request("a", audio(t, 3*time.Second)))
		if err != nil || res == nil || len(res.Words) != 0 || len(res.Raw) == 0 {
			t.Errorf("%+v, %v", res, err)
		}
	})
}

func TestFailuresSayWhatTheyMean(t *testing.T) {
	good := audio(t, 6*time.Second, speech[0])
	each(t, polite(), func(t *testing.T, b *bench) {
		_, err := b.result(t.Context(), request("a", []byte(strings.Repeat("this is no audio ", 100))))
		kind(t, err, transcript.RefusedAudio)

		r := request("b", good)
		r.Key = "some-other-key"
		_, err = b.client.Submit(t.Context(), r)
		if e := kind(t, err, transcript.WrongKey); strings.Contains(e.Error(), r.Key) {
			t.Errorf("the error tells the key: %v", e)
		}

		r = request("c", good)
		r.Custom = json.RawMessage(`["no", "object"]`)
		_, err = b.client.Submit(t.Context(), r)
		kind(t, err, transcript.RefusedRequest)

		if b.name != "deepgram" { // which does not mind what it does not know
			r.Custom = json.RawMessage(`{"no_such_option": "x"}`)
			_, err = b.client.Submit(t.Context(), r)
			kind(t, err, transcript.RefusedRequest)
		}

		if later[b.name] {
			_, err = b.client.Result(t.Context(), key, "00000000-0000-4000-a000-000000000000")
			kind(t, err, transcript.Gone)
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.client.Submit(ctx, request("e", good)); !errors.Is(err, context.Canceled) {
			t.Errorf("after its end the caller is told %v", err)
		}

		b.sim.Inject(service.Injection{Kind: service.TooMany, RetryAfter: 90, Times: -1})
		_, err = b.client.Submit(t.Context(), request("d", good))
		if e := kind(t, err, transcript.RateLimited); e.RetryAfter != 90*time.Second {
			t.Errorf("the service asked for 90 s, the error says %s", e.RetryAfter)
		}
	})
}

// A service with jobs tells of their end, with the token: at the address that it was
// given, unless the caller's own options name another. The token is in nothing that
// callers are shown.
func TestTheEndOfAJobIsTold(t *testing.T) {
	const token = "canary-token"
	calls := make(chan *http.Request, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { calls <- r }))
	t.Cleanup(receiver.Close)
	good := audio(t, 6*time.Second, speech[0])
	own := map[string]string{"gladia": `{"callback_url": %q}`, "assemblyai": `{"webhook_url": %q}`}
	each(t, polite(), func(t *testing.T, b *bench) {
		r := request("a", good)
		r.Callback = &transcript.Callback{URL: receiver.URL + "/ours", Token: token}
		s, err := b.client.Submit(t.Context(), r)
		if err != nil || s.Calls != later[b.name] || s.Calls == (s.Result != nil) {
			t.Fatalf("%+v, %v", s, err)
		}
		if !s.Calls {
			return
		}
		if got := <-calls; got.Method != http.MethodPost || got.URL.Path != "/ours" || got.Header.Get(transcript.CallbackToken)+got.URL.Query().Get(transcript.CallbackToken) != token {
			t.Errorf("called %s %s with %v", got.Method, got.URL, got.Header)
		}
		if res, err := b.client.Result(t.Context(), key, s.ID); err != nil || res == nil || strings.Contains(string(res.Raw), token) {
			t.Errorf("after the call: %+v, %v", res, err)
		}
		r.Tag, r.Custom = "b", fmt.Appendf(nil, own[b.name], receiver.URL+"/theirs")
		if s, err = b.client.Submit(t.Context(), r); err != nil || s.Calls {
			t.Fatalf("%+v, %v", s, err)
		}
		if got := <-calls; got.URL.String() != "/theirs" || got.Header.Get(transcript.CallbackToken) != "" {
			t.Errorf("called %s with %v", got.URL, got.Header)
		}
		r.Tag, r.Custom, r.Callback.URL = "c", nil, "http://steno:8080/ours"
		_, err = b.client.Submit(t.Context(), r)
		kind(t, err, transcript.RefusedRequest)
	})
}

func TestAServiceThatIsAwayIsTransient(t *testing.T) {
	for _, name := range all.Names {
		clk := &hands{now: time.Now()}
		c, err := all.New(name, transcribe.Options{URL: "http://127.0.0.1:1", Clock: clk, Sleep: clk.Sleep})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Submit(t.Context(), request("a", audio(t, time.Second)))
		kind(t, err, transcript.Transient)
	}
	if _, err := all.New("nobody", transcribe.Options{}); err == nil {
		t.Error("a service that does not exist was opened")
	}
	if _, err := all.New("gladia", transcribe.Options{URL: "ftp://x"}); err == nil {
		t.Error("an address that is none was taken")
	}
}

// Whatever fails once and passes by itself is not seen, and makes no second job.
func TestWhatPassesByItselfIsNotSeen(t *testing.T) {
	good := audio(t, 6*time.Second, speech[0])
	for _, fault := range []service.Kind{service.TooMany, service.TooManySilent, service.ServerError, service.Truncated, service.Garbage, service.AfterEffect, service.HangUp} {
		t.Run(string(fault), func(t *testing.T) {
			each(t, polite(), func(t *testing.T, b *bench) {
				for _, method := range []string{"upload", "create", "list", "get", "listen", "transcriptions"} {
					b.sim.Inject(service.Injection{Method: method, Kind: fault})
				}
				res, err := b.result(t.Context(), request("a", good))
				if err != nil || res == nil || len(res.Words) == 0 {
					t.Fatalf("%+v, %v", res, err)
				}
				if later[b.name] && b.sim.Jobs() != 1 {
					t.Errorf("%d jobs were made of one audio", b.sim.Jobs())
				}
			})
		})
	}
}

// A caller that died after its upload, or never got the answer to its job, comes
// back with the upload and finds the job that was made.
func TestAJobWhoseAnswerWasLostIsFoundAgain(t *testing.T) {
	good := audio(t, 6*time.Second, speech[0])
	each(t, polite(), func(t *testing.T, b *bench) {
		if !later[b.name] {
			t.Skip("the service keeps nothing that could be found")
		}
		r := request("a", good)
		r.Uploaded = func(_ context.Context, upload string) error { r.Upload = upload; return nil }
		b.sim.Inject(service.Injection{Method: "create", Kind: service.AfterEffect})
		b.sim.Inject(service.Injection{Method: "list", Kind: service.ServerError, Times: 3})
		_, err := b.client.Submit(t.Context(), r)
		kind(t, err, transcript.Transient)
		if r.Upload == "" {
			t.Fatal("the caller was not told of the upload")
		}
		if _, err := b.client.Submit(t.Context(), request("another", good)); err != nil {
			t.Fatal(err)
		}
		s, err := b.client.Submit(t.Context(), r)
		if err != nil || s.ID == "" {
			t.Fatal(s, err)
		}
		if b.sim.Jobs() != 2 || b.sim.Calls("upload") != 2 {
			t.Errorf("%d jobs and %d uploads for two audios", b.sim.Jobs(), b.sim.Calls("upload"))
		}
		if res, err := b.client.Result(t.Context(), key, s.ID); err != nil || res == nil {
			t.Errorf("the job that was found: %v %v", res, err)
		}
	})
}

func TestAnUploadThatCannotBeNotedMakesNoJob(t *testing.T) {
	full := errors.New("no room")
	each(t, polite(), func(t *testing.T, b *bench) {
		if !later[b.name] {
			t.Skip("the service takes no uploads")
		}
		r := request("a", audio(t, time.Second))
		r.Uploaded = func(context.Context, string) error { return full }
		if _, err := b.client.Submit(t.Context(), r); !errors.Is(err, full) || b.sim.Jobs() != 0 {
			t.Errorf("%v, and %d jobs", err, b.sim.Jobs())
		}
	})
}

func TestJobsThatFailHangOrVanish(t *testing.T) {
	good := audio(t, 6*time.Second, speech[0])
	each(t, polite(), func(t *testing.T, b *bench) {
		if !later[b.name] {
			t.Skip("the service has no jobs")
		}
		b.sim.Inject(service.Injection{Method: "job", Kind: service.JobFails})
		r := request("a", good)
		r.Uploaded = func(_ context.Context, upload string) error { r.Upload = upload; return nil }
		_, err := b.result(t.Context(), r)
		kind(t, err, transcript.JobFailed)
		if res, err := b.result(t.Context(), r); err != nil || res == nil {
			t.Errorf("submitted anew: %v %v", res, err) // the failed job is not taken for the new one
		}
		b.sim.Inject(service.Injection{Method: "job", Kind: service.JobStuck})
		if res, err := b.result(t.Context(), request("b", good)); res != nil || err != nil {
			t.Errorf("a job that never ends: %v %v", res, err)
		}
		s, err := b.client.Submit(t.Context(), request("c", good))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := b.client.Delete(t.Context(), key, s.ID); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		_, err = b.client.Result(t.Context(), key, s.ID)
		kind(t, err, transcript.Gone)
		r = request("d", good)
		r.Uploaded = func(context.Context, string) error { b.sim.Forget(); return nil }
		_, err = b.result(t.Context(), r)
		kind(t, err, transcript.Gone)
	})
}

func TestVoicesOfSeveralPeopleAreNumbered(t *testing.T) {
	o := polite()
	o.Ear = func([]byte) (transcription.Heard, error) {
		return transcription.Heard{Duration: 5, Language: "de", Words: []transcription.Said{{Text: "Ja", Start: 1, End: 1.3}, {Text: "Nein", Start: 2, End: 2.4, Voice: 1}}}, nil
	}
	each(t, o, func(t *testing.T, b *bench) {
		for _, several := range []bool{true, false} {
			r := request(fmt.Sprint(several), audio(t, 5*time.Second, speech[0]))
			r.Several = several
			res, err := b.result(t.Context(), r)
			if err != nil || len(res.Words) != 2 || res.Words[0].Language != "de" {
				t.Fatal(res, err)
			}
			apart := res.Words[0].Voice != res.Words[1].Voice
			if b.name != "openai" && apart != several || !several && res.Words[0].Voice != -1 {
				t.Errorf("several %v: the voices are %d and %d", several, res.Words[0].Voice, res.Words[1].Voice)
			}
		}
	})
}

// With all their bad habits at once, every audio is transcribed, and by
// services with jobs none twice without need.
func TestServicesThatMisbehaveTranscribeEveryAudioOnce(t *testing.T) {
	good := audio(t, 6*time.Second, speech[0])
	o := transcription.Options{Options: service.Options{Seed: 7, Faults: service.Faults{service.JobStuck: 0, service.JobFails: 0}}}
	each(t, o, func(t *testing.T, b *bench) {
		const n = 60
		for i := range n {
			r := request(fmt.Sprint("audio ", i), good)
			r.Uploaded = func(_ context.Context, upload string) error { r.Upload = upload; return nil }
			done := false
			for try := 0; try < 5 && !done; try++ { // as a job would
				res, err := b.result(t.Context(), r)
				if e := transcript.AsError(err); e != nil && !e.Passes() {
					t.Fatal(err)
				}
				done = res != nil
			}
			if !done {
				t.Errorf("audio %d was never transcribed", i)
			}
		}
		if later[b.name] && b.sim.Jobs() != n {
			t.Errorf("%d jobs were made of %d audios", b.sim.Jobs(), n)
		}
	})
}
