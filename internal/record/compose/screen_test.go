package compose

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/internal/record/segment"
)

// beeps is a filter that lets sound through within two stretches only, in seconds.
func beeps(a, b, c, d float64) string {
	return fmt.Sprintf(",volume=enable='not(between(t,%g,%g)+between(t,%g,%g))':volume=0", a, b, c, d)
}

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
			ff(t, nil, "-f", "lavfi", "-i", "testsrc=s=320x180:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4"+beeps(0.3, 1.7, 2.3, 3.2), "-c:v", "libx264",
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
			// Who spoke the page tells, from when to when the sound.
			near := func(ms, want int64) bool { return ms > want-100 && ms < want+100 }
			r := o.Result
			if r.DurationMS != 4000 || len(r.Participants) != 2 || len(r.Speakers) != 2 ||
				r.Speakers[0].Name != "Ann" || !near(r.Speakers[0].TalkMS, 1400) || !near(r.Speakers[1].TalkMS, 900) {
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

// Of a film that was paused the second part lies right behind the first, in
// picture, sound and timeline; of the pause, in which Bob spoke on, there is
// nothing.
func TestPauseOfAFilmIsCutOut(t *testing.T) {
	m := newMade(t)
	roll := func(at float64, ended bool) {
		m.say(at, journal.Entry{Track: &journal.Track{ID: screen.TrackID, Kind: "video", Codec: "H264", ClockRate: 90000, Source: "screen", Screen: true, Ended: ended}})
	}
	pause := func(at float64, on bool) {
		m.say(at+0.01, journal.Entry{Pause: &journal.Pause{On: on, UnixMicro: epoch0.Add(sec(at)).UnixMicro()}})
	}
	speech := func(at float64, on bool) {
		m.say(at, journal.Entry{Speech: &journal.Speech{Person: "b", On: on, Source: "page"}})
	}
	m.person(0.1, "b", "Bob")
	roll(0, false)
	speech(1, true)
	speech(3, false)
	roll(4, true)
	pause(4, true)
	pause(9, false)
	roll(9, false)
	speech(10, true)
	speech(11, false)
	roll(12, true)
	m.end(12)
	folder := m.all()
	dir := filepath.Join(folder, segment.Dir, screen.TrackID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, f := range []struct{ colour, start, length, sound string }{{"blue", "0.5", "3.5", beeps(0.5, 1, 1, 2.5)}, {"red", "9", "3", beeps(1, 2, 1, 2)}} {
		ff(t, nil, "-f", "lavfi", "-i", "color="+f.colour+":s=320x180:r=25:d="+f.length, "-f", "lavfi", "-i", fmt.Sprintf("sine=f=%d:d=%s%s", 400*(i+1), f.length, f.sound),
			"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-ac", "1", "-ar", "48000", "-output_ts_offset", f.start, "-avoid_negative_ts", "disabled",
			"-f", "mp4", "-movflags", "+empty_moov+default_base_moof+frag_keyframe+frag_discont", filepath.Join(dir, fmt.Sprintf("%06d.mp4", i+1)))
	}
	o := compose(t, folder, bot.SpeakerView)
	if o.Result.DurationMS != 7000 {
		t.Errorf("duration %d ms, want 7000", o.Result.DurationMS)
	}
	if lines, want := readLines(t, folder), []line{{"Bob", 1, 3}, {"Bob", 5, 6}}; !slices.EqualFunc(lines, want, func(a, b line) bool {
		return a.Speaker == b.Speaker && math.Abs(a.Start-b.Start) < 0.1 && math.Abs(a.End-b.End) < 0.1
	}) {
		t.Errorf("timeline %v, want %v", lines, want)
	}
	if s := float64(len(pcmOf(t, out(folder, "output.flac")))) / rate; s < 6.9 || s > 7.1 {
		t.Errorf("%.2f s of sound, want 7", s)
	}
	for at, want := range map[string]byte{"3.8": 0, "4.2": 2, "6.5": 2} { // which of red, green, blue is none
		rgb := ff(t, nil, "-ss", at, "-i", out(folder, "video.mp4"), "-frames:v", "1", "-vf", "scale=1:1,format=rgb24", "-f", "rawvideo", "pipe:1")
		if len(rgb) != 3 || rgb[want] > 60 || rgb[2-want] < 200 {
			t.Errorf("at %s s the picture is %v", at, rgb)
		}
	}
}

// What the tracks of a film have of its sound is that of the recording, as long as they
// have all of it; the picture lies where its sound was.
func TestSoundOfAFilmIsThatOfItsTracks(t *testing.T) {
	for _, tt := range []struct {
		name  string
		mode  bot.RecordingMode
		film  string // filter of its sound
		whole bool
	}{
		{"all of it", bot.SpeakerView, beeps(0.74, 3.74, 6.24, 9.24), true},
		{"audio only", bot.AudioOnly, beeps(0.74, 3.74, 6.24, 9.24), true},
		{"a sound of the page besides", bot.SpeakerView, beeps(0.74, 3.74, 6.24, 11), true},
		{"somebody besides", bot.SpeakerView, beeps(0.74, 3.74, 6.24, 14), false},
		{"nothing is heard of the film", bot.SpeakerView, ",volume=0", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMade(t)
			m.say(0.05, journal.Entry{Track: &journal.Track{ID: screen.TrackID, Kind: "video", Codec: "H264", ClockRate: 90000, Source: "screen", Screen: true}})
			m.person(0, "a", "Ann")
			m.audio(0, "t1", "a", opusUnits(t, voicePCM(14, 140, [][2]float64{{0.5, 3.5}, {6, 9}})), network{delay: 20 * time.Millisecond})
			m.end(14)
			folder := m.all()
			dir := filepath.Join(folder, segment.Dir, screen.TrackID)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			ff(t, nil, "-f", "lavfi", "-i", "color=blue:s=320x180:r=25:d=14,drawbox=c=red:t=fill:enable='gte(t,5.24)'", "-f", "lavfi", "-i", "sine=f=3000:d=14"+tt.film,
				"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-ac", "1", "-ar", "48000", "-f", "mp4", "-movflags", "+empty_moov+default_base_moof+frag_keyframe+frag_discont", filepath.Join(dir, "000001.mp4"))
			o, err := Run(t.Context(), Options{Folder: folder, Mode: tt.mode, Follow: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(o.Result.Speakers) != 1 || o.Result.DurationMS < 13_900 {
				t.Errorf("result %+v", o.Result)
			}
			files := []string{"output.flac"}
			if tt.mode != bot.AudioOnly {
				files = append(files, "video.mp4")
			}
			if tt.whole && tt.mode != bot.AudioOnly {
				for at, want := range map[string]byte{"4.85": 2, "5.15": 0} { // which of red, green, blue is there
					rgb := ff(t, nil, "-ss", at, "-i", out(folder, "video.mp4"), "-frames:v", "1", "-vf", "scale=1:1,format=rgb24", "-f", "rawvideo", "pipe:1")
					if len(rgb) != 3 || rgb[want] < 200 || rgb[2-want] > 60 {
						t.Errorf("at %s s the picture is %v", at, rgb)
					}
				}
			}
			for _, file := range files {
				pcm := pcmOf(t, out(folder, file))
				if s := float64(len(pcm)) / rate; s < 13.7 || s > 14.3 {
					t.Errorf("%s has %.2f s of sound, want 14", file, s)
				}
				crossings := 0 // 6,000 a second are the film's, a voice has few
				for i := 7 * rate; i < 8*rate; i++ {
					if (pcm[i] < 0) != (pcm[i-1] < 0) {
						crossings++
					}
				}
				if whole := crossings < 3000; whole != tt.whole {
					t.Errorf("%s: %d crossings of zero, want those of the tracks: %t", file, crossings, tt.whole)
				}
			}
		})
	}
}
