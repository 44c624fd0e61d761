package runtime

import (
	"context"
	"errors"
	"time"

	"steno/internal/bot"
	"steno/internal/runtime/session"
)

// Commands is the part of a Ledger that holds what bots are to be told. A
// Ledger without it has no commands.
type Commands interface {
	// Commands returns what the bots are to be told, oldest first.
	Commands(ctx context.Context, ids []string, now time.Time) ([]bot.Command, error)
	// TakeCommand notes that a bot is told now; false: nobody waits any more.
	TakeCommand(ctx context.Context, id string) (bool, error)
	// SettleCommand notes what came of it; state open gives it back.
	SettleCommand(ctx context.Context, id string, state bot.CommandState, message string) error
}

// askCommands tells the bots what they are to be told.
func (s *Supervisor) askCommands(ctx context.Context, ids []string, byID map[string]*worker) {
	ledger, ok := s.opt.Ledger.(Commands)
	if !ok {
		return
	}
	all, err := ledger.Commands(ctx, ids, s.opt.Clock.Now())
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("cannot ask what bots are to be told", "error", err)
		}
		return
	}
	byBot := map[string][]bot.Command{}
	for _, c := range all {
		byBot[c.BotID] = append(byBot[c.BotID], c)
	}
	for id, list := range byBot {
		w := byID[id]
		if w == nil || !w.telling.CompareAndSwap(false, true) {
			continue // it is busy with the earlier ones
		}
		s.wg.Go(func() {
			defer w.telling.Store(false)
			w.command(ctx, ledger, list)
		})
	}
}

// command tells a bot one thing after the other. What it cannot hear now, for
// its process is just starting, waits for the next time.
func (w *worker) command(ctx context.Context, ledger Commands, list []bot.Command) {
	for _, c := range list {
		taken, err := ledger.TakeCommand(ctx, c.ID)
		if err != nil {
			w.log.Warn("cannot take a command", "error", err)
			return
		}
		if !taken {
			continue
		}
		reply, err := session.Tell(ctx, w.folder, session.Request{Command: string(c.Kind), From: "api", ID: c.ID, Text: c.Text})
		state, message := outcome(reply, err)
		if ctx.Err() != nil {
			return // the next server asks the bot again, which knows what it has done
		}
		if err := ledger.SettleCommand(ctx, c.ID, state, message); err != nil {
			w.log.Warn("cannot note what came of a command", "error", err)
			return
		}
		w.log.Info("told the bot", "command", c.Kind, "outcome", state, "reason", message)
		if state == bot.CommandOpen {
			return
		}
	}
}

func outcome(reply session.Reply, err error) (bot.CommandState, string) {
	var refused *session.Refused
	switch {
	case err == nil:
		return bot.CommandDone, ""
	case !errors.As(err, &refused), reply.Code == session.ReplyBusy:
		return bot.CommandOpen, "" // not heard, or not now
	case reply.Code == session.ReplyNoChat:
		return bot.CommandDisabled, reply.Error
	}
	return bot.CommandFailed, reply.Error
}
