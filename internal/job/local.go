package job

import (
	"context"
	"database/sql"
	"encoding/json"
	"sync"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// River's SQLite driver polls an outbox table twenty times a second to hear of
// new jobs, on the one connection that writes. A SQLite database has one server
// process, so its notifications need not pass through the database at all:
// hub carries them in memory and the driver below listens to it.
type hub struct {
	mu   sync.Mutex
	subs map[*listener]struct{}
}

func newHub() *hub { return &hub{subs: map[*listener]struct{}{}} }

// River's name of the topic that says "a queue has new jobs".
const insertTopic = "river_insert"

func (h *hub) wake(queue string) {
	payload, _ := json.Marshal(map[string]string{"queue": queue}) // cannot fail
	n := &riverdriver.Notification{Topic: insertTopic, Payload: string(payload)}
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.subs {
		select {
		case l.ch <- n:
		default: // the buffer holds wakes enough; polling finds the rest
		}
	}
}

func (h *hub) add(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs[l] = struct{}{}
}

func (h *hub) remove(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs, l)
}

type sqliteDriver struct {
	*riversqlite.Driver
	hub   *hub
	doubt func() // nil for one that takes no jobs
}

func localDriver(db *sql.DB, h *hub) *sqliteDriver {
	return &sqliteDriver{Driver: riversqlite.New(db), hub: h}
}

func (d *sqliteDriver) GetExecutor() riverdriver.Executor {
	if d.doubt == nil {
		return d.Driver.GetExecutor()
	}
	return executor{d.Driver.GetExecutor(), d.doubt}
}

// SupportsListenNotify keeps River from writing rows into its outbox table.
func (d *sqliteDriver) SupportsListenNotify() bool { return false }

func (d *sqliteDriver) GetListener(p *riverdriver.GetListenenerParams) riverdriver.Listener {
	return &listener{hub: d.hub, schema: p.Schema, ch: make(chan *riverdriver.Notification, 16)}
}

// listener implements riverdriver.Listener over a hub.
type listener struct {
	hub    *hub
	schema string
	ch     chan *riverdriver.Notification
}

func (l *listener) Connect(context.Context) error {
	l.hub.add(l)
	return nil
}

func (l *listener) Close(context.Context) error {
	l.hub.remove(l)
	return nil
}

func (l *listener) Listen(context.Context, string) error   { return nil }
func (l *listener) Unlisten(context.Context, string) error { return nil }
func (l *listener) Ping(context.Context) error             { return nil }
func (l *listener) Schema() string                         { return l.schema }
func (l *listener) SetAfterConnectExec(string)             {}

func (l *listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case n := <-l.ch:
		return n, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
