package live

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/internal/record/segment"
	"steno/internal/runtime/runtimetest"
)

func (h *host) tell(kind bot.CommandKind, id, text string) {
	h.t.Helper()
	h.book.Tell(bot.Command{ID: id, BotID: botID, Kind: kind, Text: text})
	h.s.Nudge(botID)
	h.until(string(kind)+" is done", func() bool { return h.book.Told(id) == bot.CommandDone })
}

// A bot that films its page and pauses for a while: the film stops meanwhile, no
// frame of the pause is on disk, the artifacts are shorter by it, and what it posted
// is in the chat once. That of a bot that records tracks is a scenario.
func TestFilmedMeetingThatIsPaused(t *testing.T) {
	needsProcessor(t)
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(func(s *bot.Spec) { s.Mode, s.Engine = bot.SpeakerView, bot.ScreenEngine })
	h.untilState(bot.Recording)
	h.untilRecorded(3 * time.Second)
	h.tell(bot.CommandChat, "c1", "Hello from the bot")
	h.tell(bot.CommandPause, "c2", "We pause.")
	h.untilState(bot.Paused)
	h.untilRecorded(4 * time.Second)
	h.tell(bot.CommandResume, "c3", "")
	h.untilRecorded(5 * time.Second)
	entries := h.journal()
	frames := h.filmed(entries) // kept, for the folder goes
	tracks, _ := filepath.Glob(filepath.Join(h.folder(), segment.Dir, "*"))
	for _, track := range tracks {
		files, err := segment.List(h.folder(), filepath.Base(track))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			r, err := segment.Open(f)
			if err != nil {
				continue // just begun
			}
			for {
				fr, err := r.Next()
				if err != nil {
					break
				}
				frames = append(frames, fr)
			}
			r.Close()
		}
	}
	l := h.finish(bot.EndAPIRequest)
	from, to := pauseIn(entries)
	early, late := 0, 0
	for _, f := range frames {
		switch {
		case f.Arrival >= from && f.Arrival < to:
			t.Fatalf("a frame of %d µs into the pause is on disk", f.Arrival-from)
		case f.Arrival < from:
			early++
		default:
			late++
		}
	}
	pause := time.Duration(to-from) * time.Microsecond
	if early < 50 || late < 50 || pause < 4*time.Second {
		t.Errorf("%d frames before and %d after a pause of %s", early, late, pause)
	}
	h.playsAll(l, 6*time.Second)
	h.isShorter(l, entries, pause)
	h.chatIs("Hello from the bot", "We pause.")
	if !slices.Contains(l.States, bot.Resumed) {
		t.Errorf("states %v", l.States)
	}
}

// filmed lists the pictures of the films, by the time at which they were taken.
func (h *host) filmed(entries []journal.Entry) (frames []segment.Frame) {
	h.t.Helper()
	films, err := screen.Files(h.folder())
	if err != nil {
		h.t.Fatal(err)
	}
	epoch := epochOf(entries)
	for _, f := range films {
		out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", f).Output()
		if err != nil {
			h.t.Fatalf("%s: %v", f, err)
		}
		for line := range strings.Lines(string(out)) {
			at, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
			if err != nil {
				h.t.Fatal(err)
			}
			frames = append(frames, segment.Frame{Arrival: epoch + int64(at*1e6)})
		}
	}
	return frames
}

func epochOf(entries []journal.Entry) int64 {
	for _, e := range entries {
		if e.Epoch != nil {
			return e.Epoch.UnixMicro
		}
	}
	return 0
}

func pauseIn(entries []journal.Entry) (from, to int64) {
	for _, e := range entries {
		switch {
		case e.Pause != nil && e.Pause.On:
			from = e.Pause.UnixMicro
		case e.Pause != nil:
			to = e.Pause.UnixMicro
		}
	}
	return from, to
}

// isShorter checks that video and audio last as long as the recording without
// the pause.
func (h *host) isShorter(l runtimetest.Life, entries []journal.Entry, pause time.Duration) {
	h.t.Helper()
	epoch := epochOf(entries)
	least := entries[len(entries)-1].At.Sub(time.UnixMicro(epoch)) - pause // what came by then
	for _, a := range l.Artifacts {
		if a.Kind != "video" && a.Kind != "audio" {
			continue
		}
		if d := h.plays(a.Key); d < least-time.Second || d > least+pause-500*time.Millisecond {
			h.t.Errorf("%s lasts %s, want %s and a moment (the pause was %s)", a.Kind, d, least, pause)
		}
	}
}

// chatIs checks the texts of the chat artifact.
func (h *host) chatIs(want ...string) {
	h.t.Helper()
	raw, err := os.ReadFile(filepath.Join(h.data, "objects", botID, "chat_messages.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	var list []struct{ Text string }
	if err := json.Unmarshal(raw, &list); err != nil {
		h.t.Fatal(err)
	}
	var texts []string
	for _, m := range list {
		texts = append(texts, m.Text)
	}
	if !slices.Equal(texts, want) {
		h.t.Errorf("the chat is %q, want %q", strings.Join(texts, "|"), strings.Join(want, "|"))
	}
}
