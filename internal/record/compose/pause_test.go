package compose

import (
	"os"
	"testing"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

// without is what is left of a track when a recorder kept a pause from the
// disk: video goes on with a keyframe.
func without(units []unit, from, to float64, video bool) (left []unit) {
	broken := false
	for _, u := range units {
		switch {
		case u.at >= from && u.at < to:
			broken = video
		case broken && !u.key:
		default:
			broken = false
			left = append(left, u)
		}
	}
	return left
}

// Two pauses of which nothing is on disk are cut out of video, audio,
// diarization and the people's files; what follows them is in its place.
func TestPausesOfWhichNothingIsOnDiskAreCutOut(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	voice := without(opusUnits(t, voicePCM(14, 150, [][2]float64{{1, 3}, {5, 7}, {9, 10}, {12, 13.5}})), 4, 8, false)
	m.audio(0, "t1", "a", without(voice, 10.5, 11.5, false), soft)
	picture := without(videoUnits(t, "VP8", 14, 320, 180, 15, 90), 4, 8, true)
	m.video(0, "t2", "a", "VP8", without(picture, 10.5, 11.5, true), soft)
	pause := func(at float64, on bool) {
		m.say(at+0.04, journal.Entry{Pause: &journal.Pause{On: on, UnixMicro: epoch0.Add(sec(at)).UnixMicro()}})
	}
	pause(4, true)
	pause(8, false)
	pause(10.5, true)
	pause(11.5, false)
	m.end(14)
	folder := m.all()
	o := compose(t, folder, bot.SpeakerView)
	if o.Result.DurationMS != 9000 {
		t.Errorf("duration %d ms, want 9000", o.Result.DurationMS)
	}
	want := []line{{"Ada Lovelace", 1.03, 3.03}, {"Ada Lovelace", 5.03, 6.03}, {"Ada Lovelace", 7.03, 8.53}}
	if e := der(want, readLines(t, folder)); e > 0.03 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
	playable(t, folder, 9)
	codes := timecodes(t, out(folder, "video.mp4"), "")
	for _, c := range []struct{ at, want float64 }{{3, 3}, {6, 10}, {8, 13}} { // seconds of the video, of the meeting
		if got := codes[int(c.at*fps)]; got < int(c.want*30)-4 || got > int(c.want*30)+1 {
			t.Errorf("%g s into the video frame %d is shown, want %g", c.at, got, c.want*30)
		}
	}
}

// A bot that leaves while it is paused recorded up to the pause.
func TestPauseThatDoesNotEndIsTheEnd(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.audio(0, "t1", "a", without(opusUnits(t, voicePCM(6, 150, [][2]float64{{1, 2}, {4, 5}})), 3, 99, false), soft)
	m.say(3, journal.Entry{Pause: &journal.Pause{On: true}})
	m.end(6)
	folder := m.all()
	if o := compose(t, folder, bot.AudioOnly); o.Result.DurationMS != 3000 {
		t.Errorf("duration %d ms, want 3000", o.Result.DurationMS)
	}
	if e := der([]line{{"Ada Lovelace", 1.03, 2.03}}, readLines(t, folder)); e > 0.03 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
}

// The platform's captions come onto the recording's clock: the last that was seen
// of each line counts, under the participant's name; what was said in a pause is
// left out.
func TestCaptionsAreOnTheRecordingsClock(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.audio(0, "t1", "a", opusUnits(t, voicePCM(14, 150, [][2]float64{{1, 3}, {5, 7}, {9, 10}})), soft)
	at := func(s float64) int64 { return epoch0.Add(sec(s)).UnixMicro() }
	m.say(4, journal.Entry{Pause: &journal.Pause{On: true, UnixMicro: at(4)}})
	m.say(8, journal.Entry{Pause: &journal.Pause{UnixMicro: at(8)}})
	caption := func(id, person, text string, from, to float64) {
		m.say(to+0.1, journal.Entry{Caption: &journal.Caption{ID: id, Person: person, Name: "Ada (you)", Text: text, Language: "en-GB", From: at(from), To: at(to)}})
	}
	caption("1", "a", "Good", 1, 1.5)
	caption("1", "a", "Good morning. ", 1, 3)
	caption("2", "a", "Not recorded.", 5, 7)
	caption("3", "", "Who was that?", 9, 10)
	caption("4", "a", " ", 10, 11)
	m.end(12)
	folder := m.all()
	compose(t, folder, bot.AudioOnly)
	b, err := os.ReadFile(out(folder, "captions.jsonl"))
	want := `{"speaker":"Ada Lovelace","start_time":1,"end_time":3,"text":"Good morning.","language":"en-GB"}
{"speaker":"Ada (you)","start_time":5,"end_time":6,"text":"Who was that?","language":"en-GB"}
`
	if err != nil || string(b) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, b, want)
	}
}

// Who reads the recording is told where it does not go on: at the cut of a pause,
// and where a gap begins and ends.
func TestBreaksAreOnTheRecordingsClock(t *testing.T) {
	m := newMade(t)
	m.person(0, "a", "Ada Lovelace")
	m.audio(0, "t1", "a", without(opusUnits(t, voicePCM(14, 150, [][2]float64{{1, 3}, {5, 7}, {12, 13}})), 8, 10, false), soft)
	at := func(s float64) int64 { return epoch0.Add(sec(s)).UnixMicro() }
	m.say(4, journal.Entry{Pause: &journal.Pause{On: true, UnixMicro: at(3.5)}})
	m.say(5, journal.Entry{Pause: &journal.Pause{UnixMicro: at(4.5)}})
	m.say(10, journal.Entry{Gap: &journal.Gap{From: at(8), To: at(10), Reason: "browser_died"}})
	m.end(14)
	folder := m.all()
	compose(t, folder, bot.AudioOnly)
	b, err := os.ReadFile(out(folder, "breaks.jsonl"))
	if want := "{\"at\":3.5}\n{\"at\":7}\n{\"at\":9}\n"; err != nil || string(b) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, b, want)
	}
}
