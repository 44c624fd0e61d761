package tracks

import (
	"sync"
	"sync/atomic"

	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

// maxPending bounds what waits for a disk that is slow or full. Audio and
// video of a usual meeting are 100 to 400 kB a second.
const maxPending = 48 << 20

// item is something to be written: a frame of a track, the end of a track, or
// an entry of the journal.
type item struct {
	track string
	frame segment.Frame
	end   bool
	entry *journal.Entry
	told  *atomic.Bool // set when the entry is in the journal; may be nil
}

func (it item) size() int64 { return int64(len(it.frame.Payload)) + 64 }

// queue hands items from the socket to the disk, in order. Frames beyond
// maxPending are refused, entries never.
type queue struct {
	mu      sync.Mutex
	items   []item
	pending int64
	wake    chan struct{} // has room for one
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put reports whether there was room.
func (q *queue) put(it item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	frame := it.entry == nil && !it.end
	if frame && q.pending+it.size() > maxPending {
		return false
	}
	q.items = append(q.items, it)
	q.pending += it.size()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// peek returns the first item without taking it.
func (q *queue) peek() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return item{}, false
	}
	return q.items[0], true
}

// drop takes the first item.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending -= q.items[0].size()
	q.items[0] = item{}
	q.items = q.items[1:]
	if len(q.items) == 0 {
		q.items = nil
	}
}

func (q *queue) waiting() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending
}
