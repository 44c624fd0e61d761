package session

import (
	"context"
	"errors"
	"fmt"
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
	// long though it did before.
	muteLooks = 4
	muteLimit = 8 * time.Second
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
	if v.s.diary.isPaused() || heard.After(v.heardAt) {
		v.heardAt, v.unheard = heard, 0
		return nil
	}
	if v.shownSpeaking(seen) {
		v.unheard++
	}
	if heard.IsZero() || v.unheard < muteLooks || now.Sub(heard) < muteLimit || v.s.muteLosses >= muteTries {
		return nil
	}
	v.s.muteLosses++
	v.since = heard
	return &loss{"reconnect", fmt.Errorf("people speak, but no audio came for %s", now.Sub(heard).Round(time.Second))}
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
