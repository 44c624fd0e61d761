package calendar

import (
	"context"
	"maps"
	"slices"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
)

// batch is what one transaction of a run does. Effects on the run itself are
// collected, and taken over when it has been committed.
type batch struct {
	r      *run
	tx     Tx
	now    time.Time
	series map[string]Series // by the service's id
	events map[string]Event  // by the service's id

	newSeries  []Series
	oldSeries  []string // seen, not changed
	newEvents  []Event
	newDetails []Details
	changedOld []Event
	changedDet []*Details
	seen       []string
	changes    []change

	touched map[string]bool
	bare    []Item
	waiting map[string][]Item
	lone    map[string]bool // former series that are single events now
	singles []string        // the service's ids of single events that a full round has shown
}

// inBatch runs fn in a transaction that still owns the connection, and then
// stores, rules and tells.
func (r *run) inBatch(ctx context.Context, fn func(b *batch) error) error {
	var done *batch
	err := r.s.Store.InTx(ctx, func(tx Tx) error {
		done = &batch{
			r: r, tx: tx, now: r.s.Clock.Now(), series: map[string]Series{}, events: map[string]Event{},
			touched: map[string]bool{}, waiting: map[string][]Item{}, lone: map[string]bool{},
		}
		if err := r.guard(ctx, tx, done.now); err != nil {
			return err
		}
		if err := fn(done); err != nil {
			return err
		}
		return done.flush(ctx)
	})
	if err != nil {
		return err
	}
	maps.Copy(r.touched, done.touched)
	for series := range done.lone {
		r.touched[series] = false // to be settled, without asking the service
	}
	r.bare = append(r.bare, done.bare...)
	for id, items := range done.waiting {
		r.waiting[id] = append(r.waiting[id], items...)
	}
	r.remember(done)
	r.news += len(done.changes)
	return nil
}

// remember takes over what is known now. Before the first announcement nobody
// asks which series are fresh.
func (r *run) remember(b *batch) {
	for _, s := range b.newSeries {
		r.seen.add(s.ProviderID, false)
		if !r.conn.Sync.Announced {
			continue
		}
		r.fresh[s.ID] = true
		if s.Recurring {
			r.heirs = append(r.heirs, s)
		}
	}
	for _, e := range b.newEvents {
		r.seen.add(e.ProviderID, false)
	}
	for _, id := range b.singles {
		r.seen.add(id, true)
	}
}

// guard makes sure that the run still owns the connection, and renews its lease.
func (r *run) guard(ctx context.Context, tx Tx, now time.Time) error {
	c, err := tx.LockConnection(ctx, "", r.conn.ID)
	if fail.Is(err, fail.NotFound) {
		return errLost
	}
	if err != nil {
		return err
	}
	if c.DeletedAt != nil || c.Sync.By != r.owner {
		return errLost
	}
	r.conn = c
	if now.Before(c.Sync.Until.Add(-leaseFor / 2)) {
		return nil
	}
	r.conn.Sync.Until = now.Add(leaseFor)
	return tx.UpdateConnection(ctx, r.conn)
}

// load reads the rows that the items are about. The first run of a connection
// looks only for what it has stored itself.
func (b *batch) load(ctx context.Context, items []Item) error {
	var series, events []string
	for _, it := range items {
		of := it.ID
		if it.Kind == Occurrence || it.Kind == CancelledSlot {
			of = it.SeriesID
		}
		if !b.r.first || b.r.seen.has(of) {
			series = append(series, of)
		}
		if !b.r.first || b.r.seen.has(it.ID) {
			events = append(events, it.ID)
		}
	}
	c := b.r.conn
	found, err := b.tx.SeriesByProvider(ctx, c.TeamID, c.ID, unique(series))
	if err != nil {
		return err
	}
	maps.Copy(b.series, found)
	known, err := b.tx.EventsByProvider(ctx, c.TeamID, c.ID, unique(events))
	maps.Copy(b.events, known)
	return err
}

func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// lastOf keeps the last item of each id: a round may repeat itself.
func lastOf(items []Item) []Item {
	at := map[string]int{}
	for i, it := range items {
		at[it.ID] = i
	}
	if len(at) == len(items) {
		return items
	}
	out := make([]Item, 0, len(at))
	for i, it := range items {
		if at[it.ID] == i {
			out = append(out, it)
		}
	}
	return out
}

// putSeries stores a master, or the series of one that a single event is.
func (b *batch) putSeries(it Item) Series {
	c, old := b.r.conn, b.series[it.ID]
	if old.ID == "" {
		old = Series{ID: ident.New(), TeamID: c.TeamID, CalendarID: c.ID, CreatedAt: b.now}
		n := seriesOf(it, old, b.r.s.Detect)
		n.UpdatedAt, n.Generation = b.now, c.Sync.Generation
		b.newSeries, b.series[it.ID] = append(b.newSeries, n), n
		return n
	}
	n := seriesOf(it, old, b.r.s.Detect)
	if n.Hash == old.Hash && n.Recurring == old.Recurring && n.UID == old.UID && old.DeletedAt == nil {
		if !b.isNew(old.ID) {
			b.oldSeries = append(b.oldSeries, old.ID)
		}
		old.Generation = c.Sync.Generation
		b.series[it.ID] = old
		return old
	}
	n.UpdatedAt, n.Generation = b.now, c.Sync.Generation
	b.series[it.ID] = n
	for i := range b.newSeries {
		if b.newSeries[i].ID == n.ID {
			b.newSeries[i] = n
			return n
		}
	}
	b.newSeries = append(b.newSeries, n) // flush tells old from new by CreatedAt
	return n
}

func (b *batch) isNew(id string) bool {
	return slices.ContainsFunc(b.newSeries, func(s Series) bool { return s.ID == id })
}

// put stores an occurrence or a single event. Unknown ones of a series that was
// known before wait: they may be known ones under another id.
func (b *batch) put(it Item, s Series) {
	old, known := b.events[it.ID]
	if !known {
		if !it.When.Overlaps(b.r.window) {
			return
		}
		if b.r.conn.Sync.Announced && !b.r.fresh[s.ID] && !b.isNew(s.ID) {
			b.waiting[s.ProviderID] = append(b.waiting[s.ProviderID], it)
			return
		}
		b.add(it, s)
		return
	}
	b.change(it, old, s)
}

// add stores an event that is new.
func (b *batch) add(it Item, s Series) {
	c := b.r.conn
	e, d := eventOf(it, Event{ID: ident.New(), TeamID: c.TeamID, CalendarID: c.ID}, b.r.s.Detect)
	e.SeriesID, e.Recurring, e.Generation, e.CreatedAt, e.UpdatedAt = s.ID, s.Recurring, c.Sync.Generation, b.now, b.now
	if e.Live() {
		b.tell(&e, MsgEventCreated)
	}
	b.newEvents, b.newDetails, b.events[it.ID] = append(b.newEvents, e), append(b.newDetails, d), e
}

// change stores what the item says of a known event.
func (b *batch) change(it Item, old Event, s Series) {
	e, d := eventOf(it, old, b.r.s.Detect)
	e.SeriesID, e.Recurring, e.Generation = s.ID, s.Recurring, b.r.conn.Sync.Generation
	same := e.Hash == old.Hash && old.DeletedAt == nil && e.Recurring == old.Recurring && e.SeriesID == old.SeriesID
	if same && e.ProviderID == old.ProviderID && (e.RawHash == old.RawHash || e.RawHash == "") {
		b.seen = append(b.seen, old.ID)
		return
	}
	if !same {
		e.UpdatedAt = b.now
		switch {
		case old.Live() && !e.Live():
			b.tell(&e, MsgEventCancelled)
		case e.Live() && old.Seq == 0:
			b.tell(&e, MsgEventCreated)
		case e.Live():
			b.tell(&e, MsgEventUpdated)
		}
	}
	b.events[it.ID] = e
	b.changedOld, b.changedDet = append(b.changedOld, e), append(b.changedDet, &d)
}

// cancel notes that an event is gone.
func (b *batch) cancel(old Event) {
	if old.DeletedAt != nil {
		return
	}
	e := old
	e.DeletedAt, e.Status, e.UpdatedAt, e.Generation = &b.now, Cancelled, b.now, b.r.conn.Sync.Generation
	if old.Live() {
		b.tell(&e, MsgEventCancelled)
	}
	b.events[e.ProviderID] = e
	b.changedOld, b.changedDet = append(b.changedOld, e), append(b.changedDet, nil)
}

// tell notes a message about an event. Before the first sync is announced
// nothing is told event by event.
func (b *batch) tell(e *Event, what string) {
	e.Seq++
	if b.r.conn.Sync.Announced {
		b.changes = append(b.changes, change{event: Event{ID: e.ID}, tell: what})
	}
}

// flush stores what the batch has collected, has the rules look at it, and
// sends the messages.
func (b *batch) flush(ctx context.Context) error {
	if err := b.flushSeries(ctx); err != nil {
		return err
	}
	var touched []*Event
	fresh := make(map[string]bool, len(b.newEvents)+len(b.newSeries))
	for i := range b.newSeries {
		fresh[b.newSeries[i].ID] = true
	}
	for i := range b.newEvents {
		touched = append(touched, &b.newEvents[i])
		fresh[b.newEvents[i].ID] = true
	}
	for i := range b.changedOld {
		touched = append(touched, &b.changedOld[i])
	}
	rulings, err := b.r.s.rule(ctx, b.tx, b.r.conn, touched, func(id string) bool { return fresh[id] }, b.now)
	if err != nil {
		return err
	}
	if len(b.newEvents) > 0 {
		if err := b.tx.InsertEvents(ctx, b.newEvents, b.newDetails); err != nil {
			return err
		}
	}
	for i, e := range b.changedOld {
		if err := b.tx.UpdateEvent(ctx, e, b.changedDet[i]); err != nil {
			return err
		}
	}
	if len(b.seen) > 0 {
		if err := b.tx.EventsSeen(ctx, b.r.conn.TeamID, b.seen, b.r.conn.Sync.Generation); err != nil {
			return err
		}
	}
	if err := rulings.store(ctx, b.tx); err != nil {
		return err
	}
	return b.emit(ctx, touched)
}

func (b *batch) flushSeries(ctx context.Context) error {
	var fresh []Series
	for _, s := range b.newSeries {
		if s.CreatedAt.Equal(b.now) {
			fresh = append(fresh, s)
			continue
		}
		if err := b.tx.UpdateSeries(ctx, s); err != nil {
			return err
		}
	}
	b.newSeries = fresh
	if len(fresh) > 0 {
		if err := b.tx.InsertSeries(ctx, fresh); err != nil {
			return err
		}
	}
	if len(b.oldSeries) == 0 {
		return nil
	}
	return b.tx.SeriesSeen(ctx, b.r.conn.TeamID, b.oldSeries, b.r.conn.Sync.Generation)
}

// emit sends the messages of the batch with the events as they were stored.
func (b *batch) emit(ctx context.Context, touched []*Event) error {
	if len(b.changes) == 0 {
		return nil
	}
	latest := map[string]Event{}
	var ids []string
	for _, e := range touched {
		latest[e.ID] = *e
		ids = append(ids, e.SeriesID)
	}
	c := b.r.conn
	scheduled, err := b.tx.ScheduledSeries(ctx, c.TeamID, unique(ids))
	if err != nil {
		return err
	}
	if err := b.tx.NoteChanges(ctx, c, b.changedIDs()); err != nil {
		return err
	}
	for i := range b.changes {
		b.changes[i].event = latest[b.changes[i].event.ID]
	}
	for _, m := range messages(c, scheduled, b.changes, b.now) {
		if err := b.tx.Emit(ctx, m); err != nil {
			return err
		}
	}
	return nil
}
