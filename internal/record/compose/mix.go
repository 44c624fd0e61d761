package compose

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
)

// mixer adds voices up and hands the sum to the encoders. Only what is not
// settled yet is held.
type mixer struct {
	base int64   // position of sum[0]
	sum  []int32 // samples from base on
	out  []byte
	pcm  []int16
	c    *program
	temp []string
	loud *levels // of the sum, nil unless asked for
}

// newMixer starts the encoders: FLAC, and AAC where there is a video.
func newMixer(ctx context.Context, log *slog.Logger, ffmpeg, work string, video bool) (*mixer, error) {
	m := &mixer{temp: []string{filepath.Join(work, "mix.flac")}}
	args := []string{"-y", "-f", "s16le", "-ar", fmt.Sprint(rate), "-ac", "1", "-i", "pipe:0",
		"-c:a", "flac", "-compression_level", "3", "-f", "flac", m.temp[0]}
	if video {
		m.temp = append(m.temp, filepath.Join(work, "mix.m4a"))
		args = append(args, "-c:a", "aac", "-aac_coder", "fast", "-b:a", "96k", "-f", "ipod", m.temp[1])
	}
	c, err := spawn(ctx, log, ffmpeg, "encode mix", pipes{}, args...)
	m.c = c
	return m, err
}

// add mixes samples in. What lies before the base came too late.
func (m *mixer) add(at int64, pcm []int16) {
	if at < m.base {
		skip := m.base - at
		if skip >= int64(len(pcm)) {
			return
		}
		at, pcm = m.base, pcm[skip:]
	}
	from := int(at - m.base)
	if need := from + len(pcm) - len(m.sum); need > 0 {
		m.sum = append(m.sum, make([]int32, need)...)
	}
	for i, s := range pcm {
		m.sum[from+i] += int32(s)
	}
}

// settle encodes all up to a position.
func (m *mixer) settle(to int64) error {
	for m.base < to {
		n := int(min(to-m.base, rate))
		m.pcm, m.out = m.pcm[:0], m.out[:0]
		have := min(n, len(m.sum))
		for _, s := range m.sum[:have] {
			m.pcm = append(m.pcm, Limit(s))
		}
		m.pcm = append(m.pcm, make([]int16, n-have)...)
		m.sum = m.sum[:copy(m.sum, m.sum[have:])]
		m.base += int64(n)
		if m.loud != nil {
			m.loud.add(m.pcm)
		}
		for _, v := range m.pcm {
			m.out = append(m.out, byte(v), byte(v>>8))
		}
		if _, err := m.c.in.Write(m.out); err != nil {
			m.c.kill()
			return fmt.Errorf("write mix: %w (%w)", err, m.c.wait())
		}
	}
	return nil
}

// Limit bends what several loud voices add up to under full scale.
func Limit(s int32) int16 {
	const knee, top = 26000, 32767
	a := s
	if a < 0 {
		a = -a
	}
	if a <= knee {
		return int16(s)
	}
	bent := knee + (top-knee)*math.Tanh(float64(a-knee)/(top-knee))
	if s < 0 {
		bent = -bent
	}
	return int16(bent)
}

// listen begins to follow how loud the sum is, from what is settled on.
func (m *mixer) listen() {
	if m.loud == nil {
		m.loud = &levels{from: m.base}
	}
}

// finish settles up to a position and waits for the encoders, which want at least a
// moment of sound.
func (m *mixer) finish(at int64) error {
	if err := m.settle(max(at, tickUS*rate/1_000_000)); err != nil {
		return err
	}
	if err := m.c.in.Close(); err != nil {
		return fmt.Errorf("finish mix: %w", err)
	}
	return m.c.wait()
}
