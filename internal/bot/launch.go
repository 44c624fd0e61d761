package bot

import (
	"context"

	"steno/internal/fail"
	"steno/internal/meeting"
)

// Live is a bot that has not ended, as its host sees it.
type Live struct {
	ID             string
	Seq            int64 // of the journal, as far as applied
	Status         Status
	Launched       bool
	LeaveRequested bool
}

// Fleet is what a host asks about its bots.
type Fleet interface {
	LiveOn(ctx context.Context, host string) ([]Live, error)
	Beat(ctx context.Context, host string, ids []string) error
}

// CodeNotNeeded is the code of the error that says: this bot need not be
// launched here. It has ended, is gone, or runs on another host.
const CodeNotNeeded = "BOT_NOT_NEEDED"

// Launch gives a bot to a host and returns what its process needs to know. It
// may be repeated on the same host, after a crash between this call and the
// start of the process.
func (s *Service) Launch(ctx context.Context, botID, host string) (spec Spec, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, "", botID)
		if fail.Is(err, fail.NotFound) {
			return notNeeded("bot %s does not exist", botID)
		}
		if err != nil {
			return err
		}
		if l.Status.Terminal() || (l.Host != "" && l.Host != host) {
			return notNeeded("bot %s is %s on host %q", botID, l.Status, l.Host)
		}
		d, err := tx.Details(ctx, l.Bot)
		if err != nil {
			return err
		}
		if spec, err = s.spec(d); err != nil {
			return err
		}
		if l.LaunchedAt == nil {
			now := s.Clock.Now()
			l.LaunchedAt = &now
		}
		l.Host = host
		return tx.Update(ctx, l.Bot, l.Seq)
	})
	return spec, err
}

func notNeeded(format string, args ...any) error {
	return fail.New(fail.Conflict, CodeNotNeeded, format, args...)
}

// spec returns what the process is told. The page to open comes from the
// meeting URL anew: the hosts may have changed since the bot was created.
func (s *Service) spec(d Details) (Spec, error) {
	m, err := meeting.Parse(d.MeetingURL, s.Hosts)
	if err != nil {
		return Spec{}, err
	}
	return Spec{
		BotID: d.ID, Name: d.Name, Platform: m.Platform, URL: m.URL, Mode: d.Mode,
		EntryMessage: d.Config.EntryMessage, Timeouts: d.Config.Timeouts,
	}, nil
}
