package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"log/slog"
	"os"
	"slices"
	"time"

	"steno/internal/record/screen"
)

// film makes everything that is seen, chunk by chunk.
type film struct {
	folder, work, ffmpeg string
	log                  *slog.Logger
	story                *story
	director             *director
	artist               *artist

	eyes []*eye
	byID map[string]*eye

	canvas   *canvas
	layout   string
	marks    string
	decoders map[*eye]*openDecoder
	idle     []*openDecoder // of those who may be shown again, the last one last
	cards    map[int][]byte // of the present layout, by index of the tile

	tick    int64   // the next one
	planned []scene // of ticks from tick on, when they were needed in advance
	out     *chunkWriter
	chunk   int64         // ticks
	wait    time.Duration // for a decoder
	print   hash.Hash
	reused  int
}

// openDecoder is the decoder of an eye that is in the picture.
type openDecoder struct {
	*videoDecoder
	eye  *eye
	w, h int
	fed  int   // index of the next frame of the eye to be fed
	tick int64 // of the last wanted frame
	key  place // of the keyframe it began with
	gone bool  // could not be started
}

func newFilm(o Options, s *story, snd *sound, work string) (*film, error) {
	a, err := newArtist()
	if err != nil {
		return nil, fmt.Errorf("fonts: %w", err)
	}
	f := &film{
		folder: o.Folder, work: work, ffmpeg: o.FFmpeg, log: o.Log, story: s, artist: a,
		byID: map[string]*eye{}, canvas: newCanvas(width, height), decoders: map[*eye]*openDecoder{}, chunk: o.chunk, wait: o.patience, print: sha256.New(),
	}
	f.director = &director{mode: o.Mode, story: s, sound: snd, eyes: func() []*eye { return f.eyes }}
	return f, nil
}

// step makes the picture up to tick end, from frames that arrived up to late
// after a wall time. With last, end is the end of the video.
func (f *film) step(ctx context.Context, until, end int64, last bool) error {
	tl := f.story.timeline()
	for _, t := range f.story.tracks {
		if t.Kind == "video" && t.ID != screen.TrackID && f.byID[t.ID] == nil {
			e := newEye(f.folder, t)
			f.byID[t.ID] = e
			if _, ok := fourCC[codecName(t)]; !ok {
				f.log.Warn("video track left out", "track", t.ID, "codec", t.Codec)
				continue
			}
			f.eyes = append(f.eyes, e)
		}
	}
	for _, e := range f.eyes {
		if err := e.step(until+late, tl); err != nil {
			return fmt.Errorf("read track %s: %w", e.t.ID, err)
		}
	}
	for f.tick < end {
		if ok, err := f.begin(ctx, tl, end, last); err != nil || !ok {
			return err
		}
		if f.out == nil {
			continue // the chunk was there already
		}
		if err := f.make(ctx, tl); err != nil {
			return err
		}
		if f.tick%f.chunk == 0 {
			if err := f.finishChunk(); err != nil {
				return err
			}
		}
	}
	if last && f.out != nil {
		if err := f.finishChunk(); err != nil {
			return err
		}
	}
	f.forget()
	return nil
}

// begin opens the next chunk if none is open. If it is there already, made by
// an earlier composer, with the same to be seen in it, it is kept. ok tells
// whether there is something to do now.
func (f *film) begin(ctx context.Context, tl timeline, end int64, last bool) (ok bool, err error) {
	if f.out != nil {
		return true, nil
	}
	n := f.tick / f.chunk
	if len(finishedChunks(f.work, n)) > 0 && len(f.planned) == 0 {
		to := (n + 1) * f.chunk
		if last {
			to = min(to, end)
		}
		if to > end {
			return false, nil // what is to be seen is not all known yet
		}
		print := sha256.New()
		for t := f.tick; t < to; t++ {
			s := f.director.scene(t, tl)
			note(print, t, s)
			f.planned = append(f.planned, s)
		}
		if _, err := os.Stat(chunkPath(f.work, n, sum(print))); err == nil {
			f.tick, f.planned, f.layout = to, nil, ""
			f.closeDecoders(nil)
			f.reused++
			return true, nil
		}
	}
	f.out, err = newChunkWriter(ctx, f.log, f.ffmpeg, f.work, n)
	return true, err
}

func note(h hash.Hash, tick int64, s scene) {
	fmt.Fprintf(h, "%d\n%s%s\n", tick, s.layout(), s.marks())
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }

// finishChunk makes the open chunk whole; the last tick was its last.
func (f *film) finishChunk() error {
	w := f.out
	f.out = nil
	err := w.finish(f.work, (f.tick-1)/f.chunk, sum(f.print))
	f.print.Reset()
	return err
}

// make makes one tick.
func (f *film) make(ctx context.Context, tl timeline) error {
	var s scene
	if len(f.planned) > 0 {
		s, f.planned = f.planned[0], f.planned[1:]
	} else {
		s = f.director.scene(f.tick, tl)
	}
	note(f.print, f.tick, s)
	layout, marks := s.layout(), s.marks()
	anew := layout != f.layout
	if anew {
		f.arrange(ctx, s)
		f.layout, f.marks = layout, ""
	}
	for i, t := range s {
		f.draw(ctx, i, t, anew)
	}
	if marks != f.marks {
		f.mark(s)
		f.marks = marks
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := f.out.write(f.canvas.buf); err != nil {
		return err
	}
	f.tick++
	return nil
}

// arrange prepares the canvas and the decoders for a new layout.
func (f *film) arrange(ctx context.Context, s scene) {
	f.canvas.fill(0, 0, width, height, backColor)
	f.cards = map[int][]byte{}
	keep := map[*eye]tile{}
	for _, t := range s {
		if t.eye != nil {
			keep[t.eye] = t
		}
	}
	f.closeDecoders(keep)
	for e, t := range keep {
		if f.decoders[e] == nil {
			f.open(ctx, e, t)
		}
	}
}

// open starts a decoder for an eye at the present tick, from the keyframe
// before it.
func (f *film) open(ctx context.Context, e *eye, t tile) {
	i := e.last(f.tick*tickUS + tickUS/2)
	if i < 0 {
		return
	}
	k := e.key(i)
	o := f.resume(e, t)
	o.key, o.fed, o.tick = e.frames[k].place, i+1, f.tick
	f.decoders[e] = o
	if o.videoDecoder == nil {
		d, err := newVideoDecoder(ctx, f.log, f.ffmpeg, f.folder, e.t, t.w, t.h)
		if err != nil {
			f.log.Error("video decoder", "track", e.t.ID, "err", err)
			o.gone = true
			return
		}
		o.videoDecoder, d.patience = d, f.wait
	}
	for j := k; j < i; j++ {
		o.feed(e.frames[j].place, false, 0)
	}
	o.feed(e.frames[i].place, true, f.tick)
}

// ahead is how far, in ticks, a decoder works ahead: what it has made of a
// person who is not shown any more was made for nothing.
const ahead = 12

// feed passes on what an eye sees up to a little ahead. Of several frames in a
// tick the first is shown.
func (f *film) feed(o *openDecoder) {
	e := o.eye
	for ; o.fed < len(e.frames); o.fed++ {
		s := e.frames[o.fed]
		if s.us > (f.tick+ahead)*tickUS {
			return
		}
		tick := (s.us + tickUS/2) / tickUS
		wanted := !s.hidden && tick > o.tick
		if wanted {
			o.tick = tick
		}
		o.feed(s.place, wanted, tick)
	}
}

// draw brings tile i up to the present tick.
func (f *film) draw(ctx context.Context, i int, t tile, anew bool) {
	var frame []byte
	fresh := anew
	if o := f.decoders[t.eye]; t.eye != nil && o != nil && !o.gone {
		f.feed(o)
		var news bool
		frame, news = o.at(ctx, f.tick)
		fresh = fresh || news
		if o.dead {
			f.revive(ctx, t, o)
		}
	}
	if !fresh {
		return
	}
	if frame == nil {
		if f.cards[i] == nil {
			f.cards[i] = f.artist.card(t)
		}
		frame = f.cards[i]
	}
	f.canvas.blit(t.x, t.y, t.w, t.h, frame)
	size := max(13, min(18, t.h/20))
	inset := 8
	if t.plain {
		size, inset = 24, 20
	}
	if l := f.artist.label(f.artist.written(t), size, t.w-2*inset); l != nil {
		f.canvas.blend(t.x+inset, t.y+t.h-inset-l.h, l)
	}
}

// revive tries a decoder that gave up again at the next keyframe.
func (f *film) revive(ctx context.Context, t tile, o *openDecoder) {
	e := t.eye
	i := e.last(f.tick*tickUS + tickUS/2)
	if i < 0 || e.frames[e.key(i)].place == o.key {
		return
	}
	f.log.Warn("video decoder gave up; trying again at a keyframe", "track", e.t.ID, "err", o.c.err.String())
	o.close()
	delete(f.decoders, e)
	f.open(ctx, e, t)
}

// mark draws or removes the border of those who speak.
func (f *film) mark(s scene) {
	for _, t := range s {
		if t.plain || t.screen {
			continue
		}
		c := backColor
		if t.speaking {
			c = markColor
		}
		f.canvas.frame(t.x, t.y, t.w, t.h, margin/2, c)
	}
}

// closeDecoders closes those that are not kept at their size, or lets them
// rest: to start an ffmpeg costs more than to keep one that does nothing.
func (f *film) closeDecoders(keep map[*eye]tile) {
	for e, o := range f.decoders {
		t, ok := keep[e]
		if ok && t.w == o.w && t.h == o.h {
			continue
		}
		delete(f.decoders, e)
		if o.gone {
			continue
		}
		if ok || o.dead {
			o.close()
			continue
		}
		o.rest()
		if f.idle = append(f.idle, o); len(f.idle) > mostIdle {
			f.idle[0].close()
			f.idle = slices.Delete(f.idle, 0, 1)
		}
	}
}

// mostIdle is how many decoders rest at most.
const mostIdle = 4

// resume returns the resting decoder of an eye if it has the right size, else
// one that is still to be started.
func (f *film) resume(e *eye, t tile) *openDecoder {
	for i, o := range f.idle {
		if o.eye != e {
			continue
		}
		f.idle = slices.Delete(f.idle, i, i+1)
		if o.w == t.w && o.h == t.h {
			return o
		}
		o.close()
		break
	}
	return &openDecoder{eye: e, w: t.w, h: t.h}
}

// forget lets go of frames that cannot matter any more.
func (f *film) forget() {
	for _, e := range f.eyes {
		n := e.forget(f.tick * tickUS)
		if o := f.decoders[e]; o != nil {
			o.fed -= n
		}
	}
}

func (f *film) close() {
	f.closeDecoders(nil)
	for _, o := range f.idle {
		o.close()
	}
	f.idle = nil
	if f.out != nil {
		f.out.c.kill()
	}
	for _, e := range f.eyes {
		e.tail.close()
	}
}
