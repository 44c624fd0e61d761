package session

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
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

// Proves T1 for a bot that waits: whatever the wall clock does meanwhile, it asks
// to be let in within a second of its time as the wall clock then says, and never
// before.
func TestAClockThatJumpsNeitherHastensNorHoldsUpABotThatWaits(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		begin time.Time
		jump  time.Duration
	}{
		{"an hour forward", noon, time.Hour}, {"an hour back", noon, -time.Hour},
		{"a day forward", noon, 24 * time.Hour}, {"a day back", noon, -24 * time.Hour},
		{"summer time begins", time.Date(2026, 3, 29, 1, 59, 40, 0, zone), 0},
		{"summer time ends", time.Date(2026, 10, 25, 2, 59, 40, 0, zone), 0},
		{"a leap second", time.Date(2026, 12, 31, 23, 59, 50, 0, time.UTC), -time.Second},
		{"the end of 32 bits", time.Date(2038, 1, 19, 3, 14, 0, 0, time.UTC), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				real := time.Now()
				var offset atomic.Int64
				wall := func() time.Time { return c.begin.Add(time.Since(real) + time.Duration(offset.Load())).UTC() }
				at := c.begin.Add(30*time.Second + 300*time.Millisecond)
				s := &session{clock: clock.Func(wall), spec: bot.Spec{JoinAt: at}}
				var knocked time.Time
				go func() {
					if s.waitUntil(t.Context(), at) == nil {
						knocked = wall()
					}
				}()
				time.Sleep(10500 * time.Millisecond)
				synctest.Wait()
				if !s.early() || !knocked.IsZero() {
					t.Fatal("it knocked at once")
				}
				offset.Store(int64(c.jump))
				jumped := wall()
				time.Sleep(max(0, at.Sub(jumped)) + time.Second)
				synctest.Wait()
				latest := at.Add(time.Second)
				if jumped.After(at) { // its time was jumped over
					latest = jumped.Add(time.Second)
				}
				if knocked.Before(at) || knocked.After(latest) || s.early() {
					t.Errorf("knocked at %v, its time is %v", knocked, at)
				}
			})
		})
	}
}
