package compose

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
)

// Fill makes what a composer that follows a meeting has made of a folder by now,
// but faster: chunks of the video are copies of one, under the names of those
// that would be made of the folder.
func Fill(ctx context.Context, o Options) error {
	o.chunk, o.patience = chunkTicks, patience
	c := &composer{Options: o, work: filepath.Join(o.Folder, WorkDir), story: newStory()}
	if err := os.MkdirAll(c.work, 0o700); err != nil {
		return err
	}
	defer c.close()
	if err := c.read(); err != nil {
		return err
	}
	if err := c.start(ctx); err != nil {
		return err
	}
	until, err := c.lastArrival()
	if err != nil {
		return err
	}
	for c.at < until {
		c.at = min(c.at+stepW, until)
		if err := c.sound.step(ctx, c.at); err != nil {
			return err
		}
	}
	if err := c.film.step(ctx, until, 0, false); err != nil { // reads the tracks
		return err
	}
	chunk, err := noise(ctx, c)
	if err != nil {
		return err
	}
	tl := c.story.timeline()
	us, _ := tl.rec(until)
	end := (us - foresight) / tickUS
	for n := int64(0); (n+1)*c.chunk <= end; n++ {
		print := sha256.New()
		for tick := n * c.chunk; tick < (n+1)*c.chunk; tick++ {
			note(print, tick, c.film.director.scene(tick, tl))
		}
		if err := os.WriteFile(chunkPath(c.work, n, sum(print)), chunk, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// noise is a chunk of a picture of which a strip changes, some 70 kB a second.
func noise(ctx context.Context, c *composer) ([]byte, error) {
	const n = 1 << 30
	w, err := newChunkWriter(ctx, c.Log, c.FFmpeg, c.work, n)
	if err != nil {
		return nil, err
	}
	frame := make([]byte, width*height*3/2)
	for tick := range chunkTicks {
		for i := range frame[:2*width] {
			frame[i] = byte(i*tick>>6) & 63
		}
		if err := w.write(frame); err != nil {
			return nil, err
		}
	}
	if err := w.finish(c.work, n, "noise"); err != nil {
		return nil, err
	}
	defer os.Remove(chunkPath(c.work, n, "noise"))
	return os.ReadFile(chunkPath(c.work, n, "noise"))
}

// Chunk is the number of the chunk that is being made or was made last.
func Chunk(folder string) (n int64) {
	for ; len(finishedChunks(filepath.Join(folder, WorkDir), n)) > 0; n++ {
	}
	return n
}
