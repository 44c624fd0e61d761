// Package stream carries the audio of a meeting to a WebSocket of the caller's,
// live, and audio of the caller's into the meeting (digest 8). The bot is the
// client of both sockets.
//
// It takes copies of what the recorder writes and must never hold it up: Hear
// does not block, and what a receiver does not take in time is dropped here.
// It drives no page and reads no journal.
package stream

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"steno/internal/clock"
	"steno/internal/netguard"
)

// Options say where a bot's audio goes and comes from. One of the URLs, Rate
// and Clock are required.
type Options struct {
	BotID string
	// Version is told in the handshake; receivers may ignore it.
	Version   int
	OutputURL string // where the meeting's audio goes; empty: nowhere
	InputURL  string // where audio for the meeting comes from; may be the same
	Rate      int    // of both, Hz: 16000, 24000, 32000 or 48000
	// Allow lists private networks that the sockets may lead to.
	Allow []netip.Prefix
	Clock clock.Clock
	Log   *slog.Logger
	// Note is told what people should know of a socket. It must not block.
	Note func(text string)
	// Count is told, every minute and at the end, how much audio the receiver
	// took and how much was said in the meeting since it was last called.
	Count func(out, in time.Duration)
	// Play is given the audio for the meeting, 20 ms at 48 kHz at a time, as it
	// is to be heard. Nil: the meeting cannot be spoken to.
	Play func(pcm []int16)
	// Talk is told when the microphone should be on, before anything is played,
	// and when no more. It must not block; Unmuted is the answer. May be nil.
	Talk func(on bool)
}

// Speaker is somebody who began or ceased to speak.
type Speaker struct {
	Name     string
	ID       int // 1, 2, 3 as people came; 0: not known
	At       time.Time
	Speaking bool
}

const (
	// rate is that of all audio inside, samples a second.
	rate = 48000
	// waiting is how many frames may wait to be mixed: some seconds of a large
	// meeting.
	waiting    = 4096
	tickEvery  = 20 * time.Millisecond
	countEvery = time.Minute
	maxNotes   = 200 // a receiver that comes and goes all day must not fill the journal
	// maxUnsent bounds what the kernel holds for a receiver that does not read:
	// audio that is late by more is better dropped.
	maxUnsent = 64 << 10
)

// Stream is the streaming of one bot. Its methods are safe for concurrent use.
type Stream struct {
	o     Options
	guard *netguard.Guard
	links []*link
	out   *queue // nil: no output
	voice *voice // nil: no input
	intake

	unmuted, reset atomic.Bool

	start   sync.Once
	stop    context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup

	mu    sync.Mutex
	notes int
}

// New prepares the streaming of a bot. An error means that it can never work: a
// URL that no socket may be opened to. Close must be called in the end.
func New(o Options) (*Stream, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Stream{o: o, intake: newIntake()}
	s.guard = netguard.New(netguard.Options{Allow: o.Allow, Wrap: func(c net.Conn) net.Conn {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetWriteBuffer(maxUnsent)
		}
		return c
	}})
	for _, l := range []struct{ name, url string }{{"output", o.OutputURL}, {"input", o.InputURL}} {
		if l.url == "" {
			continue
		}
		if err := s.guard.Validate(web(l.url)); err != nil {
			return nil, fmt.Errorf("the %s URL of the stream cannot be used: %w", l.name, err)
		}
	}
	if o.OutputURL != "" {
		s.out = newQueue(s.slow)
		s.links = append(s.links, &link{s: s, name: "output", url: o.OutputURL, out: s.out})
	}
	if o.InputURL != "" {
		s.voice = newVoice(o.Rate)
		if o.InputURL == o.OutputURL {
			s.links[0].voice = s.voice
		} else {
			s.links = append(s.links, &link{s: s, name: "input", url: o.InputURL, voice: s.voice})
		}
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// web is a WebSocket's URL as the guard reads it.
func web(u string) string {
	scheme, rest, _ := strings.Cut(u, "://")
	switch strings.ToLower(scheme) {
	case "ws":
		return "http://" + rest
	case "wss":
		return "https://" + rest
	}
	return u // refused, as it should be, unless it is a web address already
}

// Start opens the sockets and begins to stream. Only the first call does.
func (s *Stream) Start() {
	s.start.Do(func() {
		if s.ctx.Err() != nil {
			return
		}
		for _, l := range s.links {
			s.running.Go(func() { l.run(s.ctx) })
		}
		s.running.Go(s.mix)
	})
}

// Close ends the streaming and waits until nothing of it is left. It may be
// called more than once, and without Start.
func (s *Stream) Close() {
	s.stop()
	s.running.Wait()
	s.guard.Close()
}

// Speakers tells the receiver who began and who ceased to speak.
func (s *Stream) Speakers(changed []Speaker) {
	if s.out != nil && len(changed) > 0 {
		s.out.put(message{text: speakersMessage(changed)})
	}
}

// mix mixes what is heard and queues a frame of it every 100 ms, and gives what
// is said to the page every 20 ms, until the stream is closed.
func (s *Stream) mix() {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	count := time.NewTicker(countEvery)
	defer count.Stop()
	defer s.count()
	m := newMixer(s.o.Rate)
	began, paused := s.o.Clock.Now(), false
	since := func(t time.Time) int64 { return int64(s.o.Clock.Now().Sub(t)/time.Microsecond) * rate / 1_000_000 }
	now := func() int64 { return since(began) }
	start, sp := began, speaking{}
	for {
		select {
		case <-s.ctx.Done():
			return
		case f := <-s.heard:
			if !paused && s.out != nil {
				m.hear(now(), f)
			}
		case on := <-s.pause:
			if paused && !on {
				m = newMixer(s.o.Rate)
				began = s.o.Clock.Now()
			}
			paused = on
		case <-count.C:
			s.count()
		case <-t.C:
			for !paused && s.out != nil {
				pcm, ok := m.next(now())
				if !ok {
					break
				}
				s.out.put(message{audio: pcm})
			}
			s.speak(&sp, since(start))
		}
	}
}

// speaking is where the bot is with what it says. Only mix touches it.
type speaking struct {
	asked bool  // for the microphone to be on
	at    int64 // when that was
	last  int64 // when there was something to say
}

const (
	// unmuteIn is how long what is to be said waits for the microphone.
	unmuteIn = 3 * rate
	// muteAfter is how long the microphone stays on after the last word.
	muteAfter = 2 * rate
)

// speak gives the page what is to be said by now, once the microphone is on.
func (s *Stream) speak(sp *speaking, now int64) {
	if s.voice == nil || s.o.Play == nil {
		return
	}
	if s.reset.Swap(false) {
		sp.asked = false
		s.unmuted.Store(false)
	}
	if !s.voice.wants(now) {
		if sp.asked && now-sp.last > muteAfter {
			sp.asked = false
			s.unmuted.Store(false)
			s.talk(false)
		}
		return
	}
	sp.last = now
	if !sp.asked {
		sp.asked, sp.at = true, now
		s.talk(true)
	}
	if !s.unmuted.Load() && now-sp.at < unmuteIn {
		return
	}
	for pcm := s.voice.next(now); pcm != nil; pcm = s.voice.next(now) {
		s.o.Play(pcm)
	}
}

func (s *Stream) talk(on bool) {
	if s.o.Talk == nil {
		s.unmuted.Store(on)
		return
	}
	s.o.Talk(on)
}

// Unmuted says that the microphone is on, as Talk asked for.
func (s *Stream) Unmuted() { s.unmuted.Store(true) }

// Muted says that the microphone is off although nobody asked for it: the bot
// had to join again.
func (s *Stream) Muted() { s.reset.Store(true) }

// count tells how much was streamed since the last call.
func (s *Stream) count() {
	var out, in time.Duration
	if s.out != nil {
		out = s.out.counted()
	}
	if s.voice != nil {
		in = s.voice.counted()
	}
	if (out > 0 || in > 0) && s.o.Count != nil {
		s.o.Count(out, in)
	}
}

// slow is told of audio that was dropped because the receiver did not take it.
func (s *Stream) slow(dropped time.Duration) {
	s.note(fmt.Sprintf("the receiver of the output stream is too slow; %s of audio dropped", dropped.Round(100*time.Millisecond)))
}

func (s *Stream) note(text string) {
	s.mu.Lock()
	s.notes++
	told := s.notes <= maxNotes
	s.mu.Unlock()
	s.o.Log.Info("stream", "note", text)
	if told && s.o.Note != nil {
		s.o.Note(text)
	}
}
