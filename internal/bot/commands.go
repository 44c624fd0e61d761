package bot

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"steno/internal/fail"
	"steno/internal/ident"
)

// CommandKind is what a bot that runs can be told beside leaving.
type CommandKind string

// The kinds.
const (
	CommandChat   CommandKind = "chat"   // post Text
	CommandPause  CommandKind = "pause"  // stop recording for a while; post Text, if there is one
	CommandResume CommandKind = "resume" // record again; the same
)

// CommandState is how far a command has come.
type CommandState string

// The states. Open ones are not with a bot yet; those that are taken may be.
const (
	CommandOpen     CommandState = "open"
	CommandTaken    CommandState = "taken"
	CommandDone     CommandState = "done"
	CommandFailed   CommandState = "failed"   // the bot tried, or refused
	CommandDisabled CommandState = "disabled" // the meeting has no chat
)

// Command is one wish. Its id keeps a bot from doing it twice.
type Command struct {
	ID      string
	TeamID  string
	BotID   string
	Kind    CommandKind
	Text    string
	State   CommandState
	Message string // why it was not done
	Created time.Time
	Expires time.Time // not to be begun later
}

// Codes of commands (digest 1.5).
const (
	CodeChatDisabled = "FST_ERR_CHAT_DISABLED"
	CodeChatFailed   = "FST_ERR_SEND_CHAT_MESSAGE_FAILED"
	CodeNotAnswered  = "FST_ERR_BOT_NOT_ANSWERING"
)

const (
	// commandWait is how long a command may wait for its bot: a process that is
	// just being started again is back in its meeting within seconds.
	commandWait = 15 * time.Second
	// takenWait is how much longer the outcome of one is waited for that a bot
	// may be carrying out just then.
	takenWait = 8 * time.Second
	// statusWait: the status that follows from a command comes by the journal.
	statusWait  = 3 * time.Second
	commandPoll = 50 * time.Millisecond
	maxMessage  = 500
)

// SendChat posts a message in the bot's meeting and returns when it is posted.
func (s *Service) SendChat(ctx context.Context, team, id, text string) error {
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > maxMessage {
		return Invalid(Issue{Pointer: "/message", Rule: "must have 1 to 500 characters, not only white space"})
	}
	c, err := s.command(ctx, team, id, CommandChat, text, InCall, Recording, Paused, Resumed)
	if err != nil {
		return err
	}
	switch c.State {
	case CommandDone:
		return nil
	case CommandDisabled:
		return fail.New(fail.Unprocessable, CodeChatDisabled, "chat is not available in this meeting")
	}
	return fail.New(fail.Undelivered, CodeChatFailed, "the message was not sent: %s", c.Message)
}

// Pause has a bot record nothing until Resume. An empty text posts nothing.
func (s *Service) Pause(ctx context.Context, team, id, text string) error {
	return s.switchRecording(ctx, team, id, CommandPause, text, Recording, Resumed)
}

// Resume has a bot that was paused record again.
func (s *Service) Resume(ctx context.Context, team, id, text string) error {
	return s.switchRecording(ctx, team, id, CommandResume, text, Paused)
}

func (s *Service) switchRecording(ctx context.Context, team, id string, kind CommandKind, text string, in ...Status) error {
	if utf8.RuneCountInString(text) > maxMessage {
		return Invalid(Issue{Pointer: "/chat_message", Rule: "must have at most 500 characters"})
	}
	c, err := s.command(ctx, team, id, kind, text, in...)
	switch {
	case err != nil:
		return err
	case c.State != CommandDone:
		return fail.New(fail.Undelivered, CodeNotAnswered, "the bot did not %s its recording: %s", kind, c.Message)
	}
	// It is done. Who asks for the status next should hear of it.
	return poll(ctx, statusWait, func() (bool, error) {
		b, err := s.Store.Bot(ctx, team, id)
		return err != nil || !slices.Contains(in, b.Status), err
	})
}

// command hands a wish to the host that runs the bot and waits for the outcome.
// What has not begun when the time is over never will.
func (s *Service) command(ctx context.Context, team, id string, kind CommandKind, text string, in ...Status) (Command, error) {
	now := s.Clock.Now()
	c := Command{
		ID: ident.New(), TeamID: team, BotID: id, Kind: kind, Text: text, State: CommandOpen, Created: now, Expires: now.Add(commandWait),
	}
	err := s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, team, id)
		if err != nil {
			return err
		}
		if !slices.Contains(in, l.Status) {
			return wrongStatus(id, l.Status)
		}
		if s.Nudge != nil {
			tx.AfterCommit(func() { s.Nudge(id) })
		}
		return tx.AddCommand(ctx, c)
	})
	if err != nil {
		return c, err
	}
	// Nobody waits for it any more once this returns, also when the caller is gone.
	defer func() { _ = s.Store.DropCommand(context.WithoutCancel(ctx), c.ID) }() // else retention does
	settled := func() (bool, error) {
		c, err = s.Store.Command(ctx, c.ID)
		return err != nil || c.State != CommandOpen && c.State != CommandTaken, err
	}
	if err := poll(ctx, s.wait(commandWait), settled); err != nil {
		return c, err
	}
	if c.State == CommandOpen {
		gone, err := s.Store.DropOpenCommand(ctx, c.ID)
		if err != nil || gone {
			c.Message = "the bot's process does not answer"
			return c, err
		}
		c.State = CommandTaken // just now
	}
	if c.State == CommandTaken {
		if err := poll(ctx, s.wait(takenWait), settled); err != nil {
			return c, err
		}
		if c.State == CommandTaken {
			c.Message = "the bot does not say whether it has done it"
		}
	}
	return c, nil
}

func (s *Service) wait(d time.Duration) time.Duration {
	if s.CommandWait > 0 {
		return s.CommandWait
	}
	return d
}

// poll calls done until it says so, or for so long.
func poll(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(commandPoll)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return nil
		case <-tick.C:
		}
	}
}
