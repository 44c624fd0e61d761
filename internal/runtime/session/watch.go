package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"steno/internal/platform"
)

const (
	pingEvery = time.Second
	// Before the bot is in the call the page loads megabytes of script, and a
	// slow start is no hang.
	answerJoining = 20 * time.Second
	// A page whose main thread is stuck while media still flow is left alone
	// for so long: the recording is fine, but who comes, speaks and leaves is not
	// seen, nor that the bot is removed.
	stuckLimit = 9 * time.Second
	usageEvery = 10 * time.Second
	// Connections that are down for so long, with no frame for so long, are dead.
	downLimit  = 5 * time.Second
	mediaLimit = 10 * time.Second
	// People are shown speaking at so many looks, but no audio has come for so
	// long though it did before. Looks within muteLag of the last audio do not
	// count: pages show speech for longer than it is heard.
	muteLooks = 4
	muteLimit = 8 * time.Second
	muteLag   = 2 * time.Second
	// A page whose word is wrong about that is not believed more often.
	muteTries = 3
)

// watch cancels the visit when the browser dies, hangs or grows too large, or
// when the bot shall leave. The function it returns ends the watch.
func (v *visit) watch(ctx context.Context, cancel context.CancelCauseFunc) func() {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-v.s.wished:
			cancel(errWished)
		case <-v.page.Done():
			cancel(&loss{"browser_died", errors.New("the browser's process is gone")})
		case <-v.page.Crashed():
			cancel(&loss{"browser_died", errors.New("the page crashed")})
		}
	})
	if v.film != nil {
		wg.Go(func() {
			select {
			case <-ctx.Done():
			case <-v.film.Failed():
				cancel(&loss{"browser_died", errors.New("the screen engine lost one of its programs")})
			}
		})
	}
	wg.Go(func() { v.ping(ctx, cancel) })
	wg.Go(func() { v.weigh(ctx, cancel) })
	return func() { stop(); wg.Wait() }
}

// ping asks the page for a sign of life, over and over.
func (v *visit) ping(ctx context.Context, cancel context.CancelCauseFunc) {
	answered := v.s.clock.Now()
	for {
		limit := v.s.limits.Answer
		if !v.everRecorded() {
			limit = answerJoining
		}
		asking, done := context.WithTimeout(ctx, limit)
		err := v.page.Ping(asking)
		done()
		now := v.s.clock.Now()
		if err == nil {
			answered = now
		}
		if ctx.Err() != nil {
			return
		}
		if silent := now.Sub(answered); silent >= limit && (!v.flowing(now) || silent >= stuckLimit) {
			cancel(&loss{"page_frozen", fmt.Errorf("the page does not answer: %w", err)})
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pingEvery):
		}
	}
}

// everRecorded reports whether a frame has come in this visit.
func (v *visit) everRecorded() bool { return v.first.Load() != 0 }

// severed is a loss when no media can come any more though the page shows the
// call: the server behind it may be gone. Silence is none, because then the
// connections stand.
func (v *visit) severed(now time.Time) error {
	a := v.rec.Activity()
	if v.film != nil {
		// A film grows several times a second, whatever there is to be seen.
		if grew := latest(a.LastFrame, v.film.since); v.film.rolling.Load() && now.Sub(grew) > mediaLimit {
			v.since = grew
			return &loss{"browser_died", fmt.Errorf("the film has not grown for %s", mediaLimit)}
		}
		a = v.film.Recorder.Activity()
	}
	if a.Down.IsZero() || now.Sub(a.Down) < downLimit || a.LastFrame.IsZero() || now.Sub(a.LastFrame) < mediaLimit {
		return nil
	}
	return &loss{"reconnect", fmt.Errorf("no media for %s, and no connection that could carry them", now.Sub(a.LastFrame).Round(time.Second))}
}

// muted is a loss when the page shows again and again that people speak while
// no audio comes any more that came before. Silence is none: nobody is shown.
func (v *visit) muted(seen platform.Observation, now time.Time) error {
	heard := v.rec.Activity().LastAudio
	if v.s.diary.isPaused() {
		v.away = absence{}
		return nil
	}
	if !v.away.tell(heard, v.shownSpeaking(seen), now) || v.s.muteLosses >= muteTries {
		return nil
	}
	v.s.muteLosses++
	v.since = heard
	return &loss{"reconnect", fmt.Errorf("people speak, but no audio came for %s", now.Sub(heard).Round(time.Second))}
}

// missing notes, for people, that the audio of somebody alone does not come any
// more though the page shows that they speak, and that it comes again. The bot
// stays: what the others say would be lost while it comes back.
func (v *visit) missing(seen platform.Observation, now time.Time) {
	if v.s.diary.isPaused() {
		clear(v.gone)
		return
	}
	for person, at := range v.voices() {
		a := v.gone[person]
		since, noted := a.since, a.noted
		a.noted = a.tell(at.frame, slices.Contains(seen.Speaking, person), now) || noted
		switch {
		case noted && at.frame.After(since):
			a.noted = false
			v.s.diary.note(fmt.Sprintf("the audio of %s comes again; it was missing since %s", v.s.diary.name(person), since.Format(time.RFC3339)), "")
		case a.noted && !noted:
			v.s.diary.note(fmt.Sprintf("%s is shown speaking, but no audio of theirs came for %s", v.s.diary.name(person), now.Sub(at.frame).Round(time.Second)), "")
		}
		v.gone[person] = a
	}
}

// absence is audio that stays away while the page shows that it should be heard.
type absence struct {
	since time.Time // the last audio
	looks int       // at which it should have been heard since then
	noted bool
}

// tell takes in a look: when audio last came, and whether the page shows speech.
// It reports whether audio that came before stays away.
func (a *absence) tell(last time.Time, shown bool, now time.Time) bool {
	if last.After(a.since) {
		a.since, a.looks = last, 0
	}
	if shown && now.Sub(last) > muteLag {
		a.looks++
	}
	return !last.IsZero() && a.looks >= muteLooks && now.Sub(last) >= muteLimit
}

// flowing reports whether frames came lately. A film shows nothing of whether
// the page is alive.
func (v *visit) flowing(now time.Time) bool {
	if v.film != nil {
		return false
	}
	last := v.rec.Activity().LastFrame
	return !last.IsZero() && now.Sub(last) < v.s.limits.Answer
}

// weigh replaces a browser that has grown too large before the machine's
// memory is gone.
func (v *visit) weigh(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(usageEvery):
		}
		u, err := v.page.Usage()
		if err == nil && u.PSS > v.s.limits.Memory {
			cancel(&loss{"browser_died", fmt.Errorf("the browser took %d MB of memory", u.PSS>>20)})
			return
		}
	}
}
