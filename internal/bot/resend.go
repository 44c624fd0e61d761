package bot

import (
	"context"

	"steno/internal/fail"
)

// Codes of refused callbacks (digest 2.2, C26).
const (
	CodeNoTranscription = "FST_ERR_TRANSCRIPTION_NOT_ENABLED"
	CodeNoCallback      = "FST_ERR_CALLBACK_NOT_CONFIGURED"
)

// ResendFinal tells the team's endpoints of a bot's end once more, in a new
// message with fresh URLs. It may be repeated without limit.
func (s *Service) ResendFinal(ctx context.Context, team, id string) error {
	said, err := s.saidOf(ctx, team, id)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx Tx) error {
		_, m, err := s.ended(ctx, tx, team, id, said)
		if err != nil {
			return err
		}
		return tx.Emit(ctx, m)
	})
}

// RetryCallback tells a bot's callback of the end once more, with fresh URLs.
// instead, if it is not nil, takes the place of the address, the method and the
// secret that the bot was given, for this one message (C27).
func (s *Service) RetryCallback(ctx context.Context, team, id string, instead *CallbackRequest) error {
	if instead != nil {
		if bad := instead.check("", s.ValidURL); len(bad) > 0 {
			return Invalid(bad...)
		}
	}
	said, err := s.saidOf(ctx, team, id)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx Tx) error {
		d, m, err := s.ended(ctx, tx, team, id, said)
		if err != nil {
			return err
		}
		if d.Config.Transcription == nil {
			return fail.New(fail.Conflict, CodeNoTranscription, "Bot '%s' was sent without transcription; only bots with transcription have their callback retried.", id)
		}
		if instead != nil {
			return tx.CallBackWith(ctx, d.Bot, instead.callback(), instead.Secret, m)
		}
		if d.Config.Callback == nil {
			return fail.New(fail.Conflict, CodeNoCallback, "Bot '%s' has no callback; give one in the body of the request.", id)
		}
		return tx.CallBack(ctx, d.Bot, *d.Config.Callback, m)
	})
}

// ended returns a bot that has ended and the message that tells of it, made
// anew.
func (s *Service) ended(ctx context.Context, tx Tx, team, id string, said []UtteranceV1) (d Details, m Message, err error) {
	l, err := tx.Lock(ctx, team, id)
	if err != nil {
		return d, m, err
	}
	if !l.Status.Terminal() {
		return d, m, wrongStatus(id, l.Status)
	}
	if d, err = tx.Details(ctx, l.Bot); err != nil {
		return d, m, err
	}
	m, err = s.final(ctx, d, said)
	return d, m, err
}

// FinalMessage returns the message of a bot's end, made anew with fresh URLs, or
// nil if the bot is gone or has not ended. toCallback says for whom it is, which
// decides whether people are shown as objects; endpoints decide for themselves.
func (s *Service) FinalMessage(ctx context.Context, team, id string, toCallback, objects bool) ([]byte, error) {
	d, err := s.Store.Details(ctx, team, id)
	if fail.Is(err, fail.NotFound) || (err == nil && !d.Status.Terminal()) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	said, err := s.saidTo(ctx, d)
	if err != nil {
		return nil, err
	}
	m, err := s.final(ctx, d, said)
	if toCallback {
		objects = d.Config.Callback != nil && d.Config.Callback.Objects
	}
	if objects && m.Objects != nil {
		return m.Objects, err
	}
	return m.Body, err
}
