package compose

import (
	"math"
	"path/filepath"
	"testing"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

// Whose a contributing source is. Times are seconds; a source of 0 is the track
// as a whole.
func TestWhomATrackCarries(t *testing.T) {
	type entry struct {
		at float64
		e  journal.Entry
	}
	person := func(at float64, id string) entry {
		return entry{at, journal.Entry{Person: &journal.Person{ID: id, Name: "person " + id}}}
	}
	left := func(at float64, id string) entry {
		return entry{at, journal.Entry{Person: &journal.Person{ID: id, Name: "person " + id, Left: true}}}
	}
	track := func(at float64, id string) entry {
		return entry{at, journal.Entry{Track: &journal.Track{ID: id, Kind: "audio", Codec: "opus"}}}
	}
	ended := func(at float64, id string) entry {
		return entry{at, journal.Entry{Track: &journal.Track{ID: id, Kind: "audio", Codec: "opus", Ended: true}}}
	}
	bind := func(at float64, id, who string, csrc uint32) entry {
		return entry{at, journal.Entry{Bind: &journal.Bind{Track: id, Person: who, CSRC: csrc}}}
	}
	died := func(at float64) entry { return entry{at, journal.Entry{Session: &journal.Session{N: 2}}} }
	type asked struct {
		track string
		at    float64
		csrc  uint32
		want  string // name; "?": a stand-in; "": nobody
	}
	people := []entry{track(0, "t1"), track(0, "t2"), person(0, "a"), person(0, "b")}
	for name, c := range map[string]struct {
		story []entry
		asked []asked
	}{
		"named after it was heard": {[]entry{bind(5, "t1", "a", 7)},
			[]asked{{"t1", 1, 7, "person a"}, {"t1", 9, 7, "person a"}}},
		"several on a track": {[]entry{bind(1, "t1", "a", 7), bind(1, "t1", "b", 8)},
			[]asked{{"t1", 2, 7, "person a"}, {"t1", 2, 8, "person b"}, {"t1", 2, 9, "?"}, {"t1", 2, 0, ""}}},
		"on another track of the connection": {[]entry{bind(1, "t1", "a", 7)},
			[]asked{{"t2", 2, 7, "person a"}}},
		"on a track of the next process": {[]entry{bind(1, "t1", "a", 7), died(3), track(4, "t3")},
			[]asked{{"t1", 2, 7, "person a"}, {"t3", 5, 7, "?"}}},
		"on a track of the next connection": {[]entry{bind(1, "t1", "a", 7), ended(3, "t1"), ended(3, "t2"), track(4, "t3"), bind(6, "t3", "b", 7)},
			[]asked{{"t1", 2, 7, "person a"}, {"t3", 5, 7, "person b"}}},
		"another's from a moment on": {[]entry{bind(1, "t1", "a", 7), bind(5, "t1", "b", 7)},
			[]asked{{"t1", 2, 7, "person a"}, {"t1", 4, 7, "person a"}, {"t1", 6, 7, "person b"}}},
		"another's since somebody left": {[]entry{bind(1, "t1", "a", 7), left(3, "a"), bind(5, "t1", "b", 7)},
			[]asked{{"t1", 2, 7, "person a"}, {"t1", 4, 7, "person b"}, {"t1", 6, 7, "person b"}}},
		"of somebody who was away": {[]entry{bind(1, "t1", "a", 7), left(3, "a"), person(4, "a")},
			[]asked{{"t1", 3.5, 7, "person a"}, {"t1", 5, 7, "person a"}}},
		"the whole track is somebody's": {[]entry{bind(1, "t1", "a", 0)},
			[]asked{{"t1", 2, 7, "person a"}, {"t1", 2, 0, "person a"}}},
		"nobody is bound": {nil,
			[]asked{{"t1", 2, 0, "?"}, {"t2", 2, 7, "?"}, {"t2", 2, 0, "?"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			for _, e := range append(append([]entry(nil), people...), c.story...) {
				e.e.At = epoch0.Add(sec(e.at))
				s.apply(e.e)
			}
			for _, q := range c.asked {
				got := s.who(s.byName[q.track], epoch0.Add(sec(q.at)).UnixMicro(), q.csrc)
				switch {
				case got == nil && q.want == "":
				case got == nil, q.want == "", q.want == "?" && got.name != "", q.want != "?" && got.name != q.want:
					t.Errorf("source %d on %s at %g s: %+v, want %q", q.csrc, q.track, q.at, got, q.want)
				}
			}
		})
	}
}

func TestSourceIsOneStrangerOnAllTracksUntilItIsNamed(t *testing.T) {
	s := newStory()
	for _, e := range []journal.Entry{
		{Track: &journal.Track{ID: "t1", Kind: "audio"}}, {Track: &journal.Track{ID: "t2", Kind: "audio"}}, {Person: &journal.Person{ID: "a", Name: "Ada"}},
	} {
		s.apply(e)
	}
	one, two := s.byName["t1"], s.byName["t2"]
	unknown := s.who(one, 0, 7)
	if other := s.who(two, 0, 7); other != unknown || s.who(one, 0, 8) == unknown {
		t.Errorf("one source is several people, or several are one")
	}
	s.apply(journal.Entry{Bind: &journal.Bind{Track: "t2", Person: "a", CSRC: 7}})
	if got := s.who(one, 0, 7); got.name != "Ada" || !unknown.gone {
		t.Errorf("after it was named: %+v, and %+v", got, unknown)
	}
}

// sourced has the frames of a track, from one moment to another, come from a
// contributing source.
func (m *made) sourced(track string, from, to float64, csrc uint32) {
	for i, e := range m.events {
		if at := e.at.Sub(epoch0).Seconds(); e.track == track && at >= from && at < to {
			m.events[i].frame.CSRCs = []uint32{csrc}
		}
	}
}

// loud is how loud a file is in a stretch of time, of full scale.
func loud(t *testing.T, path string, from, to float64) float64 {
	t.Helper()
	pcm := pcmOf(t, path)
	sum := 0.0
	for _, s := range pcm[int(from*rate):int(to*rate)] {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum/((to-from)*rate)) / 32768
}

// Two people pass from track to track, their sources are named at the end and
// on one track only: each has one file with all their words and no others.
func TestPeopleWhoShareTracks(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.person(0, "b", "Grace Hopper")
	m.audio(0, "t1", "", opusUnits(t, voicePCM(12, 150, [][2]float64{{1, 3}, {5, 7}, {9, 10}})), soft)
	m.audio(0, "t2", "", opusUnits(t, voicePCM(12, 210, [][2]float64{{5.5, 8}, {9.5, 11}})), soft)
	m.sourced("t1", 0, 4, 11)  // Ada: 1 to 3
	m.sourced("t1", 4, 8, 22)  // Grace: 5 to 7
	m.sourced("t1", 8, 13, 11) // Ada: 9 to 10
	m.sourced("t2", 4, 8.5, 11)
	m.sourced("t2", 8.5, 13, 22)
	m.say(11.5, journal.Entry{Bind: &journal.Bind{Track: "t1", Person: "a", CSRC: 11, Source: "csrc"}})
	m.say(11.5, journal.Entry{Bind: &journal.Bind{Track: "t1", Person: "b", CSRC: 22, Source: "csrc"}})
	m.end(12)
	folder := m.all()
	o := compose(t, folder, bot.AudioOnly)
	want := []line{{"Ada Lovelace", 1.03, 3.03}, {"Grace Hopper", 5.03, 7.03}, {"Ada Lovelace", 5.53, 8.03}, {"Ada Lovelace", 9.03, 10.03}, {"Grace Hopper", 9.53, 11.03}}
	if e := der(want, readLines(t, folder)); e > 0.02 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
	if len(o.Result.Participants) != 2 {
		t.Errorf("participants %+v", o.Result.Participants)
	}
	files := map[string]string{}
	for _, a := range o.Artifacts {
		if a.Kind == KindParticipantAudio {
			files[a.Name] = filepath.Join(folder, a.Path)
		}
	}
	ada, grace := files["Ada Lovelace"], files["Grace Hopper"]
	for _, c := range []struct {
		file     string
		from, to float64
		voice    bool
	}{
		{ada, 1.2, 2.8, true}, {ada, 5.7, 7.8, true}, {ada, 9.2, 9.9, true}, {ada, 3.3, 5.3, false}, {ada, 10.3, 11.5, false},
		{grace, 5.2, 6.8, true}, {grace, 9.7, 10.8, true}, {grace, 0.2, 4.8, false}, {grace, 7.3, 9.3, false},
	} {
		if l := loud(t, c.file, c.from, c.to); l > 0.02 != c.voice {
			t.Errorf("%s is at %.4f from %g to %g s", c.file, l, c.from, c.to)
		}
	}
}

// Who speaks on a track with everybody's audio is what the page shows, a
// little late; the edges are the sound's. The mix is nobody's own file.
func TestPageTellsWhoSpeaksInAMix(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.person(0, "b", "Grace Hopper")
	m.say(0, journal.Entry{Person: &journal.Person{ID: "me", Name: "Recorder", Self: true}})
	said := []line{{"a", 1, 3}, {"b", 3.6, 6}, {"a", 5.5, 8}, {"b", 8.1, 10}, {"a", 11, 12}, {"a", 12.8, 14}}
	var pcm []int16
	var want []line
	for _, l := range said {
		one := voicePCM(15, map[string]float64{"a": 150, "b": 210}[l.Speaker], [][2]float64{{l.Start, l.End}})
		if pcm == nil {
			pcm = make([]int16, len(one))
		}
		for i, s := range one {
			pcm[i] += s
		}
		want = append(want, line{map[string]string{"a": "Ada Lovelace", "b": "Grace Hopper"}[l.Speaker], l.Start + 0.03, l.End + 0.03})
		// The sign comes 200 ms late and goes out once in between.
		show := func(at float64, on bool) {
			m.say(at, journal.Entry{Speech: &journal.Speech{Person: l.Speaker, On: on, Source: "page", UnixMicro: epoch0.Add(sec(at - 0.1)).UnixMicro()}})
		}
		show(l.Start+0.33, true)
		show((l.Start+l.End)/2, false)
		show((l.Start+l.End)/2+0.3, true)
		show(l.End+0.33, false)
	}
	m.audio(0, "t1", "", opusUnits(t, pcm), soft)
	m.end(15)
	folder := m.all()
	o := compose(t, folder, bot.AudioOnly)
	if e := der(want, readLines(t, folder)); e > 0.05 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	} else {
		t.Logf("DER %.4f", e)
	}
	if len(o.Result.Participants) != 2 {
		t.Errorf("participants %+v", o.Result.Participants)
	}
	for _, a := range o.Artifacts {
		if a.Kind == KindParticipantAudio {
			t.Errorf("%s has a file: %s", a.Name, a.Path)
		}
	}
}

// If the page only ever shows one person on a track that nobody is bound to, it
// is theirs, with a file of their own.
func TestTrackOfOneWhomOnlyThePageShows(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.person(0, "b", "Grace Hopper")
	m.audio(0, "t1", "", opusUnits(t, voicePCM(4, 150, [][2]float64{{1, 3}})), soft)
	m.say(1.2, journal.Entry{Speech: &journal.Speech{Person: "b", On: true, Source: "page"}})
	m.say(3.2, journal.Entry{Speech: &journal.Speech{Person: "b", Source: "page"}})
	m.end(4)
	folder := m.all()
	o := compose(t, folder, bot.AudioOnly)
	if e := der([]line{{"Grace Hopper", 1.03, 3.03}}, readLines(t, folder)); e > 0.03 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
	files := 0
	for _, a := range o.Artifacts {
		if a.Kind != KindParticipantAudio {
			continue
		}
		files++
		if path := filepath.Join(folder, a.Path); a.Name != "Grace Hopper" || loud(t, path, 1.2, 2.8) < 0.02 {
			t.Errorf("file of %s, %.4f loud", a.Name, loud(t, path, 1.2, 2.8))
		}
	}
	if files != 1 || len(o.Result.Participants) != 2 {
		t.Errorf("%d files, participants %+v", files, o.Result.Participants)
	}
}

// Somebody whose track is known is not to be heard on one that is nobody's.
func TestUnknownVoiceIsNotOneThatIsKnown(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.audio(0, "t1", "a", opusUnits(t, voicePCM(4, 150, [][2]float64{{1, 3}})), soft)
	m.audio(0, "t2", "", opusUnits(t, voicePCM(4, 210, [][2]float64{{1.5, 3.5}})), soft)
	m.say(1.2, journal.Entry{Speech: &journal.Speech{Person: "a", On: true, Source: "page"}})
	m.say(3.2, journal.Entry{Speech: &journal.Speech{Person: "a", Source: "page"}})
	m.end(4)
	folder := m.all()
	compose(t, folder, bot.AudioOnly)
	want := []line{{"Ada Lovelace", 1.03, 3.03}, {"Participant 2", 1.53, 3.53}}
	if e := der(want, readLines(t, folder)); e > 0.03 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
}

// A video track shows whoever its present frames come from.
func TestSharedVideoShowsWhoIsOnIt(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.person(0, "b", "Grace Hopper")
	var units []unit
	for i := range 180 {
		units = append(units, unit{at: float64(i) / 30, key: i%30 == 0, data: []byte{0}})
	}
	m.video(0, "t1", "", "VP8", units, network{})
	m.sourced("t1", 0, 2, 11)
	m.sourced("t1", 2, 4, 22)
	m.sourced("t1", 4, 7, 33)
	m.say(5, journal.Entry{Bind: &journal.Bind{Track: "t1", Person: "a", CSRC: 11, Source: "csrc"}})
	m.say(5, journal.Entry{Bind: &journal.Bind{Track: "t1", Person: "b", CSRC: 22, Source: "csrc"}})
	m.end(6)
	c := &composer{Options: Options{Folder: m.all()}, story: newStory()}
	if err := c.read(); err != nil {
		t.Fatal(err)
	}
	e, tl := newEye(c.Folder, c.story.tracks[0]), c.story.timeline()
	if err := e.step(never, tl); err != nil {
		t.Fatal(err)
	}
	e.who(5_000_000, c.story, tl) // what comes later is seen first
	for at, want := range map[float64]string{1: "Ada Lovelace", 1.9: "Ada Lovelace", 2.1: "Grace Hopper", 3.9: "Grace Hopper", 4.5: ""} {
		got := e.who(int64(at*1e6), c.story, tl)
		if got == nil && want != "" || got != nil && got.name != want {
			t.Errorf("at %g s: %+v, want %q", at, got, want)
		}
	}
}
