package job

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// postgresDriver is River's, but for what it does when the database is away.
type postgresDriver struct {
	*riverpgxv5.Driver
	queues []string // that are worked here
	doubt  func()
}

func newPostgresDriver(pool *pgxpool.Pool, queues []string, doubt func()) *postgresDriver {
	return &postgresDriver{Driver: riverpgxv5.New(pool), queues: queues, doubt: doubt}
}

func (d *postgresDriver) GetExecutor() riverdriver.Executor {
	return executor{d.Driver.GetExecutor(), d.doubt}
}

func (d *postgresDriver) GetListener(p *riverdriver.GetListenenerParams) riverdriver.Listener {
	return &steadyListener{Listener: d.Driver.GetListener(p), queues: d.queues, topics: map[string]struct{}{}}
}

// steadyListener connects again by itself. River does that, too, but waits
// longer with each failure in the life of the process, up to a minute; and it
// does not ask for what it has missed.
type steadyListener struct {
	riverdriver.Listener
	queues []string

	mu     sync.Mutex
	topics map[string]struct{}
	broken bool
	missed []*riverdriver.Notification // to be told before anything else
}

const (
	reconnectTime  = 5 * time.Second // bounds one try
	reconnectPause = 250 * time.Millisecond
)

// River's topic of leadership. The table of leaders is empty after a crash of
// the database: by the first message a leader stands for election again at once,
// by the second one a candidate does.
const leaderTopic = "river_leadership"

var leaderPayloads = []string{`{"action":"request_resign"}`, `{"action":"resigned","leader_id":"unknown"}`}

func (l *steadyListener) isBroken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

func (l *steadyListener) setBroken() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
}

// Listen never fails: what cannot be done now is done when the connection is
// back.
func (l *steadyListener) Listen(ctx context.Context, topic string) error {
	l.mu.Lock()
	l.topics[topic] = struct{}{}
	l.mu.Unlock()
	if !l.isBroken() && l.Listener.Listen(ctx, topic) != nil {
		l.setBroken()
	}
	return nil
}

// Unlisten never fails either.
func (l *steadyListener) Unlisten(ctx context.Context, topic string) error {
	l.mu.Lock()
	delete(l.topics, topic)
	l.mu.Unlock()
	if !l.isBroken() && l.Listener.Unlisten(ctx, topic) != nil {
		l.setBroken()
	}
	return nil
}

// Ping finds out about a connection that says nothing any more.
func (l *steadyListener) Ping(ctx context.Context) error {
	if !l.isBroken() && l.Listener.Ping(ctx) != nil {
		l.setBroken()
	}
	return nil
}

// WaitForNotification returns an error only when ctx ends.
func (l *steadyListener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	for {
		if n := l.next(); n != nil {
			return n, nil
		}
		if !l.isBroken() {
			n, err := l.Listener.WaitForNotification(ctx)
			if err == nil || ctx.Err() != nil {
				return n, err
			}
			l.setBroken()
		}
		if err := l.reconnect(ctx); err != nil {
			return nil, err
		}
	}
}

func (l *steadyListener) next() *riverdriver.Notification {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.missed) == 0 {
		return nil
	}
	n := l.missed[0]
	l.missed = l.missed[1:]
	return n
}

func (l *steadyListener) reconnect(ctx context.Context) error {
	for !l.tryConnect(ctx) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reconnectPause):
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = false
	for _, queue := range l.queues {
		payload, _ := json.Marshal(map[string]string{"queue": queue}) // cannot fail
		l.missed = append(l.missed, &riverdriver.Notification{Topic: insertTopic, Payload: string(payload)})
	}
	for _, payload := range leaderPayloads {
		l.missed = append(l.missed, &riverdriver.Notification{Topic: leaderTopic, Payload: payload})
	}
	return nil
}

func (l *steadyListener) tryConnect(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, reconnectTime)
	defer cancel()
	_ = l.Listener.Close(ctx) // it is broken
	if l.Listener.Connect(ctx) != nil {
		return false
	}
	l.mu.Lock()
	topics := make([]string, 0, len(l.topics))
	for topic := range l.topics {
		topics = append(topics, topic)
	}
	l.mu.Unlock()
	for _, topic := range topics {
		if l.Listener.Listen(ctx, topic) != nil {
			return false
		}
	}
	return true
}
