package stream

import (
	"context"
	"encoding/binary"
	"sync"
	"time"
)

const (
	// prebuffer is how much is gathered before the bot begins to say it, so that
	// chunks may come unevenly.
	prebuffer = 80 * time.Millisecond
	// maxVoice is how much may wait to be said. Who sends faster is not read
	// from until there is room.
	maxVoice = 30 * time.Second
	chunk    = rate / 50 // 20 ms, as the page is given it
)

// voice holds what the bot is to say.
type voice struct {
	mu    sync.Mutex
	rate  int
	half  []byte // a byte of a sample that is cut in two
	pcm   []int16
	up    *resampler
	said  time.Duration // not counted yet
	going bool          // in the middle of saying something
	due   int64         // when the next chunk is to be heard
	since int64         // when the first of what waits was seen; 0: nothing waits
	room  chan struct{} // has room for one
}

func newVoice(from int) *voice {
	return &voice{rate: from, up: newResampler(from, rate), room: make(chan struct{}, 1)}
}

// add takes what came from the socket; it waits until there is room.
func (v *voice) add(ctx context.Context, b []byte) error {
	for {
		v.mu.Lock()
		if len(v.pcm) < v.samples(maxVoice) {
			b = append(v.half, b...)
			for ; len(b) > 1; b = b[2:] {
				v.pcm = append(v.pcm, int16(binary.LittleEndian.Uint16(b)))
			}
			v.half = append([]byte(nil), b...)
			v.mu.Unlock()
			return nil
		}
		v.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-v.room:
		}
	}
}

func (v *voice) samples(d time.Duration) int { return int(d * time.Duration(v.rate) / time.Second) }

// wants reports whether there is something to say, and enough of it to begin.
func (v *voice) wants(now int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case len(v.pcm) == 0:
		v.going, v.since = false, 0
		return false
	case v.going:
		return true
	case v.since == 0:
		v.since = max(now, 1)
	}
	held := int64(prebuffer) * rate / int64(time.Second)
	return len(v.pcm) >= v.samples(prebuffer) || now-v.since >= held
}

// next returns the 20 ms that are to be heard by now, at 48 kHz; nil if there
// are none. The last piece of what is said is filled up with silence.
func (v *voice) next(now int64) []int16 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.pcm) == 0 {
		return nil
	}
	if !v.going {
		v.going, v.due = true, now
	}
	if now < v.due {
		return nil
	}
	if v.due += chunk; now-v.due > rate { // the machine slept
		v.due = now
	}
	n := v.rate / 50
	piece := make([]int16, n)
	n = copy(piece, v.pcm)
	v.pcm = v.pcm[:copy(v.pcm, v.pcm[n:])]
	v.said += time.Duration(n) * time.Second / time.Duration(v.rate)
	select {
	case v.room <- struct{}{}:
	default:
	}
	return append([]int16(nil), v.up.convert(piece)...)
}

// counted returns how much was said since the last call.
func (v *voice) counted() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.said
	v.said = 0
	return n
}
