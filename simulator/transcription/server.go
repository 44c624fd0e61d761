// Package transcription is a fake of the transcription services Gladia,
// AssemblyAI, Deepgram and OpenAI, for tests and for trying Steno out. Each
// speaks the protocol as its public documentation describes it, refuses what
// the real one refuses, and misbehaves a little unless it is told to be polite.
// What people say comes from a script, at the times at which the audio has a
// voice.
//
// It must not know the product's clients: they meet at the protocol only.
package transcription

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"sync"
	"time"

	"steno/simulator/service"
)

// Key opens a fake whose Options name no keys.
const Key = "simulator-key"

// Options of Start.
type Options struct {
	service.Options
	// Service is one of Services.
	Service string
	// Keys are accepted; default Key. Each is an account of its own.
	Keys []string
	// Script is the text that voices say; default a few sentences.
	Script string
	// Ear replaces what is heard in audio, for tests that know it.
	Ear func(audio []byte) (Heard, error)
	// LiveEar says what is said in a stretch of voice that was streamed; default the
	// script, of which is also told each second, as the services do, what was said so
	// far.
	LiveEar func(voice []int16, rate int) string
	// Idle is how long a streaming connection may stand without a message; 0: as the
	// service does.
	Idle time.Duration
	// Jitter is how far the times of words are off at most; default 80 ms, less
	// than zero: none.
	Jitter time.Duration
	// Work is how long a job takes; its first half is spent in the queue.
	Work time.Duration
	// MaxAtOnce bounds the jobs of a key under way at a time; 0: no bound.
	MaxAtOnce int
	// MaxBytes bounds an upload; 0: as the service does.
	MaxBytes int64
}

// Services lists the services there are.
var Services = []string{"gladia", "assemblyai", "deepgram", "openai"}

// Server is a running fake.
type Server struct {
	*service.Core
	o    Options
	kind kind

	mu                  sync.Mutex
	uploads             map[string]upload // by URL
	jobs                map[string]*job
	order               []*job // oldest first
	closing             chan struct{}
	cut                 chan struct{}  // breaks streaming connections; guarded by mu
	sessions, streaming int            // connections for streaming: ever opened, standing
	calls               sync.WaitGroup // callbacks under way
}

// kind is what differs from service to service.
type kind struct {
	bytes  int64 // most of an upload
	tries  int   // of a callback; 0: that is not known
	voice  service.Voice
	routes func(*Server) http.Handler
}

var kinds = map[string]kind{
	"gladia":     {1000 << 20, 0, gladiaVoice{}, gladia},
	"assemblyai": {2200 << 20, 10, assemblyVoice{}, assembly},
	"deepgram":   {2 << 30, 10, deepgramVoice{}, deepgram},
	"openai":     {25 << 20, 0, openaiVoice{}, openai},
}

type upload struct {
	key   string
	audio []byte
}

// job is a transcription. heard is nil where nothing can be made of the audio,
// and why says why.
type job struct {
	id, key, url string
	made         time.Time
	params       map[string]any
	heard        *Heard
	why          string
	fails, stuck bool
	deleted      bool // guarded by the server's lock
}

// Faults are the rates that a fake has when it is not polite.
func Faults() service.Faults {
	return service.Faults{service.TooMany: .01, service.TooManySilent: .01, service.ServerError: .02, service.Slow: .02, service.Truncated: .01,
		service.Garbage: .002, service.AfterEffect: .01, service.HangUp: .005, service.JobFails: .01, service.JobStuck: .001,
		service.PushDrop: .03, service.PushDuplicate: .05, service.PushBeforeReply: .05}
}

// Start starts a fake. It runs until Close.
func Start(o Options) (*Server, error) {
	k, ok := kinds[o.Service]
	if !ok {
		return nil, fmt.Errorf("start simulator: there is no transcription service %q; there are %v", o.Service, Services)
	}
	if len(o.Keys) == 0 {
		o.Keys = []string{Key}
	}
	if o.Jitter == 0 {
		o.Jitter = 80 * time.Millisecond
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = k.bytes
	}
	o.PushTries = k.tries
	s := &Server{Core: service.NewCore(o.Options, Faults(), nil), o: o, kind: k, uploads: map[string]upload{}, jobs: map[string]*job{}, closing: make(chan struct{}), cut: make(chan struct{})}
	if o.Ear == nil {
		s.o.Ear = reader(o.Script).hear
	}
	if err := s.Serve(s.Beside(nil, k.routes(s))); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the fake and its callbacks. It may be called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.closing:
	default:
		close(s.closing)
	}
	s.mu.Unlock()
	s.Core.Close()
	s.calls.Wait()
}

// Jobs is how many jobs were ever made.
func (s *Server) Jobs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.order)
}

// handle answers a call for a key that is known.
func (s *Server) handle(w http.ResponseWriter, r *http.Request, method, key string, unauthorized service.Reply, do func() service.Reply) {
	s.Run(w, r, method, "", s.kind.voice, func() service.Reply {
		if !slices.Contains(s.o.Keys, key) {
			return unauthorized
		}
		return do()
	})
}

// store keeps an upload under a new address.
func (s *Server) store(url, key string, audio []byte) {
	s.mu.Lock()
	s.uploads[url] = upload{key, audio}
	s.mu.Unlock()
}

// Forget loses all uploads, as the services do after a while.
func (s *Server) Forget() {
	s.mu.Lock()
	clear(s.uploads)
	s.mu.Unlock()
}

func (s *Server) uploaded(url string) (upload, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.uploads[url]
	return u, ok
}

// prepare makes a job of audio, which nobody knows of yet.
func (s *Server) prepare(key, url string, audio []byte, params map[string]any) *job {
	j := &job{id: s.uuid(), key: key, url: url, made: s.Now(), params: params,
		fails: s.Happens(service.JobFails, "job", ""), stuck: s.Happens(service.JobStuck, "job", "")}
	if h, err := s.listen(audio); err == nil {
		j.heard = &h
	}
	return j
}

// start makes a job known.
func (s *Server) start(j *job) *job {
	s.mu.Lock()
	s.jobs[j.id] = j
	s.order = append(s.order, j)
	s.mu.Unlock()
	return j
}

// listen hears audio, with times that are a little off.
func (s *Server) listen(audio []byte) (Heard, error) {
	h, err := s.o.Ear(audio)
	if err != nil {
		return h, err
	}
	sum := fnv.New64a()
	_, _ = sum.Write(audio)
	return h.shaken(sum.Sum64()^s.Seed, s.o.Jitter), nil
}

// find returns the job of an id, if it is of the key.
func (s *Server) find(key, id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[id]; j != nil && j.key == key {
		return j
	}
	return nil
}

// remove deletes a job; false if it was deleted before.
func (s *Server) remove(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := j.deleted
	j.deleted = true
	return !was
}

func (s *Server) removed(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return j.deleted
}

// newest lists the jobs of a key, newest first.
func (s *Server) newest(key string) (list []*job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range slices.Backward(s.order) {
		if j.key == key {
			list = append(list, j)
		}
	}
	return list
}

// The states of a job.
const (
	queued = iota
	working
	done
	failed
)

// state is how far a job is now.
func (s *Server) state(j *job) int {
	age := s.Now().Sub(j.made)
	switch {
	case age < s.o.Work/2:
		return queued
	case j.stuck || age < s.o.Work:
		return working
	case j.fails || j.heard == nil:
		return failed
	}
	return done
}

// busy reports whether a key may have no more jobs under way now.
func (s *Server) busy(key string) bool {
	if s.o.MaxAtOnce == 0 {
		return false
	}
	n := 0
	for _, j := range s.newest(key) {
		if st := s.state(j); st == queued || st == working {
			n++
		}
	}
	return n >= s.o.MaxAtOnce
}

const hex = "0123456789abcdef"

func (s *Server) uuid() string {
	r := s.Random(hex, 32)
	return r[:8] + "-" + r[8:12] + "-4" + r[13:16] + "-a" + r[17:20] + "-" + r[20:]
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
