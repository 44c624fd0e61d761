package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"steno/internal/clock"
	"steno/internal/netguard"
)

// EarsOptions say who hears. Service, Key and Clock are required.
type EarsOptions struct {
	Service string // one of EarServices
	URL     string // where it is, as http:// or https://; empty: the real one
	Key     string
	Partial bool // sentences that go on are told, too
	// Allow lists private networks, beside those in which services that an operator
	// names may be.
	Allow []netip.Prefix
	Clock clock.Clock
	Log   *slog.Logger
	// Note is told what people should know. It must not block.
	Note func(text string)
	// Heard is told what was heard, from several goroutines.
	Heard func(Heard)
}

// Heard is what somebody said in one go.
type Heard struct {
	Track    string
	CSRC     uint32 // as in tracks.Sound
	Text     string
	Language string // as the service names it; empty: it does not
	From, To time.Time
	// Partial: it goes on, and another text takes its place; empty: none does.
	Partial bool
}

const (
	earRate = 16000
	pieceMS = 100 // of audio in a message
	// before is how much from before somebody was noticed is sent, too.
	before = 3
	// hush is how long nobody has to be heard for the connection to be closed: one
	// that stands costs money.
	hush = 5 * time.Second
	// voiceLevel is from where on 100 ms of audio may be a voice, as the root of the
	// mean square of samples: -45 dB.
	voiceLevel = 180
	// queued is how much audio may wait for a connection.
	queued = 30 * time.Second / (pieceMS * time.Millisecond)
	// lastWords is how long the service may take to tell the rest when the bot leaves.
	lastWords = 5 * time.Second
)

// Ears has what people say transcribed by a service while they say it. Each track
// has a connection of its own, so that it is certain who speaks; it stands only
// while there is a voice. As with a Stream, Hear does not block and what is not
// taken in time is dropped. Its methods are safe for concurrent use.
type Ears struct {
	o       EarsOptions
	dialect dialect
	guard   *netguard.Guard
	intake

	ctx, closing context.Context
	stop, finish context.CancelFunc
	mixing       sync.WaitGroup
	lines        sync.WaitGroup

	mu      sync.Mutex
	refused bool // the service takes no connection of ours
	notes   map[string]bool
}

// EarServices lists the services.
var EarServices = []string{"deepgram", "assemblyai"}

// NewEars prepares to hear. Close must be called in the end.
func NewEars(o EarsOptions) (*Ears, error) {
	d, ok := dialects[o.Service]
	if !ok {
		return nil, fmt.Errorf("there is no streaming service %q", o.Service)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Ears{o: o, dialect: d, intake: newIntake(), notes: map[string]bool{}}
	e.guard = netguard.New(netguard.Options{Allow: slices.Concat(netguard.Named(), o.Allow)})
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.closing, e.finish = context.WithCancel(e.ctx)
	e.mixing.Go(e.listen)
	return e, nil
}

// Close waits a moment for what was said last, and until nothing is left. It may be
// called more than once.
func (e *Ears) Close() {
	e.finish()
	e.mixing.Wait()
	late := time.AfterFunc(lastWords, e.stop)
	e.lines.Wait()
	late.Stop()
	e.stop()
	e.guard.Close()
}

// source is a track, or one of the people on a track of several.
type source struct {
	track string
	csrc  uint32
}

// ear is one of them.
type ear struct {
	source
	began time.Time
	m     *mixer
	n     int64   // pieces so far
	past  []piece // the last ones, while nobody listens
	loud  time.Time
	line  *line // nil: nobody listens
}

// piece is 100 ms of audio.
type piece struct {
	pcm []byte
	at  time.Time // of its first sample
}

// listen cuts the audio of each track into pieces, and has those heard in which
// somebody speaks.
func (e *Ears) listen() {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	ears, paused := map[source]*ear{}, false
	defer func() {
		for _, r := range ears {
			r.close()
		}
	}()
	for {
		select {
		case <-e.closing.Done():
			return
		case on := <-e.pause:
			paused = on
			for who, r := range ears {
				r.close()
				delete(ears, who)
			}
		case f := <-e.heard:
			if paused || e.deaf() {
				continue
			}
			who := source{f.Track, f.CSRC}
			r := ears[who]
			if r == nil {
				r = &ear{source: who, began: e.o.Clock.Now(), m: newMixer(earRate)}
				ears[who] = r
			}
			r.m.hear(r.now(e.o.Clock), f)
		case <-t.C:
			for who, r := range ears {
				if r.advance(e); r.line == nil && e.o.Clock.Now().Sub(r.latest()) > time.Minute {
					delete(ears, who) // it has a decoder of its own, and tracks come and go
				}
			}
		}
	}
}

func (r *ear) now(c clock.Clock) int64 {
	return int64(c.Now().Sub(r.began)/time.Microsecond) * rate / 1_000_000
}

func (r *ear) latest() time.Time {
	if r.loud.IsZero() {
		return r.began
	}
	return r.loud
}

// advance takes what is due, and opens or closes the line.
func (r *ear) advance(e *Ears) {
	for {
		pcm, ok := r.m.next(r.now(e.o.Clock))
		if !ok {
			return
		}
		// The mixer holds audio back by its margin.
		p := piece{pcm, r.began.Add(time.Duration(r.n)*frameTime - margin*time.Second/rate)}
		r.n++
		if level(pcm) >= voiceLevel {
			r.loud = p.at
			if r.line == nil {
				r.line = e.open(r.source)
				for _, old := range r.past {
					r.line.put(old)
				}
				r.past = nil
			}
		}
		switch {
		case r.line == nil:
			if r.past = append(r.past, p); len(r.past) > before {
				r.past = r.past[1:]
			}
		case p.at.Sub(r.loud) > hush:
			r.close()
		default:
			r.line.put(p)
		}
	}
}

func (r *ear) close() {
	if r.line != nil {
		close(r.line.pieces)
		r.line = nil
	}
}

// level is the root of the mean square of samples.
func level(pcm []byte) float64 {
	sum := 0.0
	for i := 0; i+1 < len(pcm); i += 2 {
		v := float64(int16(uint16(pcm[i]) | uint16(pcm[i+1])<<8))
		sum += v * v
	}
	return math.Sqrt(sum / float64(max(len(pcm)/2, 1)))
}

// open begins to have somebody heard.
func (e *Ears) open(who source) *line {
	l := &line{e: e, source: who, pieces: make(chan piece, queued)}
	e.lines.Go(l.run)
	return l
}

// errRefused is the end of trying: the service will not take us.
var errRefused = errors.New("refused")

func (e *Ears) deaf() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refused
}

func (e *Ears) refuse() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused = true
}

// note tells of something, once: a service that fails all day must not fill the
// journal.
func (e *Ears) note(text string) {
	e.mu.Lock()
	told := e.notes[text] || len(e.notes) >= maxNotes
	e.notes[text] = true
	e.mu.Unlock()
	e.o.Log.Info("live transcript", "note", text)
	if !told && e.o.Note != nil {
		e.o.Note(text)
	}
}
