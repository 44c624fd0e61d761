package transcription

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

// moment is when the server is killed.
type moment struct {
	name   string
	length time.Duration // of the recording
	work   time.Duration // of the service, for each part
	inject service.Injection
	called bool // the service calls back
	now    func(h *house, id string) bool
}

// Killed at any moment, the server goes on after its restart: every part of the
// recording is one job of the service, and the bot's end is told once.
func TestAKilledServerGoesOnWithItsTranscripts(t *testing.T) {
	t.Parallel()
	for _, m := range []moment{
		{"while it uploads", 3 * time.Minute, 0, service.Injection{Method: "upload", Kind: service.Slow, Times: 3}, false, func(h *house, _ string) bool { return h.sim.Calls("upload") == 3 }},
		{"while jobs are made", 3 * time.Minute, 0, service.Injection{Method: "create", Kind: service.LateAnswer, Times: 3}, false, func(h *house, _ string) bool { return h.sim.Jobs() == 3 }},
		{"while it waits", 3 * time.Minute, 4 * time.Second, service.Injection{}, false, func(h *house, id string) bool {
			_, tr := h.status(id)
			return tr == "processing"
		}},
		// What the service is asked for when it has called is slow.
		{"after it was called", 3 * time.Minute, 0, service.Injection{Method: "get", Kind: service.Slow, Times: 3}, true, func(h *house, id string) bool {
			return h.called(id) == 3
		}},
		// An hour takes a moment to merge.
		{"while it merges", time.Hour, 0, service.Injection{}, false, func(h *house, _ string) bool {
			found, _ := filepath.Glob(filepath.Join(h.data, "transcribing", "*", "output_transcription.json.tmp"))
			return len(found) > 0
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			storetest.EachOptions(t, m.kill)
		})
	}
}

func (m moment) kill(t *testing.T, o store.Options) {
	t.Parallel()
	sim := simulator(t, transcription.Options{Options: polite(), Work: m.work})
	if m.inject.Kind != "" {
		sim.Inject(m.inject)
	}
	h := openTo(t, o, sim, m.called)
	people := conversation(m.length)
	id := h.send(nil)
	h.record(id, people, m.length)
	for deadline := time.Now().Add(time.Minute); !m.now(h, id); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("the moment never came")
		}
	}
	if err := h.Kill(); err != nil {
		t.Fatal(err)
	}
	d, err := h.bots.Details(t.Context(), h.team(id), id)
	if err != nil || d.Status != "transcribing" {
		t.Fatalf("%v, the bot is %s when the server dies", err, d.Status)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.said(h.ended(id, "completed", time.Minute), people)
	if sim.Jobs() != speakers(people) {
		t.Errorf("%d jobs for %d people", sim.Jobs(), speakers(people))
	}
	h.eventually("the end is told", 20*time.Second, func() bool { return h.body(id, "bot.completed") != nil })
	if n := h.count("SELECT COUNT(*) FROM webhook_messages WHERE bot_id = $1 AND event = 'bot.completed'", id); n != 1 {
		t.Errorf("the end is told %d times", n)
	}
	if n := h.count("SELECT COUNT(*) FROM token_ledger WHERE bot_id = $1 AND kind = 'charged'", id); n != 1 {
		t.Errorf("charged %d times", n)
	}
	if left, _ := os.ReadDir(filepath.Join(h.data, "transcribing")); len(left) > 0 {
		t.Errorf("%d folders stay behind", len(left))
	}
}
