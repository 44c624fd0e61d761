package app

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/fail"
	"steno/internal/job"
	"steno/internal/meeting"
	"steno/internal/platform/pack"
	"steno/internal/profile"
	"steno/internal/runtime"
	"steno/internal/store"
)

const (
	// launchTime bounds the start of a bot: a few files and a process.
	launchTime = time.Minute
	// deleteTime bounds the removal of a bot's files.
	deleteTime = 5 * time.Minute
	// fullPause is how long a launch waits when the host carries no more.
	fullPause = 3 * time.Second
	// patience is how long a bot waits for room before it fails.
	patience = time.Hour
)

// launcher runs the jobs that start bots on this host.
type launcher struct {
	bots       *bot.Service
	supervisor *runtime.Supervisor
	host       string
	tools      config.Tools
	packs      *pack.Shelf
	profiles   profile.Shelf
	hosts      config.Hosts
	shots      time.Duration  // between two screenshots; 0: none
	private    []netip.Prefix // networks that bots may reach
	clock      clock.Clock
	log        *slog.Logger
}

// run starts a bot here. A bot that is no longer wanted is no error; one that
// does not fit is given back and tried again later, here or elsewhere.
func (l *launcher) run(ctx context.Context, j job.Job[store.LaunchBot]) error {
	id := j.Args.BotID
	spec, err := l.bots.Launch(ctx, id, l.host)
	f := fail.As(err)
	switch {
	case err == nil:
	case f != nil && f.Code == bot.CodeNotNeeded:
		return nil
	case f != nil && f.Code == bot.CodeElsewhere:
		return job.Snooze(30 * time.Second)
	case f != nil && f.Code == meeting.CodeInvalidPlatform: // its host is no longer configured
		return l.bots.Fail(ctx, id, bot.EndInvalidURL, f.Message)
	default:
		return err
	}
	spec.Browser, spec.FFmpeg = l.tools.Browser, l.tools.FFmpeg
	if spec.Account != "" {
		spec.Profile = l.profiles.Path(string(spec.Platform), spec.Account)
	} else if len(l.profiles.Names(string(spec.Platform))) > 0 {
		l.log.Warn("every signed-in profile is in use; a bot goes as a guest", "bot_id", id, "platform", spec.Platform)
	}
	spec.Pack = l.packs.Override(spec.Platform)
	spec.Reach = l.hosts.Reach(l.private)
	spec.InsecureTLS = spec.Platform == meeting.Galene && l.hosts.GaleneInsecure
	if (spec.Platform == meeting.Meet || spec.Platform == meeting.Teams) && spec.Mode != bot.AudioOnly {
		spec.Screenshots = l.shots
	}
	err = l.supervisor.Launch(ctx, spec)
	if err == nil {
		return nil
	}
	if f := fail.As(err); f != nil && f.Code == runtime.CodeFull {
		return l.giveBack(ctx, id, f.Message)
	}
	l.log.Error("bot cannot be started", "bot_id", id, "error", err)
	return l.bots.Fail(ctx, id, bot.EndInternalError, "the bot's process could not be started")
}

func (l *launcher) giveBack(ctx context.Context, id, why string) error {
	waited, err := l.bots.Release(ctx, id, l.host)
	if err != nil {
		return err
	}
	if waited > patience {
		return l.bots.Fail(ctx, id, bot.EndInternalError, "no host had room for the bot for an hour: "+why)
	}
	l.log.Info("no room for a bot now", "bot_id", id, "reason", why)
	return job.Snooze(fullPause)
}

// recover has bots launched again that this host took but whose folder it
// never wrote, and ends those whose folder was lost. One that is transcribed has
// none any more: its recording is stored.
func (l *launcher) recover(ctx context.Context, live []bot.Live) error {
	here := map[string]bool{}
	for _, id := range l.supervisor.Running() {
		here[id] = true
	}
	for _, b := range live {
		switch {
		case here[b.ID], b.Status == bot.Transcribing:
		case b.Seq == 0:
			if err := l.bots.Relaunch(ctx, b.ID); err != nil {
				return err
			}
		default:
			l.log.Error("the folder of a bot is gone", "bot_id", b.ID)
			if err := l.bots.Fail(ctx, b.ID, bot.EndInternalError, "the folder of the recording was lost"); err != nil {
				return err
			}
		}
	}
	return nil
}
