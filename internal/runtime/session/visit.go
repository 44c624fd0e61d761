package session

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/screen"
	"steno/internal/record/tracks"
)

const (
	lookTimeout = 5 * time.Second
	blindLimit  = 20 * time.Second // looks fail for so long: the page is of no use
	leaveLimit  = 5 * time.Second
	// settle: how long after being let in the bot waits for a first frame
	// before it says that it records silence.
	settle    = 3 * time.Second
	diskEvery = 5 * time.Second
)

// visit is one life of a browser in the meeting.
type visit struct {
	s        *session
	deadline time.Time // for being in the call, if the bot has been there before
	adapter  platform.Adapter
	page     Browser
	rec      Recorder
	film     *filming // nil with the track engine

	proof  proof // of the last look
	binder *binder
	shared string // the track on which sources stand that were not heard yet; empty: none has sources

	first     atomic.Int64 // arrival of the first frame, Unix microseconds
	entered   time.Time    // in the call; zero before
	lastKnown time.Time    // the last moment at which all was well
	since     time.Time    // from when on nothing was recorded, if the loss of the call is about that
	lastSeen  time.Time    // the last look that succeeded
	lastDisk  time.Time
	lastShot  time.Time
	shown     int                // the picture that the camera shows, from 1; 0: none
	lit       int                // how often the camera was switched on
	deaf      time.Time          // since when people speak and no audio came; zero if none did
	away      absence            // of all audio
	gone      map[string]absence // of that of each person
}

func (s *session) newVisit(deadline time.Time) *visit {
	return &visit{s: s, deadline: deadline, lastKnown: s.clock.Now(), binder: newBinder(), gone: map[string]absence{}}
}

func (v *visit) inCall() bool { return !v.entered.IsZero() }

// run makes the visit. It returns a verdict when the bot is out for good, or
// an error: a loss, or why the bot could not get in.
func (v *visit) run(ctx context.Context) (verdict, error) {
	defer v.close()
	defer v.s.captions.close()
	if err := v.prepare(ctx); err != nil {
		if out, no := refused(err); no {
			return out, nil
		}
		return verdict{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	guard := v.watch(ctx, cancel)
	defer guard()
	result, err := v.attend(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
		if errors.Is(cause, errWished) {
			result, err = v.s.told(), nil
		}
	}
	v.keepEvidence(ctx, result, err)
	if err == nil {
		v.leave(ctx)
	}
	return result, err
}

// prepare opens a browser with the engine's and the platform's scripts in it.
func (v *visit) prepare(ctx context.Context) error {
	s := v.s
	var err error
	if v.adapter, err = s.opt.Tools.Adapter(s.spec); err != nil {
		return &platform.Refusal{Code: bot.EndInvalidURL, Reason: err.Error()}
	}
	s.choose(v.adapter)
	if err = v.engine(ctx); err != nil {
		return fmt.Errorf("begin to record: %w", err)
	}
	var env []string
	if v.film != nil {
		env = v.film.Env()
	}
	if v.page, err = s.opt.Tools.Open(ctx, Opening{s.spec, s.opt.Folder, env, v.rec.Addr(), s.log}); err != nil {
		return fmt.Errorf("open browser: %w", err)
	}
	s.setBrowser(v.page)
	for _, script := range append([]string{v.rec.Script()}, v.adapter.Scripts(v.join())...) {
		if err := v.page.AddScript(ctx, script); err != nil {
			return fmt.Errorf("prepare page: %w", err)
		}
	}
	return nil
}

// engine makes the recorder that the spec asks for, or that the page turned out
// to need.
func (v *visit) engine(ctx context.Context) (err error) {
	s := v.s
	o := tracks.Options{
		Folder: s.opt.Folder, Journal: s.journal, Clock: s.clock, Log: s.log,
		AudioOnly: s.spec.Mode == bot.AudioOnly, Listen: s.films(), Held: screen.Held,
	}
	s.streams(&o)
	s.listens(&o)
	o.Camera = s.album != nil
	if !o.Listen { // else the film's first picture counts
		o.FirstFrame = func(at int64) { v.first.CompareAndSwap(0, at) }
	}
	if v.rec, err = s.opt.Tools.Record(o); err != nil {
		return err
	}
	s.setMouth(v.rec)
	if s.diary.isPaused() { // an earlier process or browser was
		v.rec.Pause(time.Time{}, true)
	}
	if !o.Listen {
		return nil
	}
	return v.raise(ctx)
}

func (v *visit) join() platform.Join {
	j := platform.Join{
		URL: v.s.spec.URL, Name: v.s.spec.Name, Account: v.s.spec.Account, Mode: v.s.spec.Mode,
		Rejoin: !v.s.facts.admitted.IsZero(), Captions: v.s.spec.Captions,
	}
	if v.s.early() {
		j.Knock = v.s.knock
	}
	return j
}

func (v *visit) close() {
	v.s.setBrowser(nil)
	v.s.setMouth(nil)
	if v.rec != nil {
		if err := v.rec.Close(); err != nil {
			v.s.log.Warn("the recorder's end", "error", err)
		}
		v.bindSources(v.rec.Contributors()) // some came when the page could not be looked at any more
	}
	if v.page != nil {
		if err := v.page.Close(); err != nil {
			v.s.log.Warn("the browser's end", "error", err)
		}
	}
}

// attend enters and then looks and decides, again and again.
func (v *visit) attend(ctx context.Context) (verdict, error) {
	err := v.s.waitUntil(ctx, v.s.spec.JoinAt.Add(-pageLead))
	if err != nil {
		return verdict{}, err
	}
	enter, cancel := context.WithTimeout(ctx, v.s.limits.Enter+max(0, v.s.spec.JoinAt.Sub(v.s.clock.Now())))
	err = v.adapter.Enter(enter, v.page, v.join())
	cancel()
	if err != nil && v.s.early() {
		return verdict{}, fmt.Errorf("enter, before the time: %s", err.Error()) // a no counts from then on
	}
	v.s.diary.state(bot.JoiningCall, "")
	if err != nil {
		if r, ok := errors.AsType[*platform.Refusal](err); ok {
			v.proof = proof{Stage: platform.StageEnded, Stated: true, Signals: r.Signals}
			return verdict{r.Code, r.Reason}, nil
		}
		return verdict{}, fmt.Errorf("enter: %w", err)
	}
	v.lastSeen = v.s.clock.Now()
	for {
		if out, over, err := v.look(ctx); over || err != nil {
			return out, err
		}
		pause := v.s.limits.Look
		if !v.inCall() {
			pause /= 2 // being let in should be noticed soon
		}
		talks := v.s.talks
		if !v.inCall() {
			talks = nil
		}
		select {
		case <-ctx.Done():
			return verdict{}, context.Cause(ctx)
		case on := <-talks:
			v.talk(ctx, on)
		case o := <-v.s.errands:
			o.reply <- v.obey(ctx, o.Request)
		case <-time.After(pause):
		}
	}
}

// look observes the page once and decides whether to stay.
func (v *visit) look(ctx context.Context) (verdict, bool, error) {
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	seen, err := v.adapter.Observe(looking, v.page)
	cancel()
	now := v.s.clock.Now()
	if err != nil {
		if now.Sub(v.lastSeen) > blindLimit {
			return verdict{}, false, &loss{"page_frozen", fmt.Errorf("cannot look at the page: %w", err)}
		}
		v.s.log.Debug("cannot look at the page", "error", err)
	} else {
		v.lastSeen = now
		if out, over, err := v.take(seen, now); over || err != nil {
			return out, over, err
		}
	}
	if v.inCall() {
		if err := v.roll(now); err != nil {
			return verdict{}, false, &loss{"browser_died", err}
		}
		v.follow(now)
		v.greet(ctx) // the recording does not wait for a chat that hangs
		v.show(ctx, now)
		v.shoot(ctx, now)
		if err := errors.Join(v.severed(now), v.muted(seen, now)); err != nil {
			return verdict{}, false, err
		}
		v.missing(seen, now)
		if why := v.lacking(seen, now); why != "" {
			if err := v.descend(why); err != nil {
				return verdict{}, false, err
			}
		}
	} else if !v.s.facts.admitted.IsZero() && now.After(v.deadline) {
		return verdict{bot.EndInternalError, "was not let in again"}, true, nil
	}
	if out, over := v.disk(now); over {
		return out, true, nil
	}
	out, over := decide(v.s.spec.Timeouts, v.s.facts, now)
	return out, over, nil
}

// disk stops the recording before the disk is full, so that there is room left
// to make artifacts of it.
func (v *visit) disk(now time.Time) (verdict, bool) {
	if err := v.rec.Err(); errors.Is(err, tracks.ErrDiskFull) {
		return verdict{bot.EndDiskFull, err.Error()}, true
	}
	if err := v.s.diary.failure(); err != nil {
		return verdict{bot.EndDiskFull, err.Error()}, true
	}
	if now.Sub(v.lastDisk) < diskEvery {
		return verdict{}, false
	}
	v.lastDisk = now
	free, size, err := freeSpace(v.s.opt.Folder)
	if err == nil && free < minFree(v.s.limits.MinFree, size) {
		return verdict{bot.EndDiskFull, fmt.Sprintf("only %d MB of disk are left", free>>20)}, true
	}
	return verdict{}, false
}

// leave leaves the call on the page, as far as the page still does anything.
func (v *visit) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	if v.film != nil {
		if err := v.film.Stop(); err != nil { // leaving is not to be seen
			v.s.log.Warn("the film's end", "error", err)
		}
	}
	if v.proof.Stated {
		return // the page says that the bot is out
	}
	if err := v.adapter.Leave(ctx, v.page); err != nil {
		v.s.log.Info("could not leave by the page", "error", err)
	}
}
