package all_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"steno/internal/provider/transcribe"
	"steno/internal/provider/transcribe/all"
	"steno/internal/record/ogg/oggtest"
	"steno/internal/transcript"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

const key = "key-of-the-team"

// later says which services make jobs that are asked for later.
var later = map[string]bool{"gladia": true, "assemblyai": true}

// hands is a clock that moves when somebody sleeps.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) Sleep(ctx context.Context, d time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(max(d, 0))
	return ctx.Err()
}

// bench is a client beside its simulator.
type bench struct {
	name   string
	sim    *transcription.Server
	client all.Service
	clock  *hands
}

// each runs a test with every service, polite by default.
func each(t *testing.T, o transcription.Options, test func(*testing.T, *bench)) {
	for _, name := range all.Names {
		t.Run(name, func(t *testing.T) {
			o := o
			o.Service, o.Keys = name, []string{key}
			o.SlowFor = time.Millisecond
			sim, err := transcription.Start(o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(sim.Close)
			b := &bench{name: name, sim: sim, clock: &hands{now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}}
			b.client, err = all.New(name, transcribe.Options{URL: sim.Address(), Clock: b.clock, Sleep: b.clock.Sleep})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.client.Close)
			test(t, b)
		})
	}
}

func polite() transcription.Options {
	return transcription.Options{Options: service.Options{Polite: true}}
}

// audio is an Ogg Opus file with a voice in the spans.
func audio(t testing.TB, length time.Duration, voice ...transcript.Span) []byte {
	t.Helper()
	var list [][2]time.Duration
	for _, v := range voice {
		list = append(list, [2]time.Duration{v.From, v.To})
	}
	return oggtest.File(t, length, list...)
}

func request(tag string, b []byte) transcript.Request {
	return transcript.Request{Key: key, Tag: tag, Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// result submits and asks until there is a result or a failure.
func (b *bench) result(ctx context.Context, r transcript.Request) (*transcript.Result, error) {
	s, err := b.client.Submit(ctx, r)
	if err != nil || s.Result != nil {
		return s.Result, err
	}
	for range 20 {
		res, err := b.client.Result(ctx, r.Key, s.ID)
		if e := transcript.AsError(err); res != nil || e != nil && !e.Passes() {
			return res, err
		}
	}
	return nil, nil
}

// kind asserts what a failure means.
func kind(t *testing.T, err error, want transcript.ErrorKind) *transcript.Error {
	t.Helper()
	e := transcript.AsError(err)
	if e == nil || e.Kind != want {
		t.Fatalf("the error is %v, want %s", err, want)
	}
	return e
}
