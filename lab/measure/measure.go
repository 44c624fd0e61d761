// Package measure compares what a bot recorded with the lab's Truth: where the
// sound and the picture are, what is lost, and who is said to have spoken.
//
// It decodes with ffmpeg and only reads; offsets are positive when something
// comes later in the recording than it should.
package measure

import (
	"context"
	"fmt"
	"math"
	"sort"
	"time"

	"steno/lab"
)

// Recording names the files of a recording. Those that are empty are not
// measured.
type Recording struct {
	// EpochUS is time zero of all files, Unix microseconds (the journal's
	// Epoch entry).
	EpochUS     int64
	Video       string            // MP4 with picture and sound
	Audio       string            // the mix
	People      map[string]string // name → the person's own audio file
	Diarization string            // JSON lines
}

// Options of Measure. The zero value is good.
type Options struct {
	FFmpeg string // default: ffmpeg in PATH
	// FromUS and ToUS bound what is compared, Unix microseconds. Default: from
	// EpochUS to the recording's end.
	FromUS, ToUS int64
	// MaxGap: pauses within an utterance that are shorter count as speech when
	// speaker times are compared; default 300 ms.
	MaxGap time.Duration
	// Search is how far off a sound may be to be found; default 1 s.
	Search time.Duration
}

// Report is the result. Parts whose files are missing are nil or empty.
type Report struct {
	Duration time.Duration `json:"duration_ns"` // of the video, else the mix, else the longest person's file
	People   []Person      `json:"people"`      // by name; from their own files
	Mix      *Sound        `json:"mix"`         // all utterances in the mix
	Video    *Picture      `json:"video"`
	Speakers *Diarization  `json:"speakers"`
	// Missing are people who should have a file of their own (they spoke) and
	// have none; Strange are files of nobody who was there.
	Missing []string `json:"missing"`
	Strange []string `json:"strange"`
}

// Sound says how utterances were found in a file.
type Sound struct {
	Utterances int `json:"utterances"` // that should be there, with more than a scrap
	Found      int `json:"found"`
	// OffsetMS is the median, MinMS and MaxMS the extremes, DriftMS how much
	// the offset grows from the first to the last utterance (linear fit).
	OffsetMS float64 `json:"offset_ms"`
	MinMS    float64 `json:"min_ms"`
	MaxMS    float64 `json:"max_ms"`
	DriftMS  float64 `json:"drift_ms"`
	// SpeechS and LostS are seconds of speech that should be there, and of
	// those that are not.
	SpeechS float64 `json:"speech_s"`
	LostS   float64 `json:"lost_s"`
}

// Person is the Sound of one participant.
type Person struct {
	Name string `json:"name"`
	Sound
}

// Picture says what the video shows.
type Picture struct {
	Frames int     `json:"frames"` // of the file
	FPS    float64 `json:"fps"`
	// Coded counts frames in which at least one timecode could be read.
	Coded int `json:"coded"`
	// OffsetMS is the median delay of the picture against the truth. A picture
	// of constant rate is late by half a frame on average by its nature.
	OffsetMS float64 `json:"offset_ms"`
	// AV is picture minus sound of this file, over the utterances.
	AV *Sync `json:"av"`
	// FrozenRatio is the share of time in which a tile stands still for longer
	// than 150 ms although its camera sent.
	FrozenRatio float64 `json:"frozen_ratio"`
	// ShownS is for how long each person was to be seen.
	ShownS map[string]float64 `json:"shown_s"`
	// Sound of this file's audio track.
	Sound *Sound `json:"sound"`
}

// Sync is the offset of picture against sound. MaxMS is the largest absolute
// offset, DriftMS what a linear fit gains from the first to the last sample.
type Sync struct {
	Samples  int     `json:"samples"`
	MedianMS float64 `json:"median_ms"`
	MaxMS    float64 `json:"max_ms"`
	DriftMS  float64 `json:"drift_ms"`
}

// Measure compares a recording with the truth.
func Measure(ctx context.Context, rec Recording, truth lab.Truth, o Options) (*Report, error) {
	m := &measurer{rec: rec, truth: truth, o: o, decoder: decoder{o.FFmpeg}}
	m.defaults()
	r := &Report{}
	for _, step := range []func(context.Context, *Report) error{m.video, m.mix, m.people, m.speakers} {
		if err := step(ctx, r); err != nil {
			return nil, fmt.Errorf("measure recording: %w", err)
		}
	}
	return r, nil
}

type measurer struct {
	rec     Recording
	truth   lab.Truth
	o       Options
	decoder decoder
	clips   references
}

func (m *measurer) defaults() {
	if m.o.FromUS == 0 {
		m.o.FromUS = m.rec.EpochUS
	}
	if m.o.MaxGap == 0 {
		m.o.MaxGap = 300 * time.Millisecond
	}
	if m.o.Search == 0 {
		m.o.Search = time.Second
	}
	m.clips = references{decoder: m.decoder, known: map[string][]float64{}}
}

// until takes a duration as the recording's unless a longer one is known.
func (m *measurer) until(r *Report, d time.Duration) {
	r.Duration = max(r.Duration, d)
}

// end is the last moment that is compared.
func (m *measurer) end(r *Report) int64 {
	if m.o.ToUS != 0 {
		return m.o.ToUS
	}
	return m.rec.EpochUS + r.Duration.Microseconds()
}

func (m *measurer) mix(ctx context.Context, r *Report) error {
	if m.rec.Audio == "" {
		return nil
	}
	pcm, err := m.decoder.audio(ctx, m.rec.Audio)
	if err != nil {
		return err
	}
	if m.rec.Video == "" {
		m.until(r, seconds(float64(len(pcm))/rate))
	}
	r.Mix, _, err = m.sound(ctx, pcm, "", m.end(r))
	return err
}

func (m *measurer) people(ctx context.Context, r *Report) error {
	if m.rec.People == nil {
		return nil
	}
	names := make([]string, 0, len(m.rec.People))
	for name := range m.rec.People {
		names = append(names, name)
	}
	sort.Strings(names)
	pcms := map[string][]float64{}
	for _, name := range names {
		pcm, err := m.decoder.audio(ctx, m.rec.People[name])
		if err != nil {
			return err
		}
		pcms[name] = pcm
		if m.rec.Video == "" && m.rec.Audio == "" {
			m.until(r, seconds(float64(len(pcm))/rate))
		}
	}
	should := m.talkers(m.end(r))
	for _, name := range names {
		if !m.present(name) {
			r.Strange = append(r.Strange, name)
			continue
		}
		s, _, err := m.sound(ctx, pcms[name], name, m.end(r))
		if err != nil {
			return err
		}
		r.People = append(r.People, Person{name, *s})
		delete(should, name)
	}
	for name := range should {
		r.Missing = append(r.Missing, name)
	}
	sort.Strings(r.Missing)
	return nil
}

// talkers are those who speak in the part that is compared.
func (m *measurer) talkers(end int64) map[string]bool {
	set := map[string]bool{}
	for _, u := range m.truth.Said {
		if u.FirstUS < end && u.LastUS > m.o.FromUS {
			set[u.Name] = true
		}
	}
	return set
}

func (m *measurer) present(name string) bool {
	for _, p := range m.truth.People {
		if p.Name == name {
			return true
		}
	}
	return false
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := append([]float64(nil), v...)
	sort.Float64s(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// drift is the rise of the least-squares line from the first to the last x.
func drift(x, y []float64) float64 {
	if len(x) < 3 {
		return 0
	}
	var sx, sy, sxx, sxy float64
	lo, hi := 0.0, 0.0
	for i := range x {
		d := x[i] - x[0] // Unix times squared would eat up all precision
		sx, sy, sxx, sxy = sx+d, sy+y[i], sxx+d*d, sxy+d*y[i]
		lo, hi = math.Min(lo, d), math.Max(hi, d)
	}
	n := float64(len(x))
	if d := n*sxx - sx*sx; d != 0 {
		return (n*sxy - sx*sy) / d * (hi - lo)
	}
	return 0
}
