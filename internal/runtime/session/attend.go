package session

import (
	"context"
	"errors"
	"time"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/platform"
	"steno/internal/record/screen"
)

// loss is how a visit ends that should not have: the browser or the
// connection is gone, the meeting may well go on.
type loss struct {
	reason string // as in journal.Gap
	err    error
}

func (l *loss) Error() string { return l.reason + ": " + l.err.Error() }
func (l *loss) Unwrap() error { return l.err }

// errWished is the cause with which a visit is cancelled when somebody wants
// the bot to leave.
var errWished = errors.New("told to leave")

const (
	firstBackoff = time.Second
	longBackoff  = 16 * time.Second
	// knocksAgain: how often the bot asks again when the platform itself ends the
	// wait for an answer.
	knocksAgain = 2
	// healthy: a visit that lasted so long in the call clears the count of
	// failures.
	healthy = 20 * time.Second
)

// attend goes to the meeting, again and again if need be, until it is over.
// The error is only ever that of ctx.
func (s *session) attend(ctx context.Context) (verdict, error) {
	if s.isWished() {
		return s.told(), nil
	}
	if !s.early() {
		s.diary.state(bot.JoiningCall, "")
	}
	deadline := s.clock.Now().Add(s.limits.Rejoin) // for being back; only if the bot was in
	for failures := 0; ; {
		v := s.newVisit(deadline)
		verdict, err := v.run(ctx)
		switch {
		case ctx.Err() != nil:
			return verdict, context.Cause(ctx)
		case err == nil && s.asksAgain(v, verdict):
			continue
		case err == nil:
			return verdict, nil
		case s.isWished():
			return s.told(), nil
		}
		failures++
		if v.inCall() {
			deadline = s.clock.Now().Add(s.limits.Rejoin)
			if s.clock.Now().Sub(v.entered) >= healthy {
				failures = 1
			}
		}
		s.lost(err, v)
		if verdict, over := s.giveUp(err, failures, deadline); over {
			return verdict, nil
		}
		if err := s.pause(ctx, failures, v.inCall()); err != nil {
			return verdict, err
		}
	}
}

// asksAgain reports whether the bot is to ask once more to be let in: the platform
// gave up before the time that the bot may wait was over.
func (s *session) asksAgain(v *visit, out verdict) bool {
	if out.code != bot.EndTimeoutWaiting || !v.proof.Stated || !s.facts.admitted.IsZero() ||
		s.facts.asked.IsZero() || s.clock.Now().Sub(s.facts.asked) >= s.spec.Timeouts.WaitingRoom || s.knocks >= knocksAgain {
		return false
	}
	s.knocks++
	s.diary.note("asks again to be let in: "+out.message, "")
	return true
}

// giveUp says whether another visit makes no sense.
func (s *session) giveUp(err error, failures int, deadline time.Time) (verdict, bool) {
	if errors.Is(err, browser.ErrNoBrowser) || errors.Is(err, screen.ErrNotInstalled) {
		return verdict{bot.EndInternalError, err.Error()}, true
	}
	been := !s.facts.admitted.IsZero()
	if been && s.clock.Now().After(deadline) || failures >= s.limits.Tries {
		code := bot.EndCannotJoin
		if errors.Is(err, platform.ErrStrange) {
			code = bot.EndUnknown
		}
		var l *loss
		if been || errors.As(err, &l) {
			code = bot.EndInternalError
		}
		return verdict{code, "could not join: " + err.Error()}, true
	}
	return verdict{}, false
}

// pause waits before the next visit: not at all when a call was lost, because
// the meeting goes on, else longer and longer.
func (s *session) pause(ctx context.Context, failures int, wasIn bool) error {
	wait := min(firstBackoff<<(failures-1), longBackoff)
	if wasIn {
		wait = 0
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.wished:
	case <-time.After(wait):
	}
	return nil
}

// lost takes note of a visit that ended in a loss.
func (s *session) lost(err error, v *visit) {
	s.log.Warn("lost the meeting", "error", err)
	reason := "reconnect"
	var l *loss
	if errors.As(err, &l) {
		reason = l.reason
	}
	s.diary.note("lost the meeting: "+err.Error(), "")
	if s.gap == nil && s.diary.recorded() {
		s.gap = &gap{from: v.recordedUntil(), reason: reason}
	}
}

// recordedUntil is the last moment of a lost visit of which something was recorded.
// Frames go on until the browser is closed: while the page stands still, or shows
// that it does not find its connection again.
func (v *visit) recordedUntil() time.Time {
	switch {
	case !v.since.IsZero():
		return v.since
	case v.film != nil || v.rec == nil:
		return v.lastKnown
	}
	return latest(v.lastKnown, v.rec.Activity().LastFrame)
}

// told is the verdict when somebody told the bot to leave.
func (s *session) told() verdict {
	var from string
	s.diary.look(func(m *memory) { from = m.leave })
	if from == "signal" {
		code := bot.EndSIGTERM
		if s.diary.recorded() {
			code = bot.EndAPIRequest
		}
		return verdict{code, "the bot's process was told to end"}
	}
	return verdict{bot.EndAPIRequest, ""}
}

func (s *session) isWished() bool {
	select {
	case <-s.wished:
		return true
	default:
		return false
	}
}

// refused turns an error of Enter into a verdict if the platform said no.
func refused(err error) (verdict, bool) {
	var r *platform.Refusal
	if errors.As(err, &r) {
		return verdict{r.Code, r.Reason}, true
	}
	return verdict{}, false
}
