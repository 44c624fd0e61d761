package tracks

import (
	"context"
	"encoding/base64"
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

// Show has the page's camera show a picture, a JPEG, from now on; a page that
// takes the camera later shows it then. It does not block.
func (r *Recorder) Show(jpeg []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.picture = []byte(base64.StdEncoding.EncodeToString(jpeg))
	for p := range r.open {
		p.expose(r.picture)
	}
}

// expose sends a picture to the page's camera, in the place of one that still
// waits. Recorder.mu is held.
func (p *page) expose(picture []byte) {
	if p.show == nil || picture == nil {
		return
	}
	select {
	case <-p.show:
	default:
	}
	p.show <- picture // has room for one, and nobody else writes
}

// feed writes what comes through the channel to a page until its socket is
// closed.
func (r *Recorder) feed(ctx context.Context, conn *websocket.Conn, kind websocket.MessageType, room int) chan []byte {
	ch := make(chan []byte, room)
	r.pages.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case b := <-ch:
				writing, cancel := context.WithTimeout(ctx, sayLimit)
				err := conn.Write(writing, kind, b)
				cancel()
				if err != nil {
					return
				}
			}
		}
	})
	return ch
}
