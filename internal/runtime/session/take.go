package session

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/journal"
	"steno/internal/record/tracks"
)

// hearing is how long after the last sound of a track its person counts as
// speaking, in the live view: longer than the pauses between sentences.
const hearing = 900 * time.Millisecond

// take writes down what a look at the page showed. It returns a verdict when
// the page says that the bot is out, and a loss when it is out without the
// platform having said so.
func (v *visit) take(o platform.Observation, now time.Time) (verdict, bool, error) {
	s := v.s
	v.witness(o)
	s.facts.strange = o.Stage == platform.StageJoining
	switch o.Stage {
	case platform.StageEnded:
		if o.Code == bot.EndUnknown || o.Code == "" {
			return verdict{}, false, &loss{"reconnect", errors.New("the connection to the meeting was lost: " + o.Reason)}
		}
		return verdict{o.Code, o.Reason}, true, nil
	case platform.StageLobby, platform.StageHostAbsent:
		s.facts.hostAbsent = o.Stage == platform.StageHostAbsent
		if s.facts.hostAbsent {
			s.diary.state(bot.InWaitingForHost, "")
		} else {
			s.diary.state(bot.InWaitingRoom, "")
		}
		if s.facts.asked.IsZero() {
			s.facts.asked = now
		}
	case platform.StageInCall:
		v.arrive(now)
	}
	if v.inCall() {
		v.takePeople(o, now)
		s.diary.chat(o.Messages)
		s.captions.take(o.Captions, now, !s.facts.recording.IsZero() && !s.diary.isPaused())
	}
	return verdict{}, false, nil
}

// arrive is called at each look that finds the bot in the call.
func (v *visit) arrive(now time.Time) {
	s := v.s
	if v.inCall() {
		return
	}
	v.entered = now
	if s.facts.admitted.IsZero() {
		s.facts.admitted = now
	} else {
		s.facts.back = now
	}
	s.diary.state(bot.InCall, "")
	s.startStream()
}

// greet posts the entry message, once in the life of the bot: it is noted
// before it is posted, because twice is worse than never.
func (v *visit) greet(ctx context.Context) {
	s := v.s
	var spoke bool
	s.diary.look(func(m *memory) { spoke = m.spoke })
	if s.spec.EntryMessage == "" || spoke || v.inMenu() {
		return
	}
	s.diary.write(journal.Entry{Command: &journal.Command{Name: commandSay, From: "spec"}})
	saying, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := v.adapter.Say(saying, v.page, s.spec.EntryMessage); err != nil {
		s.log.Warn("could not post the entry message", "error", err)
		s.diary.note("could not post the entry message: "+err.Error(), "")
	}
}

func (v *visit) takePeople(o platform.Observation, now time.Time) {
	s := v.s
	s.diary.roster(o.Roster)
	v.binder.take(o, v.rec.Contributors(), now)
	if s.diary.isPaused() {
		s.tellSpeakers(s.diary.speech(nil, []string{}, "page"), now) // who speaks in a pause is not recorded either
	} else if o.Speaking != nil {
		s.tellSpeakers(s.diary.speech(o.Turns, o.Speaking, "page"), now)
	} else {
		s.tellSpeakers(s.diary.speech(nil, v.heard(now), "audio"), now)
	}
	if o.Roster != nil {
		s.facts.others = v.others(o.Roster)
	}
	// Nobody listens while a film is paused: the page's word counts.
	if v.film != nil && s.diary.isPaused() && (v.shownSpeaking(o) || o.Speaking == nil && s.facts.others > 0) {
		s.facts.sound = now
	}
	if s.facts.others > 0 {
		s.facts.company = now
	}
	byMedia := map[string]string{}
	for _, t := range v.rec.Tracks() {
		byMedia[t.MediaID] = t.ID // the last one counts
	}
	sources := v.rec.Contributors()
	for _, b := range o.Bindings {
		track, ok := byMedia[b.MediaID]
		if !ok {
			continue
		}
		if v.binder.shows(track, b.Person, sources, now); !shared(track, sources) {
			s.diary.bind(journal.Bind{Track: track, Person: b.Person, Source: "roster", Screen: b.Screen})
		}
	}
	v.bindSources(sources)
}

// bindSources notes whose the contributing sources are: those that came, and
// those that the platform has told of, because a bot that dies at somebody's
// first word can name it no more. The latter stand on the first track that has
// sources at all, which is enough for all tracks of the connection.
func (v *visit) bindSources(sources []tracks.Contributor) {
	bind := func(track string, csrc uint32, person string) {
		if person != "" {
			v.s.diary.bind(journal.Bind{Track: track, Person: person, Source: "csrc", CSRC: csrc})
		}
	}
	for _, c := range sources {
		bind(c.Track, c.CSRC, v.binder.whose[c.CSRC])
		v.shared = cmp.Or(v.shared, c.Track)
	}
	if v.shared == "" {
		return
	}
	for _, csrc := range slices.Sorted(maps.Keys(v.binder.told)) {
		bind(v.shared, csrc, v.binder.told[csrc])
	}
}

// voice is when audio of somebody last came, and when it was last loud enough to
// be theirs.
type voice struct{ frame, sound time.Time }

// voices are those of the people of whom it is known which audio is theirs, and
// who were heard before.
func (v *visit) voices() map[string]voice {
	all := map[string]voice{}
	add := func(person string, frame, sound time.Time) {
		if person != "" && !sound.IsZero() {
			all[person] = voice{latest(all[person].frame, frame), latest(all[person].sound, sound)}
		}
	}
	for _, t := range v.rec.Tracks() {
		if t.Kind == "audio" && !t.Ended {
			add(v.s.diary.carries(t.ID), t.LastFrame, t.LastSound)
		}
	}
	for _, c := range v.rec.Contributors() {
		add(v.binder.whose[c.CSRC], c.LastFrame, c.LastSound)
	}
	return all
}

// heard lists the people whose tracks carry sound just now.
func (v *visit) heard(now time.Time) []string {
	people := []string{}
	for person, at := range v.voices() {
		if now.Sub(at.sound) <= hearing {
			people = append(people, person)
		}
	}
	slices.Sort(people)
	return people
}

// others counts the people beside bots.
func (v *visit) others(roster []platform.Person) (n int) {
	v.s.diary.look(func(m *memory) {
		for _, p := range roster {
			if !p.Self && !p.Bot && !m.self(p.ID) {
				n++
			}
		}
	})
	return n
}

// follow keeps account of the media while the bot is in the call.
func (v *visit) follow(now time.Time) {
	s := v.s
	a := v.rec.Activity()
	v.lastKnown = latest(v.lastKnown, v.lastSeen)
	switch {
	case v.film == nil:
		v.lastKnown = latest(v.lastKnown, a.LastFrame)
	case !a.LastFrame.IsZero(): // a film grows however dead the page is
		v.first.CompareAndSwap(0, a.LastFrame.UnixMicro())
	}
	s.facts.sound = latest(s.facts.sound, a.LastSound)
	s.facts.company = latest(s.facts.company, a.LastSound)

	var first time.Time
	if at := v.first.Load(); at != 0 {
		first = time.UnixMicro(at)
	}
	if first.IsZero() && now.Sub(v.entered) < settle {
		return
	}
	s.closeGap(first, v.entered)
	if s.facts.recording.IsZero() {
		begin := first
		if begin.IsZero() {
			begin = v.entered
		}
		s.facts.recording = begin
		s.diary.epoch(begin.UnixMicro())
		s.diary.state(bot.Recording, "")
		s.composer.start()
	}
}
