package bot

import (
	"context"
	"time"

	"steno/internal/fail"
	"steno/internal/meeting"
)

// Live is a bot that has not ended, as its host sees it.
type Live struct {
	ID     string
	Seq    int64 // of the journal, as far as applied
	Status Status
}

// CodeNotNeeded is the code of the error that says: this bot need not be
// launched here. It has ended, is gone, or runs on another host.
const CodeNotNeeded = "BOT_NOT_NEEDED"

// CodeElsewhere is the code of the error that says: another host has taken this
// bot and has not reported yet. Ask again later.
const CodeElsewhere = "BOT_ELSEWHERE"

// claimFor is how long a host that took a bot may stay silent before another
// may take it.
const claimFor = 2 * time.Minute

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
		if err := s.mayLaunch(l, host); err != nil {
			return err
		}
		config, err := tx.Config(ctx, l.Bot)
		if err != nil {
			return err
		}
		if spec, err = s.spec(Details{Bot: l.Bot, Config: config}); err != nil {
			return err
		}
		if spec.Account, err = s.takeProfile(ctx, tx, l.Bot, spec.Platform); err != nil {
			return err
		}
		if l.LaunchedAt == nil || l.Host != host {
			now := s.Clock.Now()
			l.LaunchedAt = &now
		}
		l.Host = host
		return tx.Update(ctx, l.Bot, l.Seq)
	})
	return spec, err
}

func (s *Service) mayLaunch(l Locked, host string) error {
	switch {
	case l.Status.Terminal(), l.Host != "" && l.Host != host && l.Seq > 0:
		return notNeeded("bot %s is %s on host %q", l.ID, l.Status, l.Host)
	case l.Host != "" && l.Host != host && s.Clock.Now().Sub(*l.LaunchedAt) < claimFor:
		return fail.New(fail.Unavailable, CodeElsewhere, "host %s has taken bot %s a moment ago", l.Host, l.ID)
	}
	return nil
}

// Release gives a bot back that Launch gave to the host and that it could not
// start. It returns how long the bot has been waiting since it was created.
func (s *Service) Release(ctx context.Context, botID, host string) (waited time.Duration, err error) {
	err = s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, "", botID)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		waited = now.Sub(l.CreatedAt)
		if l.Host != host || l.Seq > 0 || l.Status.Terminal() {
			return nil
		}
		l.Host, l.LaunchedAt = "", nil
		if err := tx.DropProfile(ctx, l.Bot); err != nil {
			return err
		}
		if l.LeaveRequestedAt != nil { // nobody else will hear this wish
			return s.endUnlaunched(ctx, tx, l, EndExitBeforeRecord, leftEarly, Transition{Status: APIRequestStop, At: now})
		}
		return tx.Update(ctx, l.Bot, l.Seq)
	})
	return waited, err
}

// Relaunch queues the launch of a bot again.
func (s *Service) Relaunch(ctx context.Context, botID string) error {
	return s.Store.InTx(ctx, func(tx Tx) error { return tx.EnqueueLaunch(ctx, botID) })
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
	version := 2
	if d.Surface == SurfaceV1 {
		version = 1
	}
	return Spec{
		BotID: d.ID, Name: d.Name, Platform: m.Platform, URL: m.Page, Mode: d.Mode,
		EntryMessage: d.Config.EntryMessage, Timeouts: d.Config.Timeouts, JoinAt: d.Config.JoinAt,
		Streaming: d.Config.Streaming, StreamVersion: version, Camera: d.Config.camera(),
		Captions: d.Config.captions(), LiveTranscript: d.Config.LiveTranscript,
	}, nil
}

// captions reports whether anything is made of the platform's own captions.
func (c Config) captions() bool {
	return c.Transcription != nil && c.Transcription.Provider == LiveCaptions || c.LiveTranscript != nil && c.LiveTranscript.Provider == LiveCaptions
}
