package compose

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/internal/record/segment"
)

// filmedMeeting is a folder of the screen engine: Ann speaks until the bot
// dies, Bob after it is back.
func filmedMeeting(t *testing.T) string {
	m := newMade(t)
	speech := func(at float64, who string, on bool) {
		m.say(at, journal.Entry{Speech: &journal.Speech{Person: who, On: on, Source: "page"}})
	}
	m.say(0.1, journal.Entry{Track: &journal.Track{ID: screen.TrackID, Kind: "video", Codec: "H264", ClockRate: 90000, Source: "screen", Screen: true}})
	m.say(0.1, journal.Entry{Person: &journal.Person{ID: "me", Name: "Steno", Self: true}})
	m.person(0.2, "a", "Ann")
	m.person(0.2, "b", "Bob")
	speech(0.5, "a", true)
	speech(0.6, "me", true)
	m.say(1.5, journal.Entry{Pulse: &journal.Pulse{Bytes: 1}})
	m.say(2, journal.Entry{Session: &journal.Session{N: 2}})
	m.person(2.1, "a", "Ann")
	m.person(2.1, "b", "Bob")
	speech(2.5, "b", true)
	speech(3, "b", false)
	m.end(4)
	return m.all()
}

func TestFilmedFolder(t *testing.T) {
	for _, mode := range []bot.RecordingMode{bot.SpeakerView, bot.AudioOnly} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			folder := filmedMeeting(t)
			dir := filepath.Join(folder, segment.Dir, screen.TrackID)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			ff(t, nil, "-f", "lavfi", "-i", "testsrc=s=320x180:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4", "-c:v", "libx264",
				"-preset", "ultrafast", "-c:a", "aac", "-f", "mp4", "-movflags", "+empty_moov+default_base_moof+frag_keyframe",
				filepath.Join(dir, "000001.mp4"))
			o, err := Run(t.Context(), Options{Folder: folder, Mode: mode, Follow: true})
			if err != nil {
				t.Fatal(err)
			}
			kinds := map[string]bool{}
			for _, a := range o.Artifacts {
				kinds[a.Kind] = true
				mustExist(t, filepath.Join(folder, a.Path))
			}
			if !kinds[KindAudio] || !kinds[KindDiarization] || kinds[KindVideo] != (mode != bot.AudioOnly) {
				t.Errorf("artifacts %v", kinds)
			}
			r := o.Result
			if r.DurationMS != 4000 || len(r.Participants) != 2 || len(r.Speakers) != 2 ||
				r.Speakers[0].Name != "Ann" || r.Speakers[0].TalkMS != 1000 || r.Speakers[1].TalkMS != 500 {
				t.Errorf("result %+v", r)
			}
			if again, err := ReadOutput(folder); err != nil || len(again.Artifacts) != len(o.Artifacts) {
				t.Errorf("manifest %+v, %v", again, err)
			}
		})
	}
}

func TestFilmThatHoldsNothing(t *testing.T) {
	if _, err := Run(t.Context(), Options{Folder: filmedMeeting(t), Mode: bot.SpeakerView, Follow: true}); !errors.Is(err, screen.ErrNoFilm) {
		t.Errorf("got %v, want ErrNoFilm", err)
	}
}

// A bot that died when it had just turned to the screen engine keeps what its
// tracks recorded.
func TestTracksBeforeAFilmThatHoldsNothingAreKept(t *testing.T) {
	for _, mode := range []bot.RecordingMode{bot.SpeakerView, bot.AudioOnly} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			m := newMade(t)
			m.person(0, "a", "Ann")
			m.audio(0, "t1", "a", opusUnits(t, voicePCM(4, 140, [][2]float64{{0.5, 3.5}})), network{delay: 20 * time.Millisecond})
			m.say(4.5, journal.Entry{Track: &journal.Track{ID: screen.TrackID, Kind: "video", Codec: "H264", ClockRate: 90000, Source: "screen", Screen: true}})
			m.end(5)
			folder := m.all()
			o, err := Run(t.Context(), Options{Folder: folder, Mode: mode, Follow: true})
			if err != nil {
				t.Fatal(err)
			}
			kinds := map[string]int{}
			for _, a := range o.Artifacts {
				kinds[a.Kind]++
				mustExist(t, filepath.Join(folder, a.Path))
			}
			if kinds[KindAudio] != 1 || kinds[KindParticipantAudio] != 1 || (kinds[KindVideo] == 1) != (mode != bot.AudioOnly) {
				t.Errorf("artifacts %v", kinds)
			}
			if len(o.Result.Speakers) != 1 || o.Result.Speakers[0].Name != "Ann" || o.Result.Speakers[0].TalkMS < 2500 {
				t.Errorf("result %+v", o.Result)
			}
		})
	}
}
