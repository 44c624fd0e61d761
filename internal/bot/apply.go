package bot

import (
	"context"

	"steno/internal/fail"
)

// Apply takes over what a bot's journal said since the last report, in one
// transaction with the webhooks that it causes. A Progress that is not newer
// than what is known changes nothing, so a report may be repeated.
func (s *Service) Apply(ctx context.Context, botID string, p Progress) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, "", botID)
		if err != nil {
			return err
		}
		if p.Seq <= l.Seq || l.Status.Terminal() || l.Status == Transcribing {
			return nil
		}
		b := l.Bot
		if err := s.takeFacts(ctx, tx, &b, p); err != nil {
			return err
		}
		for _, t := range p.Transitions {
			if t.Status == b.Status || t.Status.Terminal() {
				continue // repeated, or told by Done with its reason
			}
			if err := s.enter(ctx, tx, &b, t); err != nil {
				return err
			}
		}
		if err := s.tellChats(ctx, tx, b, p.Chats); err != nil {
			return err
		}
		if err := s.takeUtterances(ctx, tx, b, p.Utterances, p.Partial); err != nil {
			return err
		}
		if p.Done != nil {
			if err := s.finish(ctx, tx, &b, *p.Done); err != nil {
				return err
			}
		}
		return tx.Update(ctx, b, p.Seq)
	})
}

// takeFacts stores what the report says besides the status.
func (s *Service) takeFacts(ctx context.Context, tx Tx, b *Bot, p Progress) error {
	if p.JoinedAt != nil && b.JoinedAt == nil {
		b.JoinedAt = p.JoinedAt
	}
	if p.ExitedAt != nil {
		b.ExitedAt = p.ExitedAt
	}
	people, speakers := p.People, []Participant(nil)
	if p.Result != nil {
		b.Duration = &p.Result.Duration
		people, speakers = p.Result.Participants, p.Result.Speakers
	}
	if people != nil {
		if err := tx.PutPeople(ctx, *b, people, speakers); err != nil {
			return err
		}
	}
	if len(p.Artifacts) == 0 {
		return nil
	}
	b.ArtifactsDeleted = false // these came after the deletion (C8)
	return tx.PutArtifacts(ctx, *b, p.Artifacts, s.Clock.Now())
}

// enter puts the bot into a status and tells of it.
func (s *Service) enter(ctx context.Context, tx Tx, b *Bot, t Transition) error {
	b.Status, b.UpdatedAt = t.Status, t.At
	if err := tx.AddTransition(ctx, *b, t); err != nil {
		return err
	}
	if b.Surface != SurfaceV1 {
		return tx.Emit(ctx, statusChange(*b, t))
	}
	if m, ok := statusChangeV1(*b, t); ok {
		return tx.Emit(ctx, m)
	}
	return nil
}

// end puts the bot into its last status and tells of it.
func (s *Service) end(ctx context.Context, tx Tx, b *Bot, d Done) error {
	return s.endSaid(ctx, tx, b, d, nil)
}

// endSaid is end of a bot with a transcript, for those who are told of it whole.
func (s *Service) endSaid(ctx context.Context, tx Tx, b *Bot, d Done, said []UtteranceV1) error {
	b.EndCode, b.EndMessage, b.EndedAt = d.Code, d.Message, &d.At
	if b.EndMessage == "" && d.Status == Failed {
		b.EndMessage = d.Code.Text()
	}
	if err := s.enter(ctx, tx, b, Transition{Status: d.Status, At: d.At}); err != nil {
		return err
	}
	details, err := tx.Details(ctx, *b)
	if err != nil {
		return err
	}
	if err := s.settle(ctx, tx, details, d); err != nil {
		return err
	}
	m, err := s.final(ctx, details, said)
	if err != nil {
		return err
	}
	if err := tx.Emit(ctx, m); err != nil {
		return err
	}
	if details.Config.Callback == nil {
		return nil
	}
	return tx.CallBack(ctx, *b, *details.Config.Callback, m)
}

// endUnlaunched ends a bot that never ran, by way of the given signal.
func (s *Service) endUnlaunched(ctx context.Context, tx Tx, l Locked, code EndCode, message string, signals ...Transition) error {
	b, now := l.Bot, s.Clock.Now()
	for _, t := range append(signals, Transition{Status: RecordingFailed, At: now, Message: message}) {
		if err := s.enter(ctx, tx, &b, t); err != nil {
			return err
		}
	}
	if err := s.end(ctx, tx, &b, Done{Status: Failed, Code: code, Message: message, At: now}); err != nil {
		return err
	}
	return tx.Update(ctx, b, l.Seq)
}

// Fail ends a bot whose process cannot tell its story: it could not be
// launched, or its folder is gone. It does nothing to a bot that has ended, nor to
// one whose recording is stored and being transcribed.
func (s *Service) Fail(ctx context.Context, botID string, code EndCode, message string) error {
	return s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, "", botID)
		if fail.Is(err, fail.NotFound) || (err == nil && (l.Status.Terminal() || l.Status == Transcribing)) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.endUnlaunched(ctx, tx, l, code, message)
	})
}
