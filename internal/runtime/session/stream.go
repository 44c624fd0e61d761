package session

import (
	"context"
	"errors"
	"time"

	"steno/internal/platform"
	"steno/internal/record/journal"
	"steno/internal/record/tracks"
	"steno/internal/stream"
)

// openStream prepares the streaming that the spec asks for. It begins when the
// bot is in the call.
func (s *session) openStream() (err error) {
	c := s.spec.Streaming
	if c == nil || c.InputURL == "" && c.OutputURL == "" {
		return nil
	}
	s.stream, err = stream.New(stream.Options{
		BotID: s.spec.BotID, Version: s.spec.StreamVersion, OutputURL: c.OutputURL, InputURL: c.InputURL, Rate: c.Frequency,
		Allow: s.spec.Reach.Networks, Clock: s.clock, Log: s.log,
		Note: func(text string) { s.diary.note(text, "") },
		Play: s.say, Talk: s.wantToTalk,
		Count: func(out, in time.Duration) {
			s.diary.write(journal.Entry{Streamed: &journal.Streamed{OutMS: out.Milliseconds(), InMS: in.Milliseconds()}})
		},
	})
	if err == nil && s.diary.isPaused() { // an earlier process was
		s.stream.Pause(true)
	}
	return err
}

func (s *session) closeStream() {
	if s.stream != nil {
		s.stream.Close()
	}
}

// streams puts the stream's wishes into a recorder's options.
func (s *session) streams(o *tracks.Options) {
	if s.stream == nil {
		return
	}
	o.Speak = s.spec.Streaming.InputURL != ""
	if s.spec.Streaming.OutputURL != "" {
		o.Sound, o.Live = s.stream.Hear, true
	}
}

// startStream begins to stream, the first time; later the bot is in the call
// again, with its microphone off.
func (s *session) startStream() {
	if s.stream != nil {
		s.stream.Muted()
		s.stream.Start()
	}
}

func (s *session) setMouth(r Recorder) {
	s.mu.Lock()
	s.mouth = r
	s.mu.Unlock()
}

// say lets the page say something.
func (s *session) say(pcm []int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mouth != nil {
		s.mouth.Say(pcm)
	}
}

// wantToTalk asks the visit for the microphone to be on, or off.
func (s *session) wantToTalk(on bool) {
	for {
		select {
		case s.talks <- on:
			return
		case <-s.talks: // an older wish
		}
	}
}

// talk switches the microphone.
func (v *visit) talk(ctx context.Context, on bool) {
	s := v.s
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := errors.New("the bot cannot switch its microphone on this platform")
	if a, ok := v.adapter.(platform.Speaker); ok && on {
		err = a.Unmute(ctx, v.page)
	} else if ok {
		err = a.Mute(ctx, v.page)
	}
	if err != nil && !s.hoarse {
		s.hoarse = true
		s.diary.note("could not switch the microphone: "+err.Error(), "")
	}
	if on {
		s.stream.Unmuted()
	}
}

func (s *session) pauseStream(on bool) {
	if s.stream != nil {
		s.stream.Pause(on)
	}
}

// tellSpeakers tells the stream who began and who ceased to speak.
func (s *session) tellSpeakers(changed []journal.Speech, now time.Time) {
	if s.stream == nil {
		return
	}
	list := make([]stream.Speaker, len(changed))
	s.diary.look(func(m *memory) {
		for i, c := range changed {
			list[i] = stream.Speaker{Name: m.people[c.Person].Name, ID: m.numbers[c.Person], At: now, Speaking: c.On}
			if c.UnixMicro != 0 {
				list[i].At = time.UnixMicro(c.UnixMicro)
			}
		}
	})
	s.stream.Speakers(list)
}
