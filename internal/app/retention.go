package app

import (
	"context"
	"errors"
	"time"

	"steno/internal/artifact"
	"steno/internal/job"
	"steno/internal/quota"
	"steno/internal/store"
)

const (
	// retainEvery is the time between two runs of retention.
	retainEvery = time.Hour
	// retainTime bounds a run; what is left is for the next.
	retainTime = 10 * time.Minute
	// forgetAtOnce is how many files are removed before their rows go.
	forgetAtOnce = 50
)

// objectDeleter is the object store as deletion sees it.
type objectDeleter interface {
	Delete(ctx context.Context, key string) error
	DeletePrefix(ctx context.Context, folder string) error
}

// transcriptDeleter removes what transcription services keep of a bot whose data
// were deleted; nil does nothing.
type transcriptDeleter interface {
	DeleteAtProvider(ctx context.Context, botID string) error
}

// deleter runs the jobs that remove the files of bots whose data was deleted.
// The rows tell what is left to be done and go last, so that a job which dies
// goes on where it was.
type deleter struct {
	bots        store.Bots
	objects     objectDeleter
	transcripts transcriptDeleter
}

func (d deleter) run(ctx context.Context, j job.Job[store.DeleteData]) error {
	id := j.Args.BotID
	gone, err := d.bots.DeletedArtifacts(ctx, id)
	if err != nil {
		return err
	}
	var keys []string
	var errs []error
	for _, a := range gone {
		if err := d.objects.Delete(ctx, a.Key); err != nil {
			errs = append(errs, err) // the others need not wait for this one
			if ctx.Err() != nil {
				break
			}
			continue
		}
		if keys = append(keys, a.Key); len(keys) == forgetAtOnce {
			errs = append(errs, d.bots.ForgetArtifacts(ctx, id, keys))
			keys = nil
		}
	}
	if err := errors.Join(append(errs, d.bots.ForgetArtifacts(ctx, id, keys))...); err != nil {
		return err
	}
	// What was stored by a host that died before it could report it.
	ended, err := d.bots.Ended(ctx, id)
	if err == nil && ended {
		err = d.objects.DeletePrefix(ctx, id)
	}
	if d.transcripts != nil {
		err = errors.Join(err, d.transcripts.DeleteAtProvider(ctx, id))
	}
	return err
}

// registerRetention says how retention is run.
func (s *server) registerRetention(workers *job.Workers) {
	r := &artifact.Retention{
		Store: store.Retention{DB: s.DB}, Policy: keeping{s.Quota}, Window: days(s.o.CalendarPastDays), Clock: s.Clock, Log: s.Log,
	}
	job.Register(workers, retainTime, func(ctx context.Context, _ job.Job[store.Retain]) error { return r.Run(ctx) })
}

// keeping says how long teams keep what they recorded: it is one of their
// limits.
type keeping struct{ quota *quota.Service }

// RetentionDays implements artifact.Policy.
func (k keeping) RetentionDays(ctx context.Context, team string) (int, error) {
	l, err := k.quota.Limits(ctx, team)
	return l.RetentionDays, err
}

// queueRetention queues a run now and then, until ctx ends. Several servers
// queue one run together.
func (s *server) queueRetention(ctx context.Context) error {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		if err := (store.Retention{DB: s.DB}).Queue(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("cannot queue retention", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
