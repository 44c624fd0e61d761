// Package scribe has a recording transcribed: it cuts the people's audio by the
// plan of package transcript, hands it to a service, waits, and writes the
// transcript down.
//
// All that it knows stands in a Book, before anything acts on it: it may be
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
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"steno/internal/clock"
	"steno/internal/ident"
	"steno/internal/record/ogg"
	"steno/internal/transcript"
)

// Voice is one participant's audio, or the mix of all: an Ogg Opus file on the
// recording's clock.
type Voice struct {
	Source transcript.Source
	Open   func() (io.ReadCloser, error)
	// Said is what is known of it without a service, on the recording's clock; nil:
	// nothing. There is no audio then.
	Said *transcript.Result
}

// Options say what is transcribed, by whom, and where it goes.
type Options struct {
	Head    transcript.Head
	Voices  []Voice
	Meeting transcript.Meeting

	Service transcript.Service // nil: what is said is known already
	Key     string
	Custom  json.RawMessage // the caller's options for the service
	Rules   transcript.Rules

	// Keep leaves audio and transcripts at the service when all is written.
	Keep bool

	Book Book   // nil: a FolderBook in Work
	Work string // folder of the audio that is under way; gone when all is written
	Out  string // folder of the transcript
	// Callbacks have services tell of the end of jobs; nil: they are asked. Poll is
	// how often those are asked that should tell; default 30 s.
	Callbacks Callbacks
	Poll      time.Duration
	// Sinks are given the transcript beside the files. May be empty.
	Sinks []transcript.Sink

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

// Callbacks are what services tell of the end of jobs. Nobody relies on it.
type Callbacks interface {
	// At is where the service tells of a part.
	At(p transcript.Part) transcript.Callback
	// Wait returns when the service has told of a part, also before the call, or
	// after a pause; told says which.
	Wait(ctx context.Context, p transcript.Part, pause time.Duration) (told bool, err error)
}

// Written is what a run leaves behind.
type Written struct {
	Files []string // names in Out
	IDs   []string // of the jobs at the service, in the order of the voices
}

// Run transcribes. What it returns beside an error is what was written all the
// same.
func Run(ctx context.Context, o Options) (w Written, err error) {
	o.AtOnce, o.Patience, o.Poll = cmp.Or(o.AtOnce, 4), cmp.Or(o.Patience, 3*time.Hour), cmp.Or(o.Poll, 30*time.Second)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Book == nil {
		o.Book = FolderBook{o.Work}
	}
	s := &scribe{Options: o}
	if err := os.MkdirAll(o.Work, 0o700); err != nil {
		return w, fmt.Errorf("transcribe: %w", err)
	}
	parts, err := s.cut(ctx)
	if err != nil {
		return w, err
	}
	if err := s.transcribe(ctx, parts); err != nil {
		return w, err
	}
	if w.Files, err = s.write(ctx, parts); err != nil {
		return w, err
	}
	for _, p := range parts {
		if p.ID != "" {
			w.IDs = append(w.IDs, p.ID)
		}
	}
	if err := s.delete(ctx, parts); err != nil {
		return w, err
	}
	return w, os.RemoveAll(o.Work)
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

// cut plans the chunks of all voices and cuts the audio of those that the service
// does not have yet.
func (s *scribe) cut(ctx context.Context) ([]*part, error) {
	known, err := s.Book.Parts(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is under way: %w", err)
	}
	var parts []*part
	for _, v := range s.Voices {
		if v.Said != nil {
			parts = append(parts, &part{Part: transcript.Part{Channel: v.Source.Channel, Done: true}, source: v.Source, said: v.Said})
			continue
		}
		list, err := s.cutVoice(ctx, v, known)
		if err != nil {
			return nil, fmt.Errorf("cut the audio of %s: %w", whose(v.Source), err)
		}
		parts = append(parts, list...)
	}
	return parts, nil
}

func whose(s transcript.Source) string { return cmp.Or(s.Speaker, "all together") }

func (s *scribe) plan(v Voice) []transcript.Chunk {
	return transcript.Plan([]transcript.Source{v.Source}, s.Rules.Within(s.Service.Limits()))
}

func (s *scribe) cutVoice(ctx context.Context, v Voice, known []transcript.Part) ([]*part, error) {
	var parts []*part
	audio := &source{open: v.Open}
	defer audio.close()
	for _, c := range s.plan(v) {
		p := &part{Part: transcript.Part{Channel: v.Source.Channel, N: c.N}, source: v.Source}
		p.audio = filepath.Join(s.Work, p.String()+".opus")
		i := slices.IndexFunc(known, func(k transcript.Part) bool { return k.Channel == p.Channel && k.N == p.N })
		if i >= 0 {
			p.Part = known[i]
		}
		parts = append(parts, p)
		if p.Done || p.ID != "" || i >= 0 && p.cutBefore() {
			continue
		}
		if err := audio.cut(ctx, p, c); err != nil {
			return nil, err
		}
		if i < 0 {
			p.Tag = ident.New()
			if err := s.Book.Put(ctx, p.Part); err != nil {
				return nil, err
			}
		}
	}
	return parts, nil
}

// source is a voice's audio, opened when the first part is cut out of it.
type source struct {
	open func() (io.ReadCloser, error)
	file io.ReadCloser
	r    *ogg.Reader
}

// cut cuts a part out; parts come in order of time.
func (o *source) cut(ctx context.Context, p *part, c transcript.Chunk) (err error) {
	if o.file == nil {
		if o.file, err = o.open(); err != nil {
			return err
		}
		if o.r, err = ogg.NewReader(readerWithContext{ctx, o.file}); err != nil {
			return err
		}
	}
	return p.cut(o.r, c.Spans)
}

func (o *source) close() {
	if o.file != nil {
		o.file.Close()
	}
}

// readerWithContext stops a long copy when its context ends.
type readerWithContext struct {
	ctx context.Context
	r   io.Reader
}

func (r readerWithContext) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
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

// ErrTooLong is the end of the patience with a job.
var ErrTooLong = errors.New("the service has not finished the job in time")

// one has a part transcribed. What passes by itself is waited for.
func (s *scribe) one(ctx context.Context, p *part) error {
	if p.Began.IsZero() && !p.Done {
		p.Began = s.Clock.Now()
		if err := s.Book.Put(ctx, p.Part); err != nil {
			return err
		}
	}
	for wait := time.Second; ; wait = min(2*wait, 15*time.Second) {
		done, err := s.step(ctx, p)
		if done || err != nil && transcript.AsError(err) == nil {
			return err
		}
		pause := wait
		e := transcript.AsError(err)
		if e != nil {
			p.calls = false
		}
		if e != nil && (e.Kind == transcript.Gone || e.Kind == transcript.JobFailed) && p.Anew < attempts-1 {
			if err = s.anew(ctx, p); err != nil && transcript.AsError(err) == nil {
				return err
			}
			e = transcript.AsError(err)
		}
		switch {
		case e == nil:
		case e.Passes():
			pause = max(pause, e.RetryAfter)
		default:
			return err
		}
		left := s.Patience - s.Clock.Now().Sub(p.Began)
		if pause > left {
			return cmp.Or(err, ErrTooLong)
		}
		told, err := s.rest(ctx, p, pause, left)
		if err != nil {
			return err
		}
		if told {
			p.calls, wait = false, time.Second/2
		}
	}
}

// rest waits until a service is to be asked: for a pause, or where it is to call,
// for a longer one that ends when it does.
func (s *scribe) rest(ctx context.Context, p *part, pause, left time.Duration) (told bool, err error) {
	if p.calls {
		pause = max(pause, min(s.Poll, left))
		return s.Callbacks.Wait(ctx, p.Part, pause+rand.N(pause/4))
	}
	return false, s.Sleep(ctx, pause+rand.N(pause/4))
}

// anew gives up a part's job, and removes what the service still has of it.
func (s *scribe) anew(ctx context.Context, p *part) error {
	if p.ID != "" {
		if err := s.Service.Delete(ctx, s.Key, p.ID); err != nil {
			return err
		}
	}
	p.Tag, p.Upload, p.ID = ident.New(), "", ""
	p.Anew++
	if err := s.Book.Put(ctx, p.Part); err != nil {
		return err
	}
	return s.recut(ctx, p)
}

// recut cuts the audio of a part that an earlier run had handed over.
func (s *scribe) recut(ctx context.Context, p *part) error {
	if p.cutBefore() {
		return nil
	}
	for _, v := range s.Voices {
		if v.Source.Channel != p.Channel {
			continue
		}
		for _, c := range s.plan(v) {
			if c.N != p.N {
				continue
			}
			audio := &source{open: v.Open}
			defer audio.close()
			return audio.cut(ctx, p, c)
		}
	}
	return nil
}

// step brings a part as far as it goes without waiting.
func (s *scribe) step(ctx context.Context, p *part) (done bool, err error) {
	if p.Done {
		return true, nil
	}
	if p.ID == "" {
		sub, err := s.submit(ctx, p)
		if err != nil {
			return false, err
		}
		p.ID, p.calls = sub.ID, sub.Calls
		if sub.Result != nil {
			return true, s.finish(ctx, p, sub.Result)
		}
		return false, s.Book.Put(ctx, p.Part)
	}
	res, err := s.Service.Result(ctx, s.Key, p.ID)
	if err != nil || res == nil {
		return false, err
	}
	return true, s.finish(ctx, p, res)
}

// submit hands a part over. It may be our address that the service refuses, for
// example one that only the house knows; then it need not call.
func (s *scribe) submit(ctx context.Context, p *part) (transcript.Submission, error) {
	r := s.request(p)
	if s.Callbacks != nil {
		at := s.Callbacks.At(p.Part)
		r.Callback = &at
	}
	sub, err := s.Service.Submit(ctx, r)
	if e := transcript.AsError(err); e != nil && e.Kind == transcript.RefusedRequest && sub.Calls {
		r.Callback, r.Upload = nil, p.Upload
		return s.Service.Submit(ctx, r)
	}
	return sub, err
}

// finish keeps what the service heard.
func (s *scribe) finish(ctx context.Context, p *part, r *transcript.Result) error {
	if err := s.Book.PutHeard(ctx, p.Part, r); err != nil {
		return err
	}
	p.Done = true
	return s.Book.Put(ctx, p.Part)
}

func (s *scribe) request(p *part) transcript.Request {
	return transcript.Request{
		Key: s.Key, Tag: p.Tag, Custom: s.Custom, Several: p.source.Speaker == "", Upload: p.Upload, Size: p.size(),
		Open: func() (io.ReadCloser, error) { return os.Open(p.audio) },
		Uploaded: func(ctx context.Context, upload string) error {
			p.Upload = upload
			return s.Book.Put(ctx, p.Part)
		},
	}
}
