package unified

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"steno/internal/calendar"
	"steno/internal/fail"
	"steno/internal/ident"
)

const (
	// KeyFor is how long the answer to a request with a key is kept.
	KeyFor = 24 * time.Hour
	// busyFor is how long such a request may take before another may go on with it.
	busyFor = time.Minute
	maxKey  = 255
)

// Key is a request that carries a key of the caller's own.
type Key struct {
	TeamID    string
	Key       string
	BodyHash  string
	RequestID string // by which the service knows a repetition
	Answer    []byte // nil: there is none yet
	CreatedAt time.Time
	BusyUntil time.Time
}

// alteration is a change of an event that is there, as keys are held against it.
type alteration struct {
	Do       string
	Provider calendar.Platform
	ID       string
	Scope    Scope
	Draft    *Draft
}

// once carries out a request. With a key, a repetition of the same request gets
// the answer of the first, for a day; another request with that key is refused.
// do gets the id by which the service is to know repetitions, and whether this
// may be one: what became of an earlier try is not known.
func (s *Service) once(ctx context.Context, team, key string, body any, do func(ctx context.Context, requestID string, again bool) (Event, error)) (Event, error) {
	if key == "" {
		return do(ctx, ident.New(), false)
	}
	if len(key) > maxKey || !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return Event{}, fail.New(fail.Invalid, CodeValidation, "Idempotency-Key: must have 1 to %d bytes of text", maxKey)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return Event{}, err
	}
	sum := sha256.Sum256(text)
	now := s.Clock.Now()
	want := Key{TeamID: team, Key: key, BodyHash: hex.EncodeToString(sum[:]), RequestID: ident.New(), CreatedAt: now}
	found, taken, err := s.Store.Claim(ctx, want, now, now.Add(busyFor))
	switch {
	case err != nil:
		return Event{}, err
	case found.BodyHash != want.BodyHash:
		return Event{}, fail.New(fail.Invalid, CodeKeyReused, "Idempotency-Key: was used for another request; use a new key for each request")
	case found.Answer != nil:
		var e Event
		return e, json.Unmarshal(found.Answer, &e)
	case !taken:
		return Event{}, fail.New(fail.Conflict, CodeKeyBusy, "Idempotency-Key: the first request with this key is still under way; repeat this one in a moment")
	}
	e, err := do(ctx, found.RequestID, found.RequestID != want.RequestID)
	// The key is looked after although the caller has gone.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err != nil {
		// What the service has refused may be put right and sent again. Of what is
		// unclear the service must know the repetition.
		x := calendar.AsError(err)
		clear := fail.Is(err, fail.Invalid) || fail.Is(err, fail.NotFound) || (x != nil && x.Kind != calendar.Transient)
		return e, errors.Join(err, s.Store.Unclaim(after, team, key, clear))
	}
	answer, err := json.Marshal(e)
	if err == nil {
		err = s.Store.Answer(after, team, key, answer)
	}
	if err != nil {
		// It is done. A repetition finds it so at the service.
		s.Log.Warn("the answer to a request with a key could not be kept", "error", fmt.Errorf("keep answer: %w", err))
	}
	return e, nil
}
