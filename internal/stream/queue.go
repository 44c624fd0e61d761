package stream

import (
	"encoding/json"
	"sync"
	"time"
)

const (
	frameTime = 100 * time.Millisecond
	maxWait   = 30 // messages for a receiver: 3 s of audio
)

// message is a frame of audio, or a text.
type message struct {
	audio []byte
	text  []byte
}

// queue holds what is to be sent. When it is full the oldest is dropped: who
// listens live wants what is said now.
type queue struct {
	mu      sync.Mutex
	items   []message
	wake    chan struct{} // has room for one
	open    bool          // somebody is connected
	frames  int64         // of audio, queued or dropped so far
	dropped int           // frames in a row that the receiver was too slow for
	sent    time.Duration // not counted yet
	slow    func(time.Duration)
}

func newQueue(slow func(time.Duration)) *queue {
	return &queue{wake: make(chan struct{}, 1), slow: slow}
}

// put queues a message, unless nobody is connected: what is said in between is
// not sent later.
func (q *queue) put(m message) {
	var tell time.Duration
	q.mu.Lock()
	if m.audio != nil {
		q.frames++
	}
	if q.open {
		if len(q.items) == maxWait {
			q.items = q.items[1:]
			if q.dropped++; q.dropped == 1 {
				tell = frameTime
			}
		}
		q.items = append(q.items, m)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	if tell > 0 {
		q.slow(tell)
	}
}

// connect begins anew for a receiver and returns how far the stream is.
func (q *queue) connect() (offset time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open, q.items, q.dropped = true, nil, 0
	return time.Duration(q.frames) * frameTime
}

// disconnect forgets what the receiver has not taken.
func (q *queue) disconnect() {
	q.mu.Lock()
	q.open, q.items = false, nil
	q.mu.Unlock()
	q.caughtUp()
}

// take returns the next message.
func (q *queue) take() (m message, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return m, false
	}
	m, q.items = q.items[0], q.items[1:]
	return m, true
}

// took notes that the receiver has a message.
func (q *queue) took(m message) {
	q.mu.Lock()
	if m.audio != nil {
		q.sent += frameTime
	}
	empty := len(q.items) == 0
	q.mu.Unlock()
	if empty {
		q.caughtUp()
	}
}

// caughtUp tells how much was dropped while the receiver was slow.
func (q *queue) caughtUp() {
	q.mu.Lock()
	n := q.dropped
	q.dropped = 0
	q.mu.Unlock()
	if n > 1 {
		q.slow(time.Duration(n) * frameTime)
	}
}

// counted returns how much audio was sent since the last call.
func (q *queue) counted() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.sent
	q.sent = 0
	return n
}

// speakersMessage is the text that tells who speaks.
func speakersMessage(list []Speaker) []byte {
	type speaker struct {
		Name      string  `json:"name"`
		ID        *int    `json:"id"`
		Timestamp float64 `json:"timestamp"`
		Speaking  bool    `json:"isSpeaking"`
	}
	out := make([]speaker, len(list))
	for i, p := range list {
		out[i] = speaker{Name: p.Name, Timestamp: float64(p.At.UnixMilli()) / 1000, Speaking: p.Speaking}
		if p.ID != 0 {
			out[i].ID = &list[i].ID
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return []byte("[]") // names are always text
	}
	return text
}
