package compose

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// videoDecoder decodes one video track in an ffmpeg of its own, scaled to the
// size of a tile. Frames are told apart by the timestamps given to them: their
// numbers, odd for those that are wanted back, even for those that only others
// are built on.
type videoDecoder struct {
	c    *program
	size int // bytes of a frame

	mu    sync.Mutex
	todo  []sightFeed
	wake  chan struct{}
	stopc chan struct{}

	patience time.Duration

	number int64
	expect []expected
	frames chan picture
	free   chan []byte
	held   *picture // came out, but is for later
	now    []byte   // the frame to be seen
	dead   bool
}

type sightFeed struct {
	place
	number int64
}

type expected struct{ number, tick int64 }

type picture struct {
	number int64
	data   []byte
}

var fourCC = map[string]string{"VP8": "VP80", "VP9": "VP90", "H264": "H264", "AV1": "AV01"}

func newVideoDecoder(ctx context.Context, log *slog.Logger, ffmpeg, folder string, t *track, w, h int) (*videoDecoder, error) {
	codec, ok := fourCC[codecName(t)]
	if !ok {
		return nil, fmt.Errorf("video codec %q is not supported", t.Codec)
	}
	filter := fmt.Sprintf(`select=mod(pts\,2),metadata=mode=add:key=s:value=1,metadata=mode=print:file=pipe\\:3:direct=1,`+
		`scale=%d:%d:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=fast_bilinear,pad=%d:%d:(ow-iw)/2:(oh-ih)/2:color=0x101216,format=yuv420p`,
		w, h, w, h)
	c, err := spawn(ctx, log, ffmpeg, "decode "+t.ID, pipes{out: true, notes: true},
		"-probesize", "32", "-analyzeduration", "0", "-threads", "1", "-flags", "low_delay", "-f", "ivf", "-copyts", "-i", "pipe:0",
		"-an", "-vf", filter, "-fps_mode", "passthrough", "-threads", "1", "-flush_packets", "1", "-f", "rawvideo", "pipe:1")
	if err != nil {
		return nil, err
	}
	d := &videoDecoder{
		c: c, size: w * h * 3 / 2, wake: make(chan struct{}, 1), stopc: make(chan struct{}),
		frames: make(chan picture), free: make(chan []byte, 4),
	}
	for range 3 {
		d.free <- make([]byte, d.size)
	}
	go d.write(newTail(folder, t.ID), codec)
	go d.read()
	return d, nil
}

// feed adds a frame. Wanted frames come out at a tick.
func (d *videoDecoder) feed(at place, wanted bool, tick int64) {
	d.number++
	if d.number&1 == 1 != wanted {
		d.number++
	}
	if wanted {
		d.expect = append(d.expect, expected{d.number, tick})
	}
	d.mu.Lock()
	d.todo = append(d.todo, sightFeed{at, d.number})
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// rest forgets what is under way. What is fed next begins with a keyframe; what
// still comes out of the frames before it is passed over then.
func (d *videoDecoder) rest() {
	d.mu.Lock()
	d.todo = nil
	d.mu.Unlock()
	d.expect = nil
	if d.now != nil {
		d.free <- d.now
		d.now = nil
	}
}

// write reads the frames from the segments and passes them to ffmpeg as IVF.
func (d *videoDecoder) write(t *tail, codec string) {
	defer d.c.in.Close()
	defer t.close()
	w := bufio.NewWriterSize(d.c.in, 256<<10)
	head := make([]byte, 32)
	copy(head, "DKIF")
	binary.LittleEndian.PutUint16(head[6:], 32)
	copy(head[8:], codec)
	binary.LittleEndian.PutUint16(head[12:], 640)
	binary.LittleEndian.PutUint16(head[14:], 360)
	binary.LittleEndian.PutUint32(head[16:], 1000)
	binary.LittleEndian.PutUint32(head[20:], 1)
	if _, err := w.Write(head); err != nil {
		return
	}
	began := false
	for {
		list, ok := d.more(w)
		if !ok {
			return
		}
		for _, f := range list {
			if !began || t.at != f.file && t.at+1 != f.file || t.at == f.file && t.n > f.frame {
				if t.seek(f.place) != nil {
					return
				}
				began = true
			}
			if !d.pass(w, t, f) {
				return
			}
		}
	}
}

// more waits for frames to write; meanwhile nothing is kept back.
func (d *videoDecoder) more(w *bufio.Writer) ([]sightFeed, bool) {
	for {
		d.mu.Lock()
		list := d.todo
		d.todo = nil
		d.mu.Unlock()
		if len(list) > 0 {
			return list, true
		}
		if w.Flush() != nil {
			return nil, false
		}
		select {
		case <-d.wake:
		case <-d.stopc:
			return nil, false
		}
	}
}

// pass writes the frame at f, passing over those before it.
func (d *videoDecoder) pass(w *bufio.Writer, t *tail, f sightFeed) bool {
	for {
		fr, at, err := t.next()
		if err != nil {
			return false
		}
		if at != f.place {
			continue
		}
		var head [12]byte
		binary.LittleEndian.PutUint32(head[:], uint32(len(fr.Payload)))
		binary.LittleEndian.PutUint64(head[4:], uint64(f.number))
		if _, err := w.Write(head[:]); err != nil {
			return false
		}
		_, err = w.Write(fr.Payload)
		return err == nil
	}
}

// read passes on the frames that come out, each with its number.
func (d *videoDecoder) read() {
	defer close(d.frames)
	lines := bufio.NewReaderSize(d.c.notes, 4<<10)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		_, rest, ok := strings.Cut(line, "pts:")
		if !ok {
			continue
		}
		number, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		var buf []byte
		select {
		case buf = <-d.free:
		case <-d.stopc:
			return
		}
		if _, err := io.ReadFull(d.c.out, buf); err != nil {
			return
		}
		select {
		case d.frames <- picture{number, buf}:
		case <-d.stopc:
			return
		}
	}
}

// at returns the frame to be seen at a tick, nil if there is none yet, and
// whether it is another than the tick before.
func (d *videoDecoder) at(ctx context.Context, tick int64) (frame []byte, fresh bool) {
	want := int64(0)
	for len(d.expect) > 0 && d.expect[0].tick <= tick {
		want = d.expect[0].number
		d.expect = d.expect[1:]
	}
	for want > 0 && !d.dead {
		if d.held == nil {
			d.held = d.next(ctx)
		}
		if d.held == nil {
			d.dead = true
			break
		}
		if d.held.number > want {
			break // the wanted one could not be decoded
		}
		if d.now != nil {
			d.free <- d.now
		}
		d.now, fresh = d.held.data, true
		done := d.held.number == want
		d.held = nil
		if done {
			break
		}
	}
	return d.now, fresh
}

func (d *videoDecoder) next(ctx context.Context) *picture {
	late := time.NewTimer(d.patience)
	defer late.Stop()
	select {
	case p, ok := <-d.frames:
		if ok {
			return &p
		}
	case <-late.C:
	case <-ctx.Done():
	}
	return nil
}

func (d *videoDecoder) close() {
	close(d.stopc)
	d.c.kill()
}

func codecName(t *track) string { return strings.ToUpper(t.Codec) }
