package transcription

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"steno/simulator/service"
	"steno/simulator/transcription"
)

// Killed at any moment, the server goes on after its restart: every part of the
// recording is one job of the service, and the bot's end is told once.
func TestAKilledServerGoesOnWithItsTranscripts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		work   time.Duration
		inject service.Injection
		now    func(h *house, id string) bool
	}{
		{"while it uploads", 0, service.Injection{Method: "upload", Kind: service.Slow, Times: 3}, func(h *house, _ string) bool { return h.sim.Calls("upload") == 3 }},
		{"while jobs are made", 0, service.Injection{Method: "create", Kind: service.LateAnswer, Times: 3}, func(h *house, _ string) bool { return h.sim.Jobs() == 3 }},
		{"while it waits", 4 * time.Second, service.Injection{}, func(h *house, id string) bool {
			_, tr := h.status(id)
			return tr == "processing"
		}},
		{"while it merges", 0, service.Injection{}, func(h *house, _ string) bool {
			found, _ := filepath.Glob(filepath.Join(h.data, "transcribing", "*", "output_transcription.json.tmp"))
			return len(found) > 0
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim := simulator(t, transcription.Options{Options: polite(), Work: c.work})
			if c.inject.Kind != "" {
				sim.Inject(c.inject)
			}
			h := open(t, sim)
			length := 3 * time.Minute
			if c.name == "while it merges" {
				length = time.Hour // takes a moment
			}
			people := conversation(length)
			id := h.send(nil)
			h.record(id, people, length)
			for deadline := time.Now().Add(time.Minute); !c.now(h, id); time.Sleep(100 * time.Microsecond) {
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
		})
	}
}
