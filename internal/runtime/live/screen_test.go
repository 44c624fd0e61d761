package live

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/runtime/runtimetest"
	"steno/internal/runtime/session"
	"steno/lab/measure"
)

// The screen engine films a meeting, also behind a kill of the bot: picture,
// sound and speakers are there.
func TestFilmedMeeting(t *testing.T) {
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(func(s *bot.Spec) { s.Mode, s.Engine = bot.SpeakerView, bot.ScreenEngine })
	h.untilState(bot.Recording)
	h.untilFilmed(8 * time.Second)
	at := h.kill(session.ReadPID(h.folder()), unix.SIGKILL)
	h.tailLost("bot killed", h.untilGaps(1), at)
	h.untilFilmed(6 * time.Second)
	var rec measure.Recording
	for _, e := range h.journal() {
		if e.Epoch != nil {
			rec.EpochUS = e.Epoch.UnixMicro
		}
	}
	l := h.finish(bot.EndAPIRequest)
	rec.Video, rec.Audio, rec.Diarization = h.stored(l, "video"), h.stored(l, "audio"), h.stored(l, "diarization")
	report, err := measure.Measure(t.Context(), rec, h.room.Truth(), measure.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("mix %+v", report.Mix)
	t.Logf("video %+v, its sound %+v, together %+v", report.Video, report.Video.Sound, report.Video.AV)
	t.Logf("speakers %+v", report.Speakers)
	if report.Duration < 14*time.Second || report.Video.Frames < 100 || report.Video.Coded < 50 {
		t.Errorf("%s of film, %d frames, %d of them with a timecode", report.Duration, report.Video.Frames, report.Video.Coded)
	}
	// What was said while the bot was away is lost, and the browser stretches
	// what it plays, so that few sentences are found as a whole.
	for _, s := range []*measure.Sound{report.Mix, report.Video.Sound} {
		if s.SpeechS-s.LostS < 4 {
			t.Errorf("speech found: %+v", s)
		}
	}
	if len(report.Speakers.Names) < 2 {
		t.Errorf("speakers %v, want those of the meeting", report.Speakers.Names)
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
