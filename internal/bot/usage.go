package bot

import (
	"context"
	"fmt"
	"time"
)

// QuotaTx is the room of limits and tokens, as this room sees it.
type QuotaTx interface {
	// Admit says whether the team may have the bot now (daily cap, tokens, own
	// key). reserve, called in the same transaction, makes use of a yes.
	Admit(ctx context.Context, b Bot, ownKey bool) (reserve func(ctx context.Context) error, err error)
	// OwnKey says whether the team may use its own key of the transcription
	// service.
	OwnKey(ctx context.Context, team string) error
	// Settle gives the bot's reservation back and books what it used.
	Settle(ctx context.Context, b Bot, u Usage) error
	// Transitions returns the statuses that the bot went through.
	Transitions(ctx context.Context, b Bot) ([]Transition, error)
}

// Usage is what a bot did that costs tokens.
type Usage struct {
	Recorded          time.Duration
	Waited            time.Duration
	Transcribed       time.Duration
	TranscribedOwnKey time.Duration
	StreamedIn        time.Duration
	StreamedOut       time.Duration
	Why               string
}

// settle books what a bot that has ended used (digest 5.3). Only what a bot did
// is booked, not what it was asked for.
func (s *Service) settle(ctx context.Context, tx Tx, d Details, done Done) error {
	u := Usage{Why: fmt.Sprintf("%s, %s", d.Status, d.EndCode)}
	switch {
	case d.Status == Completed, d.EndCode == EndTranscriptionFailed:
		if d.Duration != nil {
			u.Recorded = *d.Duration
		}
		if d.Transcribed.State == TranscriptionDone {
			u.transcribed(TranscriptionOrder{Provider: d.Transcribed.Provider, OwnKey: d.Config.Transcription.OwnKey}, d)
		}
		u.StreamedIn, u.StreamedOut = done.StreamedIn, done.StreamedOut
	case d.EndCode == EndNotAccepted, d.EndCode == EndTimeoutWaiting, d.EndCode == EndRecordingStart:
		steps, err := tx.Transitions(ctx, d.Bot)
		if err != nil {
			return err
		}
		u.Waited = waited(steps, d.EndCode == EndRecordingStart)
	}
	return tx.Settle(ctx, d.Bot, u)
}

// transcribed adds the transcript of an order to the usage: by the time that was
// recorded. The platform's own captions cost nothing.
func (u *Usage) transcribed(o TranscriptionOrder, d Details) {
	switch {
	case d.Duration == nil || o.Provider == LiveCaptions:
	case o.OwnKey:
		u.TranscribedOwnKey = *d.Duration
	default:
		u.Transcribed = *d.Duration
	}
}

// waited adds up the time in the waiting room; inside, it takes in the time in
// the call before anything was recorded.
func waited(steps []Transition, inside bool) (sum time.Duration) {
	for i, t := range steps {
		waiting := t.Status == InWaitingRoom || t.Status == InWaitingForHost || (inside && t.Status == InCall)
		if waiting && i+1 < len(steps) {
			sum += max(0, steps[i+1].At.Sub(t.At))
		}
	}
	return sum
}
