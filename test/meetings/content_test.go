package meetings

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"steno/internal/record/compose"
	"steno/lab"
	"steno/lab/measure"
	"steno/test/internal/words"
)

// What is promised of what was recorded.
const (
	mostOffMS = 80   // sound against the truth, picture against sound
	mostError = 0.05 // of the speakers' times
	mostLost  = 0.02 // of the speech
	// mostConfused is how many seconds one may be taken for another: the edges of
	// sounds.
	mostConfused = 0.1
	mostStill    = 0.05 // of the time that a picture is to be seen
)

// figures are what was measured, the worst of all stretches.
type figures struct {
	audio, av, speakers float64
	heard, seen         bool
	words               words.Report
}

// out is when the bot was out of the meeting, as the meeting saw it.
func (l *life) out() (us int64) {
	for _, g := range l.visits() {
		us = max(us, g.OutUS)
	}
	return us
}

// content measures the recording against what really happened, if the card
// says so.
func (l *life) content(t *testing.T) (f figures) {
	t.Helper()
	if !l.Expect.Content || l.epoch == 0 {
		return f
	}
	var total measure.Diarization
	names := map[string]bool{}
	for _, s := range words.Stretches(l.entries, l.epoch, l.out()) {
		r, err := measure.Measure(t.Context(), l.recording(s.Epoch), l.truth, measure.Options{FromUS: s.From, ToUS: s.To})
		if err != nil {
			t.Fatal(err)
		}
		l.sound(t, &f, "mix", r.Mix)
		for _, p := range r.People {
			l.sound(t, &f, p.Name, &p.Sound)
		}
		if len(r.Strange) > 0 || len(r.Missing) > 0 {
			t.Errorf("files of strangers %q, none of %q", r.Strange, r.Missing)
		}
		if r.Video != nil {
			l.picture(t, &f, r.Video)
		}
		if d := r.Speakers; d != nil {
			total.SpeechS, total.MissedS, total.FalseS, total.ConfusedS = total.SpeechS+d.SpeechS, total.MissedS+d.MissedS, total.FalseS+d.FalseS, total.ConfusedS+d.ConfusedS
			for _, name := range d.Names {
				names[name] = true
			}
		}
	}
	if !f.heard || total.SpeechS == 0 {
		t.Fatal("nothing was said in what was measured")
	}
	f.speakers = (total.MissedS + total.FalseS + total.ConfusedS) / total.SpeechS
	// Where nothing but the page tells whose the sound is, who spoke before is
	// taken for who speaks now for a moment.
	if f.speakers > mostError || total.ConfusedS > mostConfused && !l.meeting.Mixed {
		t.Errorf("speakers: %+v", total)
	}
	for name := range names {
		if !slices.ContainsFunc(l.meeting.People, func(p lab.Participant) bool { return p.Name == name }) {
			t.Errorf("a speaker is called %q", name)
		}
	}
	if l.Expect.Words {
		f.words = words.Check(t, words.Recording{Folder: filepath.Join(l.folder, compose.OutDir), Truth: l.truth,
			Stretches: words.Stretches(l.entries, l.epoch, l.out())})
		t.Logf("transcribed: %v", f.words)
	}
	return f
}

func (l *life) sound(t *testing.T, f *figures, what string, s *measure.Sound) {
	t.Helper()
	if s == nil || s.Utterances == 0 {
		return
	}
	lost := mostLost + l.meeting.Net.Loss
	if s.Found < s.Utterances || math.Abs(s.MinMS) > mostOffMS || math.Abs(s.MaxMS) > mostOffMS || s.LostS > lost*s.SpeechS {
		t.Errorf("%s: %+v; want all, at most %d ms off, %.0f %% lost", what, *s, mostOffMS, lost*100)
	}
	f.heard, f.audio = true, worse(f.audio, worse(s.MinMS, s.MaxMS))
}

func (l *life) picture(t *testing.T, f *figures, v *measure.Picture) {
	t.Helper()
	l.sound(t, f, "the video's sound", v.Sound)
	if v.AV == nil || v.Coded == 0 {
		t.Errorf("no picture with a timecode: %+v", *v)
		return
	}
	f.seen, f.av = true, worse(f.av, v.AV.MedianMS)
	if math.Abs(v.AV.MedianMS) > mostOffMS || v.FrozenRatio > mostStill {
		t.Errorf("picture against sound %+v, frozen %.3f; want at most %d ms, %.2f", *v.AV, v.FrozenRatio, mostOffMS, mostStill)
	}
}

// worse is the one that is farther from zero.
func worse(a, b float64) float64 {
	if math.Abs(b) > math.Abs(a) {
		return b
	}
	return a
}
