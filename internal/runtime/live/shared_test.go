package live

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/runtime/runtimetest"
	"steno/lab"
	"steno/lab/measure"
)

// crowd is a meeting of five who speak into each other, three at once at times;
// after a while one leaves, and another comes.
func crowd(s *lab.Scenario) {
	length := func(d time.Duration) lab.Duration { return lab.Duration(d) }
	s.People = []lab.Participant{
		{Name: "Ada Blue", Leave: length(20 * time.Second)}, {Name: "Ben Red", DTX: true}, {Name: "Cora Green"},
		{Name: "Dan Violet", DTX: true}, {Name: "Eva Amber"}, {Name: "Finn Teal", Join: length(21 * time.Second)},
	}
	say := func(who, clip string, pause time.Duration) lab.Turn {
		return lab.Turn{Who: who, Clip: clip, Pause: length(pause)}
	}
	s.Turns = []lab.Turn{
		say("Ada Blue", "ada-1", time.Second), say("Ben Red", "ben-1", -800*time.Millisecond), say("Cora Green", "cora-1", 600*time.Millisecond),
		say("Dan Violet", "ada-5", -1500*time.Millisecond), say("Eva Amber", "ben-3", -2500*time.Millisecond), say("Ada Blue", "ada-2", -700*time.Millisecond),
		say("Finn Teal", "cora-2", 2500*time.Millisecond), say("Ben Red", "ben-2", -900*time.Millisecond), say("Eva Amber", "ben-4", 300*time.Millisecond),
		say("Cora Green", "cora-3", -1200*time.Millisecond), say("Dan Violet", "ada-6", 500*time.Millisecond), say("Finn Teal", "cora-4", -600*time.Millisecond),
	}
}

// untilOver waits until so many utterances are over.
func (h *host) untilOver(n int) {
	h.t.Helper()
	h.until("more said", func() bool {
		over := 0
		for _, u := range h.room.Truth().Said {
			if u.EndUS < time.Now().UnixMicro() {
				over++
			}
		}
		return over >= n
	})
}

// measured compares the stored recording with the truth.
func (h *host) measured(rec measure.Recording, truth lab.Truth, o measure.Options) *measure.Report {
	h.t.Helper()
	r, err := measure.Measure(h.t.Context(), rec, truth, o)
	if err != nil {
		h.t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Logf("%s", text)
	return r
}

// everything lists the stored files of a recording that began at an epoch.
func (h *host) everything(l runtimetest.Life, epoch int64) measure.Recording {
	var list []journal.Artifact
	for _, a := range l.Artifacts {
		list = append(list, journal.Artifact{Kind: a.Kind, Path: a.Key, Name: a.Name})
	}
	return measure.Artifacts(filepath.Join(h.data, "objects"), epoch, list)
}

// rightNames checks who is said to have spoken.
func rightNames(t *testing.T, d *measure.Diarization) {
	t.Helper()
	if d == nil || d.DER > 0.05 || !d.NamesRight {
		t.Errorf("speakers %+v", d)
	}
}

// onlyOwn checks that each person's file holds what they said, in its place, and
// is silent while only others speak.
func (h *host) onlyOwn(rec measure.Recording, r *measure.Report, o measure.Options) {
	h.t.Helper()
	if len(r.Missing) > 0 || len(r.Strange) > 0 {
		h.t.Errorf("files are missing: %v; of nobody: %v", r.Missing, r.Strange)
	}
	said := h.room.Truth().Said
	for _, p := range r.People {
		if p.Found < p.Utterances || p.LostS > 0.05*p.SpeechS || p.Found > 0 && math.Abs(p.OffsetMS) > 80 {
			h.t.Errorf("own file: %+v", p)
		}
		pcm := h.samples(rec.People[p.Name])
		for us := o.FromUS; us < o.ToUS; us += 100_000 {
			from := (us - rec.EpochUS) * 16 / 1000
			if speaks(said, p.Name, us) || from < 0 || from+1600 > int64(len(pcm)) {
				continue
			}
			peak := 0
			for _, s := range pcm[from : from+1600] {
				peak = max(peak, int(s), -int(s))
			}
			if peak > 1000 {
				h.t.Errorf("the file of %s has a peak of %d at %.1f s, while they are silent", p.Name, peak, float64(us-rec.EpochUS)/1e6)
				break
			}
		}
	}
}

// speaks reports whether somebody says something within 300 ms of a tenth of a
// second.
func speaks(said []lab.Utterance, name string, us int64) bool {
	return slices.ContainsFunc(said, func(u lab.Utterance) bool {
		return u.Name == name && u.StartUS < us+400_000 && u.EndUS > us-300_000
	})
}

// samples decodes a file to 16 kHz.
func (h *host) samples(file string) []int16 {
	h.t.Helper()
	raw, err := exec.Command("ffmpeg", "-v", "error", "-i", file, "-ac", "1", "-ar", "16000", "-f", "s16le", "-").Output()
	if err != nil {
		h.t.Fatal(err)
	}
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm
}

// Six people on three tracks of each kind, one of whom leaves and whose number
// another gets; layers of video change; the browser dies, and the next
// connection knows people by other numbers.
func TestPeopleWhoShareTracks(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) {
		crowd(s)
		s.Layers = lab.Duration(4 * time.Second)
	})
	h.start()
	h.launch(func(s *bot.Spec) { s.Mode = bot.SpeakerView })
	h.untilState(bot.Recording)
	h.untilOver(12)
	killed := h.kill(h.browserPID(), unix.SIGKILL)
	gap := h.untilGaps(1)
	again := len(h.room.Truth().Said)
	h.untilOver(again + 5)
	epoch, left := epochIn(h.journal()), time.Now().UnixMicro()
	rec := h.everything(h.finish(bot.EndAPIRequest), epoch)

	before := measure.Options{FromUS: epoch, ToUS: min(gap.From, killed.UnixMicro()) - 500_000}
	r := h.measured(rec, h.room.Truth(), before)
	rightNames(t, r.Speakers)
	h.onlyOwn(rec, r, before)
	if v := r.Video; v.AV == nil || math.Abs(v.AV.MedianMS) > 80 || math.Abs(v.Sound.OffsetMS) > 80 || v.FrozenRatio > 0.05 || len(v.ShownS) < 5 {
		t.Errorf("picture %+v, against sound %+v", v, v.AV)
	}
	after := measure.Options{FromUS: gap.To + 500_000, ToUS: left}
	r = h.measured(measure.Recording{EpochUS: epoch, Diarization: rec.Diarization}, h.room.Truth(), after)
	rightNames(t, r.Speakers)
}
