package tracks

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxSay is how many pieces may wait for a page that is busy: half a second.
	maxSay   = 25
	sayLimit = 5 * time.Second
)

// Say gives the page's microphone, if the page has taken it, samples at 48 kHz
// that are to be heard now. It does not block: what a busy page does not take
// is lost.
func (r *Recorder) Say(pcm []int16) {
	b := make([]byte, 0, 2*len(pcm))
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.open {
		select {
		case p.say <- b:
		default: // also a page without a microphone
		}
	}
}

// speaker writes what is said to a page until its socket is closed.
func (r *Recorder) speaker(ctx context.Context, conn *websocket.Conn) chan []byte {
	say := make(chan []byte, maxSay)
	r.pages.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case b := <-say:
				writing, cancel := context.WithTimeout(ctx, sayLimit)
				err := conn.Write(writing, websocket.MessageBinary, b)
				cancel()
				if err != nil {
					return
				}
			}
		}
	})
	return say
}
