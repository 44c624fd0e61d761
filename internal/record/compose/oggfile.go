package compose

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"steno/internal/record/ogg"
)

// oggFile is a participant's file in the making.
type oggFile struct {
	f    *os.File
	w    *ogg.Writer
	path string
	pos  int64 // granule position: samples written, the pre-skip included
	runs []oggRun
}

// oggRun notes whose packets went into the file, so that a later binding that
// says otherwise is noticed.
type oggRun struct {
	t        *track
	csrc     uint32
	from, to int64 // wall time
}

func newOggFile(path string, channels int) (*oggFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create participant file: %w", err)
	}
	w, err := ogg.NewWriter(f, channels, ogg.PreSkip, 50, 1)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &oggFile{f: f, w: w, path: path}, nil
}

// put appends a packet at its place, with silence before it where nothing was
// said. A packet that would overlap what is written by more than half its
// length is dropped: two tracks of one person at a time.
func (o *oggFile) put(t *track, p *packet) error {
	at := p.pos + ogg.PreSkip
	if o.pos-at > int64(p.n)/2 {
		return nil
	}
	if err := o.pad(at, ogg.SilenceSamples/2); err != nil {
		return err
	}
	if err := o.w.Add(p.Payload, p.n); err != nil {
		return err
	}
	o.pos += int64(p.n)
	o.note(t, p)
	return nil
}

func (o *oggFile) note(t *track, p *packet) {
	csrc := source(p.CSRCs)
	if n := len(o.runs); n > 0 && o.runs[n-1].t == t && o.runs[n-1].csrc == csrc {
		o.runs[n-1].to = p.wall
		return
	}
	o.runs = append(o.runs, oggRun{t, csrc, p.wall, p.wall})
}

// pad fills up with silence to a position if at least slack samples are
// missing, to within 2.5 ms.
func (o *oggFile) pad(to, slack int64) error {
	if to-o.pos < slack {
		return nil
	}
	for to-o.pos >= ogg.ShortSilenceSamples {
		p, n := ogg.Silence, ogg.SilenceSamples
		if to-o.pos < ogg.SilenceSamples {
			p, n = ogg.ShortSilence, ogg.ShortSilenceSamples
		}
		if err := o.w.Add(p, n); err != nil {
			return err
		}
		o.pos += int64(n)
	}
	return nil
}

// finish pads the file to the length of the recording and closes it.
func (o *oggFile) finish(samples int64) error {
	err := o.pad(samples+ogg.PreSkip+ogg.SilenceSamples, 0)
	if err == nil {
		err = o.w.End(uint64(samples + ogg.PreSkip))
	}
	if cerr := o.f.Close(); err == nil {
		err = cerr
	}
	return err
}

// rawFile is a participant's file of samples that the browser decoded, which
// have to be encoded again.
type rawFile struct {
	c    *program
	path string
	pos  int64
	buf  []byte
}

func newRawFile(ctx context.Context, log *slog.Logger, ffmpeg, path string) (*rawFile, error) {
	c, err := spawn(ctx, log, ffmpeg, "encode participant", pipes{},
		"-y", "-f", "s16le", "-ar", fmt.Sprint(rate), "-ac", "1", "-i", "pipe:0", "-c:a", "libopus", "-b:a", "32k", "-f", "ogg", path)
	return &rawFile{c: c, path: path}, err
}

// put writes samples at their place; what overlaps is dropped.
func (r *rawFile) put(at int64, pcm []int16) error {
	if skip := r.pos - at; skip > 0 {
		if skip >= int64(len(pcm)) {
			return nil
		}
		at, pcm = r.pos, pcm[skip:]
	}
	if err := r.pad(at); err != nil {
		return err
	}
	r.buf = r.buf[:0]
	for _, s := range pcm {
		r.buf = append(r.buf, byte(s), byte(s>>8))
	}
	r.pos += int64(len(pcm))
	_, err := r.c.in.Write(r.buf)
	return err
}

func (r *rawFile) pad(to int64) error {
	for r.pos < to {
		n := min(to-r.pos, rate)
		if _, err := r.c.in.Write(make([]byte, 2*n)); err != nil {
			return fmt.Errorf("write participant file: %w", err)
		}
		r.pos += n
	}
	return nil
}

// finish pads the file to the length of the recording.
func (r *rawFile) finish(samples int64) error {
	if err := r.pad(samples); err != nil {
		return err
	}
	if err := r.c.in.Close(); err != nil {
		return fmt.Errorf("write participant file: %w", err)
	}
	return r.c.wait()
}
