package compose

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

var soft = network{delay: 30 * time.Millisecond, jitter: 5 * time.Millisecond}

// playable checks that a folder has a mix and a video of the length, which
// players can read.
func playable(t *testing.T, folder string, seconds float64) {
	t.Helper()
	mustExist(t, out(folder, "output.flac"))
	mustExist(t, out(folder, "video.mp4"))
	frames := len(timecodes(t, out(folder, "video.mp4"), ""))
	if want := int(ticks(int64(seconds * 1e6))); frames != want {
		t.Errorf("%d frames of video, want %d", frames, want)
	}
	if n, want := len(pcmOf(t, out(folder, "output.flac"))), int(max(seconds, 0.04)*rate); n != want {
		t.Errorf("%d samples of sound, want %d", n, want)
	}
}

func TestMeetingsWithLittleInThem(t *testing.T) {
	tests := map[string]struct {
		fill    func(m *made)
		seconds float64
	}{
		"nobody came": {func(m *made) {}, 2},
		"no length":   {func(m *made) {}, 0},
		"people without tracks": {func(m *made) {
			m.person(0, "a", "Ada Lovelace")
			m.person(1, "b", "東京 太郎")
		}, 2},
		"only video": {func(m *made) {
			m.person(0, "a", "Ada Lovelace")
			m.video(0, "t1", "a", "VP8", videoUnits(t, "VP8", 4, 320, 180, 60, 90), soft)
		}, 5},
		"a single frame": {func(m *made) {
			m.video(0, "t1", "", "VP8", videoUnits(t, "VP8", 4, 320, 180, 60, 90)[:1], soft)
			m.audio(0, "t2", "", opusUnits(t, voicePCM(1, 150, nil))[:1], soft)
		}, 3},
		"a track that cannot be decoded": {func(m *made) {
			rubbish := []unit{}
			for i := range 60 {
				rubbish = append(rubbish, unit{at: float64(i) / 30, key: i == 0, data: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}})
			}
			m.video(0, "t1", "", "VP8", rubbish, soft)
			m.audio(0, "t2", "", rubbish, soft)
		}, 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMade(t)
			tc.fill(m)
			m.end(tc.seconds)
			folder := m.all()
			o, err := Run(context.Background(), Options{Folder: folder, Mode: bot.GalleryView, Log: testLog(t), patience: 3 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if o.Result.DurationMS != int64(tc.seconds*1000) {
				t.Errorf("duration %d ms, want %.0f", o.Result.DurationMS, tc.seconds*1000)
			}
			if len(o.Result.Speakers) != 0 {
				t.Errorf("speakers %+v in a meeting in which nobody spoke", o.Result.Speakers)
			}
			playable(t, folder, tc.seconds)
		})
	}
}

func TestNothingRecorded(t *testing.T) {
	_, err := Run(context.Background(), Options{Folder: t.TempDir(), Mode: bot.AudioOnly})
	if !errors.Is(err, ErrNothing) {
		t.Fatalf("error %v, want ErrNothing", err)
	}
}

// A pause is cut out of everything.
func TestPauseIsCutOut(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.audio(0, "t1", "a", opusUnits(t, voicePCM(12, 150, [][2]float64{{1, 3}, {5, 7}, {9, 11}})), soft)
	m.video(0, "t2", "a", "VP8", videoUnits(t, "VP8", 12, 320, 180, 600, 90), soft)
	m.say(4, journal.Entry{Pause: &journal.Pause{On: true}})
	m.say(8, journal.Entry{Pause: &journal.Pause{}})
	m.end(12)
	folder := m.all()
	o := compose(t, folder, bot.SpeakerView)
	if o.Result.DurationMS != 8000 {
		t.Errorf("duration %d ms, want 8000", o.Result.DurationMS)
	}
	if e := der([]line{{"Ada Lovelace", 1.03, 3.03}, {"Ada Lovelace", 5.03, 7.03}}, readLines(t, folder)); e > 0.02 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
	playable(t, folder, 8)
	if c := timecodes(t, out(folder, "video.mp4"), "")[6*fps]; c < 297 || c > 301 {
		t.Errorf("frame %d is shown 2 s after the pause, want 299", c)
	}
}

// Somebody who is heard before they are named, on a track that is later found
// to carry another, ends up with the right names everywhere; audio_only has no
// video.
func TestNamesThatComeLate(t *testing.T) {
	m := newMade(t)
	m.audio(0, "t1", "", opusUnits(t, voicePCM(10, 150, [][2]float64{{1, 4}, {6, 9}})), soft)
	m.say(3, journal.Entry{Person: &journal.Person{ID: "me", Name: "Recorder", Self: true}})
	m.person(3, "a", "Ada Lovelace")
	m.person(3, "b", "Grace Hopper")
	m.say(3.5, journal.Entry{Bind: &journal.Bind{Track: "t1", Person: "a", Source: "roster"}})
	m.say(5, journal.Entry{Bind: &journal.Bind{Track: "t1", Person: "b", Source: "roster"}})
	m.audio(0, "t2", "", opusUnits(t, voicePCM(10, 210, [][2]float64{{2, 3}})), soft)
	m.say(9, journal.Entry{Chat: &journal.Chat{ID: "c1", Sender: "Ada Lovelace", Text: "hello <all>", SentAt: epoch0}})
	m.end(10)
	folder := m.all()
	o := compose(t, folder, bot.AudioOnly)
	want := []line{{"Ada Lovelace", 1.03, 4.03}, {"Participant 3", 2.03, 3.03}, {"Grace Hopper", 6.03, 9.03}}
	if e := der(want, readLines(t, folder)); e > 0.02 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
	kinds := map[string]int{}
	for _, a := range o.Artifacts {
		kinds[a.Kind]++
		mustExist(t, folder+"/"+a.Path)
	}
	if kinds[KindVideo] != 0 || kinds[KindParticipantAudio] != 3 || kinds[KindChat] != 1 || kinds[KindAudio] != 1 {
		t.Errorf("artifacts %v", kinds)
	}
	if len(o.Result.Participants) != 3 {
		t.Errorf("participants %+v, want three and not the bot", o.Result.Participants)
	}
	if _, err := os.Stat(out(folder, "video.mp4")); !errors.Is(err, os.ErrNotExist) {
		t.Error("audio_only made a video")
	}
}

// Several people on one track are told apart by contributing source.
func TestContributingSources(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.person(0, "b", "Grace Hopper")
	m.audio(0, "t1", "", opusUnits(t, voicePCM(10, 150, [][2]float64{{1, 4}, {6, 9}})), soft)
	for i := range m.events {
		if m.events[i].track == "t1" {
			m.events[i].frame.CSRCs = []uint32{11}
			if m.events[i].at.Sub(epoch0) > sec(5) {
				m.events[i].frame.CSRCs = []uint32{22}
			}
		}
	}
	m.say(0.1, journal.Entry{Bind: &journal.Bind{Track: "t1", Person: "a", CSRC: 11, Source: "csrc"}})
	m.say(0.1, journal.Entry{Bind: &journal.Bind{Track: "t1", Person: "b", CSRC: 22, Source: "csrc"}})
	m.end(10)
	folder := m.all()
	compose(t, folder, bot.AudioOnly)
	want := []line{{"Ada Lovelace", 1.03, 4.03}, {"Grace Hopper", 6.03, 9.03}}
	if e := der(want, readLines(t, folder)); e > 0.02 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
}

// The other codecs, a change of size within a track, and a shared screen,
// which goes first and stays although it does not change.
func TestCodecsSizesAndScreens(t *testing.T) {
	for _, codec := range []string{"VP8", "VP9", "H264"} {
		t.Run(codec, func(t *testing.T) {
			m := newMade(t)
			m.person(0, "a", "Ada Lovelace")
			units := append([]unit(nil), videoUnits(t, codec, 3, 320, 180, 30, 90)...)
			for _, u := range videoUnits(t, codec, 6, 640, 360, 30, 90) {
				if u.at >= 3 {
					units = append(units, u)
				}
			}
			m.video(0, "t1", "a", codec, units, soft)
			m.end(6)
			folder := m.all()
			compose(t, folder, bot.SpeakerView)
			codes := timecodes(t, out(folder, "video.mp4"), "")
			for _, at := range []float64{1, 2.5, 3.5, 5} {
				want := int((at - 0.03) * 30)
				if got := codes[int(at*fps)]; got < want-2 || got > want+2 {
					t.Errorf("frame %d is shown at %.1f s, want %d", got, at, want)
				}
			}
		})
	}
	t.Run("screen", func(t *testing.T) {
		m := newMade(t)
		m.person(0, "a", "Ada Lovelace")
		m.video(0, "t1", "a", "VP8", videoUnits(t, "VP8", 9, 320, 180, 60, 90), soft)
		m.say(3, journal.Entry{Track: &journal.Track{ID: "s1", Kind: "video", Codec: "VP8", ClockRate: 90000, Screen: true}})
		m.send(3, "s1", 90000, videoUnits(t, "VP8", 9, 320, 180, 60, 90)[:91], soft)
		m.say(7.5, journal.Entry{Track: &journal.Track{ID: "s1", Kind: "video", Codec: "VP8", ClockRate: 90000, Screen: true, Ended: true}})
		m.end(9)
		folder := m.all()
		compose(t, folder, bot.SpeakerView)
		codes := timecodes(t, out(folder, "video.mp4"), "")
		for at, want := range map[float64]int{2: 59, 5: 59, 7: 90, 8.5: 254} {
			if got := codes[int(at*fps)]; got < want-2 || got > want+2 {
				t.Errorf("frame %d is shown at %.1f s, want %d", got, at, want)
			}
		}
	})
}
