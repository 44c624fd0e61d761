package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"steno/internal/record/ogg"
)

// fillers is how many packets of silence push the last ones through the
// decoder.
const fillers = 8

// patience bounds the wait for a child that should have answered long ago. The
// composer and its children come last when processor time is short: on a machine
// with thirty programs for two cores a decoder was seen to take 20 s.
const patience = 2 * time.Minute

// opusDecoder decodes the packets of a track in one long-lived ffmpeg. It
// knows no gaps: packets are decoded one after the other, and the caller puts
// the samples where they belong.
type opusDecoder struct {
	c   *program
	ogg *ogg.Writer

	mu   sync.Mutex
	pcm  []int16 // decoded, not yet taken
	done bool    // nothing more comes
	news chan struct{}
}

func newOpusDecoder(ctx context.Context, log *slog.Logger, ffmpeg, name string) (*opusDecoder, error) {
	c, err := spawn(ctx, log, ffmpeg, "decode "+name, pipes{out: true},
		"-probesize", "32", "-analyzeduration", "0", "-c:a", "libopus", "-f", "ogg", "-i", "pipe:0",
		"-flush_packets", "1", "-f", "s16le", "-ac", "1", "-ar", fmt.Sprint(rate), "pipe:1")
	if err != nil {
		return nil, err
	}
	d := &opusDecoder{c: c, news: make(chan struct{}, 1)}
	if d.ogg, err = ogg.NewWriter(c.in, 1, 0, 1, 1); err != nil {
		c.kill()
		return nil, err
	}
	go d.read()
	return d, nil
}

// read collects what comes out. The caller bounds how much that can be by what
// it feeds.
func (d *opusDecoder) read() {
	buf := make([]byte, 64<<10)
	held := 0
	for {
		n, err := d.c.out.Read(buf[held:])
		n += held
		d.mu.Lock()
		for i := 0; i+1 < n; i += 2 {
			d.pcm = append(d.pcm, int16(uint16(buf[i])|uint16(buf[i+1])<<8))
		}
		d.done = err != nil
		d.mu.Unlock()
		if held = n & 1; held == 1 {
			buf[0] = buf[n-1]
		}
		select {
		case d.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (d *opusDecoder) feed(p []byte, samples int) error { return d.ogg.Add(p, samples) }

func (d *opusDecoder) flush() error { return d.ogg.Flush() }

var errStalled = errors.New("the decoder does not answer")

// take returns the next n samples, into buf. It waits for them.
func (d *opusDecoder) take(ctx context.Context, buf []int16, n int) ([]int16, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		d.mu.Lock()
		if len(d.pcm) >= n {
			buf = append(buf[:0], d.pcm[:n]...)
			d.pcm = d.pcm[:copy(d.pcm, d.pcm[n:])]
			d.mu.Unlock()
			return buf, nil
		}
		done := d.done
		d.mu.Unlock()
		if done {
			return nil, io.ErrUnexpectedEOF
		}
		select {
		case <-d.news:
		case <-late.C:
			return nil, errStalled
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (d *opusDecoder) close() {
	_ = d.c.in.Close()
	d.c.kill()
}
