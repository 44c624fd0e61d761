package issuer

import (
	"context"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"steno/internal/clock"
	"steno/internal/fail"
)

const (
	// keepFor is how long a set of keys is used before it is read again: a key
	// that the issuer withdrew works no longer than this.
	keepFor = time.Hour
	// minPause lies between two readings of the set, however many tokens with
	// unknown keys come; retryPause when the last one failed.
	minPause   = 30 * time.Second
	retryPause = 5 * time.Second
)

// ring is the issuer's keys. When they cannot be read anew, the old ones stay.
type ring struct {
	source *source
	clock  clock.Clock
	turn   chan struct{} // held by who reads the keys

	mu     sync.Mutex
	set    []jose.JSONWebKey
	readAt time.Time // when set was read
	tried  time.Time // when it was last tried
	failed error     // how that ended
}

func newRing(s *source, c clock.Clock) *ring {
	return &ring{source: s, clock: c, turn: make(chan struct{}, 1)}
}

// keys returns the set. With anew, what was there did not do: it is read again,
// if the last time is not too near.
func (r *ring) keys(ctx context.Context, anew bool) ([]jose.JSONWebKey, error) {
	set, due := r.look(anew)
	if !due {
		return set, nil
	}
	// One reads. The others wait only where they cannot go on with what there is.
	select {
	case r.turn <- struct{}{}:
	default:
		if len(set) > 0 && !anew {
			return set, nil
		}
		select {
		case r.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-r.turn }()
	if set, due = r.look(anew); !due { // somebody else has read it meanwhile
		return set, nil
	}
	// The caller may go away; what is read is for all.
	_ = r.refresh(context.WithoutCancel(ctx)) // the old keys stay, see unknown
	set, _ = r.look(false)
	return set, nil
}

// look returns the set, and whether it is to be read again.
func (r *ring) look(anew bool) (set []jose.JSONWebKey, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, pause := r.clock.Now(), minPause
	if r.failed != nil {
		pause = retryPause
	}
	if !r.tried.IsZero() && now.Sub(r.tried) < pause {
		return r.set, false
	}
	return r.set, anew || len(r.set) == 0 || now.Sub(r.readAt) >= keepFor
}

// unknown is why nothing can be said of a key that is not in the set: the set
// could not be read. Nil if it could.
func (r *ring) unknown() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		return nil
	}
	return fail.Wrap(r.failed, fail.Unavailable, codeUnavailable, "the keys of the token's issuer cannot be read now; try again in a moment, or use an API key")
}

// refresh reads the set.
func (r *ring) refresh(ctx context.Context) error {
	set, err := r.source.read(ctx)
	now := r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried, r.failed = now, err
	if err == nil {
		r.set, r.readAt = set, now
	}
	return err
}

const codeUnavailable = "FST_ERR_TOKEN_ISSUER_UNAVAILABLE"
