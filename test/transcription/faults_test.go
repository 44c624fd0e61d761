package transcription

import (
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

func captionsOf(id string) bot.StoredArtifact {
	return bot.StoredArtifact{Kind: bot.KindCaptions, Key: id + "/captions.jsonl"}
}

// What a service does wrong and mends by itself leaves no trace: the transcript
// is complete, and no audio was made a job of twice.
func TestFaultsThatPassLeaveNoTrace(t *testing.T) {
	t.Parallel()
	sim := simulator(t, transcription.Options{Options: polite()})
	h := open(t, sim)
	people := conversation(time.Minute)
	for _, c := range []struct {
		name, method string
		kind         service.Kind
		times        int
	}{
		{"too many requests", "upload", service.TooMany, 2},
		{"too many requests, without a time", "create", service.TooManySilent, 2},
		{"failures", "create", service.ServerError, 4},
		{"failures of an answer", "get", service.ServerError, 4},
		{"a job was made, and its answer lost", "create", service.AfterEffect, 3},
		{"a lost connection", "upload", service.HangUp, 2},
		{"half an answer", "get", service.Truncated, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := sim.Jobs()
			sim.Inject(service.Injection{Method: c.method, Kind: c.kind, Times: c.times})
			id := h.send(nil)
			h.record(id, people, time.Minute)
			h.said(h.ended(id, "completed", time.Minute), people)
			if n := sim.Jobs() - before; n != speakers(people) {
				t.Errorf("%d jobs for %d people", n, speakers(people))
			}
		})
	}
}

// What does not pass is told for what it is, and the recording is kept.
func TestFaultsThatStayEndTheBotAndKeepTheRecording(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		inject        service.Injection
		patience, key string
		says          string
	}{
		{"a wrong key", service.Injection{}, "1m", "wrong-canary-key", "gladia: upload audio: the API key is wrong"},
		{"a job that never ends", service.Injection{Method: "job", Kind: service.JobStuck, Times: -1}, "6s", transcription.Key, "has not finished the job in time"},
		{"jobs that always fail", service.Injection{Method: "job", Kind: service.JobFails, Times: -1}, "1m", transcription.Key, "gave the job up"},
		{"a service that is down", service.Injection{Method: "create", Kind: service.ServerError, Times: -1}, "6s", transcription.Key, "does not answer as it should"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := simulator(t, transcription.Options{Options: polite()})
			if c.inject.Kind != "" {
				sim.Inject(c.inject)
			}
			h := open(t, sim, "STENO_GLADIA_KEY="+c.key, "STENO_TRANSCRIPTION_TIMEOUT="+c.patience)
			people := conversation(time.Minute)
			id := h.send(nil)
			h.record(id, people, time.Minute)
			d := h.ended(id, "failed", time.Minute)
			if *d.ErrorCode != "TRANSCRIPTION_FAILED" || !strings.Contains(*d.ErrorMessage, c.says) || strings.Contains(*d.ErrorMessage, c.key) {
				t.Errorf("%s: %s", *d.ErrorCode, *d.ErrorMessage)
			}
			if d.Video == nil || d.Audio == nil || d.Transcription != nil || string(h.get(*d.Video)) != "mp4" {
				t.Errorf("the files are %+v", d)
			}
			if d.Tokens == nil || d.Tokens.Recording == 0 || d.Tokens.Transcription != 0 {
				t.Errorf("tokens %+v", d.Tokens)
			}
			if _, tr := h.status(id); tr != "error" {
				t.Errorf("the transcript is %s", tr)
			}
			h.eventually("the failure is told", 10*time.Second, func() bool { return h.body(id, "bot.failed") != nil })
		})
	}
}
