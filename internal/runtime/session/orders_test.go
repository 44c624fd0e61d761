package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/journal"
)

func (w *world) order(kind bot.CommandKind, id, text string) (Reply, error) {
	return Tell(w.t.Context(), w.folder, Request{Command: string(kind), ID: id, Text: text})
}

// insist orders until the bot is there to hear it.
func (w *world) insist(kind bot.CommandKind, id, text string) (Reply, error) {
	for {
		r, err := w.order(kind, id, text)
		var refused *Refused
		if err == nil || w.t.Context().Err() != nil || errors.As(err, &refused) && r.Code != ReplyBusy {
			return r, err
		}
	}
}

// A message is posted once, however often it is asked for and whoever dies, and
// is in the journal once though the page shows it, too.
func TestMessageIsPostedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *bot.Spec) { s.EntryMessage = "I record." })
	w.show(platform.Observation{Stage: platform.StageLobby})
	p := w.start()
	w.untilState(bot.InWaitingRoom)
	var refused *Refused
	if r, err := w.order(bot.CommandChat, "c1", "Hello there"); !errors.As(err, &refused) || r.Code != ReplyBusy {
		t.Errorf("in the lobby: %+v %v", r, err)
	}
	w.set(func() { w.busy = true })
	w.show(inCall("me"))
	w.untilState(bot.Recording)
	if r, err := w.order(bot.CommandChat, "c1", "Hello there"); !errors.As(err, &refused) || r.Code != ReplyBusy || len(w.said) > 0 {
		t.Errorf("while a menu is open: %+v %v, said %q", r, err, w.said)
	}
	w.set(func() { w.busy = false })
	w.until("the entry message", func([]journal.Entry) bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.said) == 1 })
	for range 2 {
		if r, err := w.order(bot.CommandChat, "c1", "Hello there"); err != nil || !r.OK {
			t.Fatalf("%+v %v", r, err)
		}
	}
	scene := inCall("me")
	scene.Messages = []platform.Message{{ID: "page-1", Sender: "Steno", Text: "Hello  there", Self: true}, {ID: "page-2", Sender: "Ann", Text: "Hello there"}}
	w.show(scene)
	told := func(n int) func([]journal.Entry) bool {
		return func(entries []journal.Entry) bool { return chats(entries) == n }
	}
	w.until("the answer of another", told(2))
	p.stop()
	_ = p.wait()
	p = w.start() // its page shows all messages again
	if r, err := w.insist(bot.CommandChat, "c1", "Hello there"); err != nil || !r.OK {
		t.Errorf("after a restart: %+v %v", r, err)
	}
	w.set(func() { w.mute = fmt.Errorf("say: %w", platform.ErrNoChat) })
	if r, err := w.order(bot.CommandChat, "c2", "No chat"); err == nil || r.Code != ReplyNoChat {
		t.Errorf("without chat: %+v %v", r, err)
	}
	w.set(func() { w.mute = errors.New("the page is odd") })
	if r, err := w.order(bot.CommandChat, "c3", "Odd"); err == nil || r.Code != "" || r.OK {
		t.Errorf("a page that does not take it: %+v %v", r, err)
	}
	w.set(func() { w.mute = nil })
	if r, err := w.order(bot.CommandChat, "c3", "Odd"); err == nil || r.OK {
		t.Errorf("one of which nobody knows is posted again: %+v %v", r, err)
	}
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	if n := chats(w.entries()); n != 2 || !slices.Equal(w.said, []string{"I record.", "Hello there"}) {
		t.Errorf("%d messages in the journal, said %q", n, w.said)
	}
}

func chats(entries []journal.Entry) (n int) {
	for _, e := range entries {
		if e.Chat != nil {
			n++
		}
	}
	return n
}

// A pause outlives the process, and its end is told with the statuses of the
// contract.
func TestPausedBot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	scene := inCall("me")
	scene.Speaking = []string{"p1"}
	w.show(scene)
	p := w.start()
	w.untilState(bot.Recording)
	for i := range 2 { // a second time, for its reply may get lost
		if r, err := w.order(bot.CommandPause, fmt.Sprint("p", i/2), "We pause."); err != nil || !r.OK {
			t.Fatalf("%+v %v", r, err)
		}
	}
	p.stop()
	_ = p.wait()
	p = w.start()
	if r, err := w.insist(bot.CommandResume, "r1", ""); err != nil || !r.OK {
		t.Fatalf("%+v %v", r, err)
	}
	if r, err := w.order(bot.CommandPause, "p2", ""); err != nil || !r.OK {
		t.Fatalf("%+v %v", r, err)
	}
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantStates(bot.JoiningCall, bot.InCall, bot.Recording, bot.Paused, bot.Resumed, bot.Paused, bot.APIRequestStop, bot.CallEnded, bot.RecordingDone)
	if !slices.Equal(w.pauses, []bool{true, true, false, true}) || !slices.Equal(w.said, []string{"We pause."}) {
		t.Errorf("the recorders were told %v; said %q", w.pauses, w.said)
	}
	var on []bool
	paused := false
	for _, e := range w.entries() {
		if e.Pause != nil {
			on, paused = append(on, e.Pause.On), e.Pause.On
			if e.Pause.UnixMicro == 0 || e.Pause.UnixMicro > e.At.UnixMicro() {
				t.Errorf("a pause at %d, told at %d", e.Pause.UnixMicro, e.At.UnixMicro())
			}
		}
		if paused && e.Speech != nil && e.Speech.On {
			t.Error("the journal says who spoke in a pause")
		}
	}
	if !slices.Equal(on, []bool{true, false, true}) {
		t.Errorf("pauses %v", on)
	}
}

// A film is paused, too: it ends, also for a process that takes over in the
// pause, and begins anew behind it.
func TestPausedFilm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *bot.Spec) {
		s.Engine, s.Mode, s.Timeouts.Silence = bot.ScreenEngine, bot.SpeakerView, 300*time.Millisecond
	})
	scene := inCall("me")
	scene.Speaking = []string{"p1"}
	w.show(scene)
	p := w.start()
	w.untilState(bot.Recording)
	for i := range 2 {
		if r, err := w.order(bot.CommandPause, fmt.Sprint("p", i), ""); err != nil || !r.OK {
			t.Fatalf("%+v %v", r, err)
		}
	}
	p.stop()
	_ = p.wait()
	p = w.start()
	// Nobody listens meanwhile, but the page shows that somebody speaks.
	w.until("a second in the pause", func(e []journal.Entry) bool {
		return time.Since(e[len(e)-1].At) > time.Second
	})
	if r, err := w.insist(bot.CommandResume, "r1", ""); err != nil || !r.OK {
		t.Fatalf("%+v %v", r, err)
	}
	story := func(entries []journal.Entry) (list []string) {
		for _, e := range entries {
			switch {
			case e.Pause != nil && e.Pause.On:
				list = append(list, "pause")
			case e.Pause != nil:
				list = append(list, "resume")
			case e.Track != nil && e.Track.Ended:
				list = append(list, "cut")
			case e.Track != nil:
				list = append(list, "roll")
			}
		}
		return list
	}
	want := []string{"roll", "cut", "pause", "resume", "roll"}
	w.until("the film goes on", func(e []journal.Entry) bool { return len(story(e)) == len(want) })
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	if got := story(w.entries()); !slices.Equal(got[:len(want)], want) {
		t.Errorf("films and pauses %v, want %v", got, want)
	}
	w.wantDone(bot.Completed, bot.EndAPIRequest)
}
