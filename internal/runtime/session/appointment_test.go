package session

import (
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/journal"
)

// The browser is opened before the bot's time, the meeting is not asked before.
func TestScheduledBotIsReadyBeforeItsTimeAndKnocksAtIt(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(3 * time.Second)
	w := newWorld(t, func(s *bot.Spec) { s.JoinAt = at })
	w.show(platform.Observation{Stage: platform.StageEnded, Code: bot.EndNotAccepted})
	if err := w.start().wait(); err != nil {
		t.Fatal(err)
	}
	if !w.openedAt.Before(at) {
		t.Errorf("the browser was opened %s after the time", w.openedAt.Sub(at))
	}
	if len(w.entered) != 1 || w.entered[0].Before(at) {
		t.Errorf("asked to be let in at %v, its time is %v", w.entered, at)
	}
	for _, e := range w.entries() {
		if e.State != nil && e.At.Before(at.Truncate(time.Millisecond)) {
			t.Errorf("%s was told %s before the time", e.State.Code, at.Sub(e.At))
		}
	}
	w.wantStates(bot.JoiningCall, bot.BotRejected, bot.RecordingFailed)
}

func TestScheduledBotCanBeToldToLeaveWhileItWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *bot.Spec) { s.JoinAt = time.Now().Add(time.Hour) })
	p := w.start()
	w.until("entry while the browser is open", func([]journal.Entry) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.opened == 1
	})
	if _, err := Tell(t.Context(), w.folder, Request{Command: "leave", From: "api"}); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	w.wantDone(bot.Failed, bot.EndExitBeforeRecord)
	if len(w.entered) != 0 {
		t.Error("it asked to be let in")
	}
}
