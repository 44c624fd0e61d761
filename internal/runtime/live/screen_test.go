package live

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/runtime/runtimetest"
	"steno/internal/runtime/session"
	"steno/lab"
	"steno/lab/measure"
)

// The screen engine films a meeting: picture and sound are together, and whose
// audio comes apart is known as well as without a film. Behind a kill of the
// bot the film goes on.
func TestFilmedMeeting(t *testing.T) {
	even := needsProcessor(t)
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(func(s *bot.Spec) { s.Mode, s.Engine = bot.SpeakerView, bot.ScreenEngine })
	h.untilState(bot.Recording)
	h.untilFilmed(15 * time.Second)
	killed := time.Now()
	at := h.kill(session.ReadPID(h.folder()), unix.SIGKILL)
	h.tailLost("bot killed", h.untilGaps(1), at)
	h.untilFilmed(8 * time.Second)
	rec, again := h.recording(), h.lastFilm()
	l := h.finish(bot.EndAPIRequest)
	rec.Video, rec.Audio, rec.Diarization = h.stored(l, "video"), h.stored(l, "audio"), h.stored(l, "diarization")

	// The browser needs a moment to play evenly, and what was said when the bot
	// was killed is cut off.
	whole := measure.Options{FromUS: rec.EpochUS + 2_000_000, ToUS: killed.UnixMicro() - 1_000_000}
	report, err := measure.Measure(t.Context(), rec, h.room.Truth(), whole)
	if err != nil {
		t.Fatal(err)
	}
	logReport(t, report)
	played := even()
	if av := report.Video.AV; played && (av == nil || math.Abs(av.MedianMS) > mostOff) {
		t.Errorf("picture against sound %+v; want at most %d ms", av, mostOff)
	}
	checkFilm(t, report, played)

	report, err = measure.Measure(t.Context(), rec, h.room.Truth(), measure.Options{FromUS: again})
	if err != nil {
		t.Fatal(err)
	}
	logReport(t, report)
	if s := report.Video.Sound; s.LostS > s.SpeechS/3 || s.SpeechS == 0 || report.Video.Coded < 50 {
		t.Errorf("behind the kill: %d pictures with a timecode, sound %+v", report.Video.Coded, s)
	}
}

// A page that takes the encoded frames of its videos itself leaves none for
// the recorder. When the first camera comes, in the middle of the call, the bot
// comes back with a browser that is filmed; what was recorded until then stays
// in the same files.
func TestVideoThatCannotBeTakenIsFilmed(t *testing.T) {
	even := needsProcessor(t)
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) {
		s.OwnVideo, s.Tracks = true, lab.TracksOwn // shared ones are there before any camera
		s.People[0].NoCam, s.People[1].NoCam = true, true
		s.People[2].Join = lab.Duration(5 * time.Second)
	})
	h.start()
	h.launch(func(s *bot.Spec) { s.Mode = bot.SpeakerView })
	gap := h.untilGaps(1)
	if gap.Reason != "engine" {
		t.Errorf("gap %+v, want one for the change of the engine", gap)
	}
	h.untilFilmed(14 * time.Second)
	rec := h.recording()
	filmed := h.lastFilm()
	l := h.finish(bot.EndAPIRequest)
	rec.Video, rec.Audio, rec.Diarization = h.stored(l, "video"), h.stored(l, "audio"), h.stored(l, "diarization")
	h.playsAll(l, time.Duration(filmed-rec.EpochUS)*time.Microsecond+10*time.Second)
	report, err := measure.Measure(t.Context(), rec, h.room.Truth(), measure.Options{FromUS: filmed})
	if err != nil {
		t.Fatal(err)
	}
	logReport(t, report)
	checkFilm(t, report, even()) // only one has a picture, and a browser keeps each person apart in time

	// Before the film: what was heard is there, where it belongs.
	report, err = measure.Measure(t.Context(), rec, h.room.Truth(), measure.Options{FromUS: rec.EpochUS, ToUS: gap.From})
	if err != nil {
		t.Fatal(err)
	}
	logReport(t, report)
	if s := report.Video.Sound; s.LostS > 0.5 || s.Found == 0 || math.Abs(s.OffsetMS) > 20 {
		t.Errorf("before the film: sound %+v", s)
	}
}

func TestScreenEngineIsNotInstalled(t *testing.T) {
	ffmpeg := t.TempDir()
	t.Setenv("PATH", ffmpeg) // nothing is there
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(func(s *bot.Spec) { s.Engine = bot.ScreenEngine })
	l := h.finished(bot.Failed, bot.EndInternalError)
	if m := l.Dones[0].Message; !strings.Contains(m, "apt-get install") {
		t.Errorf("message %q does not say what to do", m)
	}
}

// untilFilmed waits for a film of the present process, and so much more.
func (h *host) untilFilmed(more time.Duration) {
	h.t.Helper()
	filmed := func() (ok bool) {
		for _, e := range h.journal() {
			if e.Session != nil {
				ok = false
			}
			ok = ok || e.Pulse != nil && e.Pulse.Bytes > 0
		}
		return ok
	}
	h.until("the first pulse", filmed)
	begin := time.Now()
	h.until("some more film", func() bool { return time.Since(begin) > more && filmed() })
}

// stored is the path of the one artifact of a kind. What can be played plays.
func (h *host) stored(l runtimetest.Life, kind string) string {
	h.t.Helper()
	for _, a := range l.Artifacts {
		if a.Kind == kind {
			if kind != "diarization" {
				h.plays(a.Key)
			}
			return filepath.Join(h.data, "objects", a.Key)
		}
	}
	h.t.Fatalf("no %s among %+v", kind, l.Artifacts)
	return ""
}

// needsProcessor skips a test that looks at how evenly a browser plays, while
// the race detector slows the lab down that it plays from: scripts/test runs
// these once more without it.
//
// even tells whether a browser could play evenly from then on: if the host of this
// machine gave much of its processors' time to others, it could not.
func needsProcessor(t *testing.T) (even func() bool) {
	t.Helper()
	if raced {
		t.Skip("runs without the race detector")
	}
	stolen := measure.Stolen()
	return func() bool {
		t.Helper()
		share := stolen()
		if share > measure.MostStolen {
			t.Logf("%.0f %% of the processors' time went to other machines: when the film was played tells nothing of the engine", share*100)
		}
		return share <= measure.MostStolen
	}
}

// recording is what is known of the recording before it is finished.
func (h *host) recording() (rec measure.Recording) {
	for _, e := range h.journal() {
		if e.Epoch != nil && rec.EpochUS == 0 {
			rec.EpochUS = e.Epoch.UnixMicro
		}
	}
	return rec
}

// lastFilm is when the last film had been running for two seconds, which the
// browser needs to play evenly; Unix microseconds.
func (h *host) lastFilm() (at int64) {
	for _, e := range h.journal() {
		if e.Track != nil && e.Track.Source == "screen" && !e.Track.Ended {
			at = e.At.UnixMicro() + 2_000_000
		}
	}
	return at
}

// mostOff is how far picture and sound may be from where they should be, ms.
const mostOff = 80

// checkFilm holds a stretch of film against what is promised.
func checkFilm(t *testing.T, r *measure.Report, even bool) {
	t.Helper()
	v := r.Video
	if v.Coded < 100 {
		t.Fatalf("%d frames with a timecode", v.Coded)
	}
	if !even {
		return
	}
	if math.Abs(v.Sound.OffsetMS) > mostOff || math.Abs(r.Mix.OffsetMS) > mostOff {
		t.Errorf("sound %+v, mix %+v; want at most %d ms", v.Sound, r.Mix, mostOff)
	}
	// The browser stretches what it plays here and there, most of all when it has
	// little processor time: not every utterance is found as a whole, and pieces
	// of some are not where they are looked for. One of three people missing would
	// be more than that.
	if v.Sound.LostS > 0.3*v.Sound.SpeechS {
		t.Fatalf("sound %+v, together %+v", v.Sound, v.AV)
	}
	if r.Speakers.DER > 0.05 || r.Speakers.ConfusedS > 0.1 {
		t.Errorf("speakers %+v", r.Speakers)
	}
}

func logReport(t *testing.T, r *measure.Report) {
	t.Helper()
	t.Logf("mix %+v", *r.Mix)
	t.Logf("video: %d frames, %d coded, picture late by %.0f ms, frozen %.3f; its sound %+v; together %+v", r.Video.Frames, r.Video.Coded, r.Video.OffsetMS, r.Video.FrozenRatio, *r.Video.Sound, r.Video.AV)
	t.Logf("speakers %+v", *r.Speakers)
}
