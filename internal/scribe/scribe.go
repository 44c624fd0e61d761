// Package scribe has a recording transcribed: it cuts the people's audio by the
// plan of package transcript, hands it to a service, waits, and writes the
// transcript down.
//
// All that it knows stands in a folder, before anything acts on it: it may be
// killed at any moment and run again, and goes on with the jobs that it has at
// the service.
package scribe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"steno/internal/clock"
	"steno/internal/record/ogg"
	"steno/internal/transcript"
)

// Voice is one participant's audio, or the mix of all: an Ogg Opus file on the
// recording's clock.
type Voice struct {
	Source transcript.Source
	Path   string
}

// Options say what is transcribed, by whom, and where it goes.
type Options struct {
	Head    transcript.Head
	Voices  []Voice
	Meeting transcript.Meeting

	Service transcript.Service
	Key     string
	Custom  json.RawMessage // the caller's options for the service
	Rules   transcript.Rules

	// Keep leaves audio and transcripts at the service when all is written.
	Keep bool

	Work string // folder of what is under way; gone when all is written
	Out  string // folder of the transcript

	// AtOnce is how many jobs are under way at a time; default 4.
	AtOnce int
	// Patience is how long one job may take in all; default three hours.
	Patience time.Duration
	Clock    clock.Clock // nil: the system's
	// Sleep waits; nil: with a timer.
	Sleep func(context.Context, time.Duration) error
	// Progress is told how many of all chunks are done. May be nil; it may be
	// called from several goroutines.
	Progress func(done, all int)
}

// Run transcribes and returns the names of the files that it wrote to Out.
func Run(ctx context.Context, o Options) ([]string, error) {
	o.AtOnce, o.Patience = cmp.Or(o.AtOnce, 4), cmp.Or(o.Patience, 3*time.Hour)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	s := &scribe{Options: o}
	if err := os.MkdirAll(o.Work, 0o700); err != nil {
		return nil, fmt.Errorf("transcribe: %w", err)
	}
	parts, err := s.cut()
	if err != nil {
		return nil, err
	}
	if err := s.transcribe(ctx, parts); err != nil {
		return nil, err
	}
	files, err := s.write(parts)
	if err != nil {
		return nil, err
	}
	if err := s.delete(ctx, parts); err != nil {
		return files, err
	}
	return files, os.RemoveAll(o.Work)
}

// delete removes what the service keeps of the recording.
func (s *scribe) delete(ctx context.Context, parts []*part) error {
	for _, p := range parts {
		if s.Keep || p.ID == "" {
			continue
		}
		if err := s.Service.Delete(ctx, s.Key, p.ID); err != nil {
			return fmt.Errorf("the transcript is written, but is still at the service, too: %w", err)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type scribe struct{ Options }

// cut cuts the audio of all chunks that are not cut yet.
func (s *scribe) cut() ([]*part, error) {
	var parts []*part
	for _, v := range s.Voices {
		list, err := s.cutVoice(v)
		if err != nil {
			return nil, fmt.Errorf("cut the audio of %s: %w", whose(v.Source), err)
		}
		parts = append(parts, list...)
	}
	return parts, nil
}

func whose(s transcript.Source) string { return cmp.Or(s.Speaker, "all together") }

func (s *scribe) cutVoice(v Voice) ([]*part, error) {
	f, err := os.Open(v.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := ogg.NewReader(f)
	if err != nil {
		return nil, err
	}
	var parts []*part
	for _, c := range transcript.Plan([]transcript.Source{v.Source}, s.Rules.Within(s.Service.Limits())) {
		p := &part{source: v.Source, base: filepath.Join(s.Work, fmt.Sprintf("%d-%d", v.Source.Channel, c.N))}
		found, err := p.load()
		if err == nil && !found {
			err = p.cut(r, c.Spans)
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// transcribe has all parts transcribed, some at a time.
func (s *scribe) transcribe(ctx context.Context, parts []*part) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.AtOnce)
	done := make(chan struct{}, len(parts))
	for _, p := range parts {
		g.Go(func() error {
			if err := s.one(ctx, p); err != nil {
				return fmt.Errorf("transcribe what %s said: %w", whose(p.source), err)
			}
			done <- struct{}{}
			if s.Progress != nil {
				s.Progress(len(done), len(parts))
			}
			return nil
		})
	}
	return g.Wait()
}

// attempts is how often a job is made anew that the service gave up or lost.
const attempts = 3

// errTooLong is the end of the patience with a job.
var errTooLong = errors.New("the service has not finished the job in time")

// one has a part transcribed. What passes by itself is waited for.
func (s *scribe) one(ctx context.Context, p *part) error {
	began := s.Clock.Now()
	for try, wait := 1, time.Second; ; wait = min(2*wait, 15*time.Second) {
		done, err := s.step(ctx, p)
		if done || err != nil && transcript.AsError(err) == nil {
			return err
		}
		pause := wait
		if e := transcript.AsError(err); e != nil {
			switch {
			case e.Passes():
				pause = max(pause, e.RetryAfter)
			case (e.Kind == transcript.Gone || e.Kind == transcript.JobFailed) && try < attempts:
				try++
				if err := s.anew(ctx, p); err != nil {
					return err
				}
			default:
				return err
			}
		}
		if s.Clock.Now().Add(pause).Sub(began) > s.Patience {
			return cmp.Or(err, errTooLong)
		}
		if err := s.Sleep(ctx, pause+rand.N(pause/4)); err != nil {
			return err
		}
	}
}

// anew gives up a part's job, and removes what the service still has of it.
func (s *scribe) anew(ctx context.Context, p *part) error {
	if p.ID != "" && !s.Keep {
		if err := s.Service.Delete(ctx, s.Key, p.ID); err != nil {
			return err
		}
	}
	return p.forget()
}

// step brings a part as far as it goes without waiting.
func (s *scribe) step(ctx context.Context, p *part) (done bool, err error) {
	if p.Done {
		return true, nil
	}
	if p.ID == "" {
		sub, err := s.Service.Submit(ctx, s.request(p))
		if err != nil {
			return false, err
		}
		if sub.Result != nil {
			return true, p.finish(sub.Result)
		}
		p.ID = sub.ID
		return false, p.save()
	}
	res, err := s.Service.Result(ctx, s.Key, p.ID)
	if err != nil || res == nil {
		return false, err
	}
	return true, p.finish(res)
}

func (s *scribe) request(p *part) transcript.Request {
	return transcript.Request{
		Key: s.Key, Tag: p.Tag, Custom: s.Custom, Several: p.source.Speaker == "", Upload: p.Upload, Size: p.Size,
		Open: func() (io.ReadCloser, error) { return os.Open(p.base + ".opus") },
		Uploaded: func(_ context.Context, upload string) error {
			p.Upload = upload
			return p.save()
		},
	}
}
