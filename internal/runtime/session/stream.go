package session

import (
	"time"

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
	if s.stream != nil && s.spec.Streaming.OutputURL != "" {
		o.Sound, o.Live = s.stream.Hear, true
	}
}

// startStream begins to stream, once.
func (s *session) startStream() {
	if s.stream != nil {
		s.stream.Start()
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
			list[i] = stream.Speaker{Name: m.people[c.Person].Name, At: now, Speaking: c.On}
		}
	})
	s.stream.Speakers(list)
}
