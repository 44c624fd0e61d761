package session

import (
	"fmt"
	"slices"

	"steno/internal/record/journal"
	"steno/internal/record/tracks"
	"steno/internal/stream"
)

// openEars begins to have what is said transcribed by a streaming service, if the
// spec asks for one. That it cannot be had ends nothing.
func (s *session) openEars() {
	live := s.spec.LiveTranscript
	if live == nil || !slices.Contains(stream.EarServices, live.Provider) {
		return
	}
	var err error
	s.ears, err = stream.NewEars(stream.EarsOptions{
		Service: live.Provider, URL: s.opt.Live.URL, Key: s.opt.Live.Key, Partial: live.Partial, Allow: s.spec.Reach.Networks, Clock: s.clock, Log: s.log,
		Note: func(text string) { s.diary.note("live transcript: "+text, "") }, Heard: s.diary.heard,
	})
	if err != nil {
		s.diary.note("live transcript: "+err.Error(), "")
		return
	}
	if s.diary.isPaused() { // an earlier process was
		s.ears.Pause(true)
	}
}

func (s *session) closeEars() {
	if s.ears != nil {
		s.ears.Close()
	}
}

// listens puts the ears' wishes into a recorder's options, beside the stream's.
func (s *session) listens(o *tracks.Options) {
	if s.ears == nil {
		return
	}
	hear := s.ears.Hear
	if first := o.Sound; first != nil {
		hear = func(f tracks.Sound) { first(f); s.ears.Hear(f) }
	}
	o.Sound = hear
}

func (s *session) pauseEars(on bool) {
	if s.ears != nil {
		s.ears.Pause(on)
	}
}

// heard notes what a service heard, under the person whom the track carries.
func (d *diary) heard(h stream.Heard) {
	d.mu.Lock()
	defer d.mu.Unlock()
	person := d.mem.bound[bound{h.Track, h.CSRC}].Person
	if person == "" {
		person = d.mem.bound[bound{h.Track, 0}].Person
	}
	d.writeLocked(journal.Entry{Heard: &journal.Heard{
		Line: fmt.Sprintf("%s/%d", h.Track, h.CSRC), Partial: h.Partial,
		Person: person, Name: d.mem.people[person].Name, Text: h.Text, Language: h.Language, From: h.From.UnixMicro(), To: h.To.UnixMicro(),
	}})
}
