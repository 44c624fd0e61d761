// Package words proves who said which word when: it has a finished recording
// transcribed by a simulated service that hears in the audio that it is given what
// people of the lab said there, and holds each word that comes back against the
// truth.
package words

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/provider/transcribe"
	"steno/internal/provider/transcribe/all"
	"steno/internal/scribe"
	"steno/internal/transcript"
	"steno/lab"
	"steno/lab/measure"
	"steno/lab/media"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

// What is promised.
const (
	mostOff = 150 * time.Millisecond // with what the service itself is off
	// mostWrong is of the words of a mix, and one more: of a scenario's 64 words each is
	// 1.6 %, and where people talk into each other two runs differ by one.
	mostWrong = 0.03
)

// What the service is made to do wrong.
const (
	jitter   = 60 * time.Millisecond // that its times are off at most
	mistakes = 20                    // one word of so many gets the number of another voice
)

// Recording is a finished one, and what really happened.
type Recording struct {
	Folder    string // as `steno record` leaves it
	Truth     lab.Truth
	Stretches []Stretch
}

// Figures say how a transcript compares with the truth.
type Figures struct {
	Words int // of the transcript
	Right int // of them: said by whom the transcript says
	Lost  int // words that were recorded for sure and are not in it
	Worst time.Duration
}

// String says them in short.
func (f Figures) String() string {
	return fmt.Sprintf("%d of %d words are right, %d lost, off by up to %d ms", f.Right, f.Words, f.Lost, f.Worst.Milliseconds())
}

// Report is what came of a recording.
type Report struct {
	Apart Figures // by people's own files, if they have some
	Mixed Figures // by the mix, with the service's numbers of voices
	Alone Figures // by the mix, without
}

// String says it in short.
func (r Report) String() string {
	return fmt.Sprintf("people's own files: %v; the mix: %v; without numbers of voices: %v", r.Apart, r.Mixed, r.Alone)
}

// Check transcribes a recording in both ways, as far as it has people's own files,
// and fails the test where less comes out than is promised.
func Check(t *testing.T, r Recording) (f Report) {
	t.Helper()
	voices, meeting, err := scribe.Folder(os.DirFS(r.Folder), 0)
	if err != nil {
		t.Fatal(err)
	}
	var clips []string
	for _, u := range r.Truth.Said {
		if !slices.Contains(clips, u.Clip) {
			clips = append(clips, u.Clip)
		}
	}
	ear, err := measure.NewEar(t.Context(), clips)
	if err != nil {
		t.Fatal(err)
	}
	ears := &ears{ctx: t.Context(), ear: ear, known: map[uint64]transcription.Heard{}}
	if len(voices) > 0 {
		f.Apart = r.compare(t, t.Errorf, "people's own files", ears.transcribe(t, "gladia", voices, meeting))
		if f.Apart.Right != f.Apart.Words {
			t.Errorf("people's own files: %v", f.Apart)
		}
	}
	mixed, err := scribe.Mix(t.Context(), "", r.Folder, filepath.Join(t.TempDir(), "mix.opus"), meeting.Turns)
	if err != nil {
		t.Fatal(err)
	}
	meeting.Length = mixed.Source.Length
	for _, one := range []struct {
		service string
		to      *Figures
	}{{"gladia", &f.Mixed}, {"openai", &f.Alone}} {
		*one.to = r.compare(t, t.Logf, "the mix by "+one.service, ears.transcribe(t, one.service, []scribe.Voice{mixed}, meeting))
		if all := one.to.Words + one.to.Lost; float64(all-one.to.Right) > mostWrong*float64(all)+1 {
			t.Errorf("the mix by %s: %v", one.service, *one.to)
		}
	}
	return f
}

// ears are what the services hear with: the audio itself.
type ears struct {
	ctx   context.Context
	ear   *measure.Ear
	mu    sync.Mutex
	known map[uint64]transcription.Heard // by a sum of the audio
}

func (e *ears) hear(audio []byte) (h transcription.Heard, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	hash := fnv.New64a()
	_, _ = hash.Write(audio)
	sum := hash.Sum64()
	if h, known := e.known[sum]; known {
		return h, nil
	}
	words, length, err := e.ear.Hear(e.ctx, audio)
	if err != nil {
		return h, err
	}
	rng := rand.New(rand.NewPCG(1, 1)) // the same mistakes in each run, whatever the network did
	h.Duration = length
	for _, w := range words {
		voice, _, _ := strings.Cut(w.Clip, "-")
		number := slices.Index(media.Voices(), voice)
		if rng.IntN(mistakes) == 0 {
			number = rng.IntN(len(media.Voices()))
		}
		h.Words = append(h.Words, transcription.Said{Text: w.Text, Start: max(w.From, 0), End: min(w.To, length), Voice: number})
	}
	e.known[sum] = h
	return h, nil
}

// transcribe returns the transcript of voices.
func (e *ears) transcribe(t *testing.T, name string, voices []scribe.Voice, meeting transcript.Meeting) []transcript.Utterance {
	t.Helper()
	sim, err := transcription.Start(transcription.Options{Service: name, Ear: e.hear, Jitter: jitter, Options: service.Options{Polite: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	client, err := all.New(name, transcribe.Options{URL: sim.Address()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	out := &kept{}
	dir := t.TempDir()
	_, err = scribe.Run(t.Context(), scribe.Options{
		Head: transcript.Head{BotID: "words", Provider: name}, Voices: voices, Meeting: meeting, Service: client, Key: transcription.Key,
		Work: filepath.Join(dir, "work"), Out: dir, Sinks: []transcript.Sink{out},
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, // its jobs are done at once
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.list
}

// kept is a sink that keeps all.
type kept struct{ list []transcript.Utterance }

func (k *kept) Put(u transcript.Utterance) error { k.list = append(k.list, u); return nil }

func (k *kept) Close(transcript.Totals) error { return nil }

// spoken is a word of the truth, on the recording's clock.
type spoken struct {
	who, text  string
	start, end time.Duration
	sure       bool // it was recorded
	found      bool
}

// off is how far a word is from where it was said, as far as that was recorded.
func (s *spoken) off(w transcript.Word) (d time.Duration) {
	if s.start != cutOff {
		d = (w.Start - s.start).Abs()
	}
	if s.end != cutOff {
		d = max(d, (w.End - s.end).Abs())
	}
	return d
}

// truth is all that was said.
func (r Recording) truth(t *testing.T) (list []*spoken) {
	t.Helper()
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range r.Truth.Said {
		for _, w := range clips[u.Clip].Words() {
			us := func(sample int) int64 { return u.StartUS + int64(sample)*1e6/media.SampleRate }
			s := &spoken{who: u.Name, text: bare(w.Text)}
			s.start, s.end, s.sure = place(r.Stretches, us(w.Start), us(w.End))
			s.sure = s.sure && us(w.End) <= u.EndUS
			if s.start != cutOff || s.end != cutOff {
				list = append(list, s)
			}
		}
	}
	return list
}

// bare is a word without its punctuation, which some services leave out.
func bare(word string) string { return strings.ToLower(strings.Trim(word, " .,?!")) }

// compare finds for each word of a transcript the one that was said: the same
// person's in its place, or else the nearest. report is told of words that are lost
// or that nobody said: of a mix they only count as not right, because what two say at
// once the ear may miss.
func (r Recording) compare(t *testing.T, report func(format string, args ...any), what string, list []transcript.Utterance) (f Figures) {
	t.Helper()
	said := r.truth(t)
	type heard struct {
		who string
		transcript.Word
	}
	var left []heard
	take := func(h heard, most time.Duration, fits func(*spoken) bool) bool {
		var best *spoken
		for _, s := range said {
			if !s.found && s.text == bare(h.Text) && fits(s) && s.off(h.Word) <= most && (best == nil || s.off(h.Word) < best.off(h.Word)) {
				best = s
			}
		}
		if best == nil {
			return false
		}
		best.found = true
		f.Worst = max(f.Worst, best.off(h.Word))
		return true
	}
	for _, u := range list {
		for _, w := range u.Words {
			f.Words++
			h := heard{u.Speaker, w}
			if take(h, mostOff, func(s *spoken) bool { return s.who == h.who }) {
				f.Right++
			} else {
				left = append(left, h)
			}
		}
	}
	for _, h := range left {
		if !take(h, mostOff, func(*spoken) bool { return true }) {
			report("%s: %s did not say %q at %v, or not twice", what, h.who, h.Text, h.Start)
			continue
		}
		t.Logf("%s: %s did not say %q at %v, somebody else did", what, h.who, h.Text, h.Start)
	}
	for _, s := range said {
		if s.sure && !s.found {
			f.Lost++
			report("%s: %q, said by %s at %v, is lost", what, s.text, s.who, s.start)
		}
	}
	for _, u := range list {
		for _, b := range breaks(r.Stretches) {
			if u.Start < b-mostOff && u.Words[len(u.Words)-1].Start > b+mostOff {
				t.Errorf("%s: the utterance at %v reaches over the break at %v", what, u.Start, b)
			}
		}
	}
	if f.Words == 0 {
		t.Errorf("%s: nobody said anything", what)
	}
	return f
}
