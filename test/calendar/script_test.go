package calendar_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/fail"
	"steno/internal/store"
	"steno/simulator/microsoft"
	"steno/simulator/service"
	"steno/simulator/truth"
)

var (
	scripts = flag.Int("scripts", 0, "how many edit scripts to run; from a random seed on, unless -seed says which")
	seed    = flag.Uint64("seed", 0, "the first script's seed; without -scripts, this one alone is run")
)

// scriptsAtOnce: a script waits for its HTTP calls now and then.
const scriptsAtOnce = 4

// The promise of the whole package: whatever people do to their calendars, and
// whatever the services and the network do meanwhile, in the end the stored
// window is what the service's calendar has, and every event has the bot that
// the rules demand, once.
//
// Without flags it is always the same scripts: what one run in a hundred finds
// would stop work that has nothing to do with it. STENO_STORM=1 runs others, and more.
func TestRandomEditScriptsEndWithWhatTheCalendarHas(t *testing.T) {
	t.Parallel()
	first, n := uint64(1), 2000
	switch {
	case *seed != 0:
		first, n = *seed, max(*scripts, 1)
	case *scripts > 0 || os.Getenv("STENO_STORM") != "":
		first, n = uint64(time.Now().UnixNano())&0xffffffff, cmp.Or(*scripts, 20_000)
	case testing.Short():
		n = 200
	}
	var next, syncs, edits atomic.Int64
	var workers sync.WaitGroup
	for range scriptsAtOnce {
		workers.Go(func() {
			db := openQuick(t)
			for {
				i := next.Add(1) - 1
				if i >= int64(n) || t.Failed() {
					return
				}
				one := first + uint64(i)
				s := buildStand(t, db, service.Options{SlowFor: time.Millisecond, Seed: one})
				r := &script{stand: s, seed: one, rng: rand.New(rand.NewPCG(one, 1)), series: map[string]bool{}, single: map[string]bool{}}
				if err := r.run(t.Context()); err != nil {
					t.Errorf("seed %d: %v\nreplay with: go test ./test/calendar -run RandomEdit -args -seed %d\n%s", r.seed, err, r.seed, strings.Join(r.log, "\n"))
				}
				s.close()
				syncs.Add(int64(r.syncs))
				edits.Add(int64(len(r.log)))
			}
		})
	}
	workers.Wait()
	t.Logf("%d scripts from seed %d: %d steps, %d syncs", n, first, edits.Load(), syncs.Load())
}

// openQuick opens a database in memory, where there is a folder in memory:
// what is tested is not the disk.
func openQuick(t *testing.T) *store.DB {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "steno")
	if err != nil {
		dir = t.TempDir()
	}
	db, err := store.Open(context.Background(), store.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return db
}

// script is one calendar's life. What users asked for is kept beside the
// program: series by the number in their titles, which the halves of a cut
// share, and single events by their id.
type script struct {
	*stand
	seed  uint64
	rng   *rand.Rand
	p     calendar.Platform
	id    string
	cal   *truth.Calendar
	count int
	cut   map[string]bool // items that were cut in two, and their halves
	// Since the last sync: series that are in another room, and those with a slot far
	// away. Microsoft never shows a series again of which all is outside of the window,
	// and no service shows what a deleted one was: when it was in another room by then,
	// and its second half was cut off, nothing tells that the halves belong together.
	roomed, away map[string]bool
	series       map[string]bool
	single       map[string]bool // false: switched off
	// Halves by what they were cut off, what was there at the last sync that succeeded,
	// and strangers: series that were not shown when the others with their number got a
	// rule, and were not cut off those since. Such is a half of which all was cancelled
	// by then, and came back afterwards.
	parent    map[string]string
	read      []string
	strangers map[string]bool // by the service's id
	log       []string
	syncs     int

	generation int64
}

func (r *script) note(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *script) run(ctx context.Context) error {
	r.cut, r.roomed, r.away = map[string]bool{}, map[string]bool{}, map[string]bool{}
	r.parent, r.strangers = map[string]string{}, map[string]bool{}
	r.p = calendar.Google
	if r.seed%2 == 1 {
		r.p = calendar.Microsoft
	}
	var err error
	for range 20 { // the services are in a bad mood
		var c calendar.Connection
		if c, r.cal, err = r.tryConnect(ctx, r.p, fmt.Sprintf("%d-%d@example.com", r.seed, r.rng.Uint32())); err == nil {
			r.id = c.ID
			break
		}
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_ = r.rooms.Watch(ctx, r.id) // if the service does not let us, polling finds everything
	for range 1 + r.rng.IntN(4) {
		r.add()
	}
	for range 5 + r.rng.IntN(7) {
		if err := r.step(ctx); err != nil {
			return err
		}
	}
	if r.rng.IntN(4) == 0 {
		r.note("a day passes")
		r.clock.add(25 * time.Hour)
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx); err != nil {
		return err
	}
	return r.rooms.Disconnect(ctx, r.team, r.id)
}

// step does one thing, or looks whether anything is to be synced.
func (r *script) step(ctx context.Context) error {
	switch n := r.rng.IntN(20); {
	case n < 10:
		r.edit()
	case n < 13:
		return r.ask(ctx)
	case n < 14:
		r.add()
	case n < 15:
		r.note("the service forgets its history")
		r.cal.Expire()
	default:
		return r.pump(ctx, r.rng.IntN(2) == 0)
	}
	return nil
}

// pump syncs: what a push has made due, or a poll.
func (r *script) pump(ctx context.Context, pushed bool) error {
	if pushed {
		wait, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_ = r.google.Settle(wait) // both simulators push in the background
		_ = r.graph.Settle(wait)
		r.clock.add(2 * time.Second)
	} else {
		r.clock.add(20 * time.Minute)
	}
	r.syncs++
	err := r.rooms.Sync(ctx, r.id, "script")
	c, _ := r.rooms.Get(ctx, r.team, r.id)
	if c.Sync.Generation == r.generation {
		return err // nothing was due
	}
	r.generation = c.Sync.Generation
	r.roomed, r.away = map[string]bool{}, map[string]bool{}
	if c.SyncStatus == calendar.SyncSuccess {
		r.read = r.cal.IDs()
	}
	r.note("sync (pushed %v): generation %d, %s %s", pushed, c.Sync.Generation, c.SyncStatus, c.SyncError)
	return err
}

// settle syncs until the calendar is at rest.
func (r *script) settle(ctx context.Context) error {
	for range 40 {
		if err := r.pump(ctx, false); err != nil {
			return err
		}
		c, err := r.rooms.Get(ctx, r.team, r.id)
		if err != nil {
			return err
		}
		// Faults go on: a sync that succeeded has seen everything, because nobody
		// edits any more.
		if c.SyncStatus == calendar.SyncSuccess && c.Sync.Failures == 0 && !c.Sync.FullWanted && c.Status == calendar.Active {
			return nil
		}
		if c.Sync.At == nil && c.Status != calendar.Dead {
			return fmt.Errorf("the connection is %s, and will never be tried again: %s", c.Status, c.StatusMessage)
		}
		if c.Status == calendar.Dead {
			// The service replaced the refresh token and its answer was lost: nobody
			// but the user can help.
			token, _ := r.graph.Grants.Issue(r.cal.Owner.Email, microsoft.ClientID, []string{"Calendars.ReadWrite", "User.Read", "offline_access"})
			_, err := r.rooms.Reconnect(ctx, r.team, r.id, calendar.CredentialsChange{RefreshToken: &token})
			r.note("connect again: %v", err)
		}
	}
	c, _ := r.rooms.Get(ctx, r.team, r.id)
	return fmt.Errorf("no sync succeeds: %s", c.SyncError)
}

func (r *script) add() {
	r.count++
	n := r.count*1000000 + int(r.seed%1000000)
	day := 1 + r.rng.IntN(12)
	start := r.clock.Now().Truncate(time.Hour).Add(time.Duration(day*24+r.rng.IntN(8)) * time.Hour)
	e := truth.Event{Content: truth.Content{
		Title: fmt.Sprintf("Meeting %d", r.count), Start: start, End: start.Add(time.Hour), Zone: pick(r.rng, "Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC"),
		Location: fmt.Sprintf("https://us02web.zoom.us/j/9%010d?pwd=abc", n),
	}}
	if r.rng.IntN(10) == 0 {
		e.Location = "Room 1" // nothing a bot could join
	}
	if r.rng.IntN(8) == 0 {
		e.AllDay, e.Start = true, start.Truncate(24*time.Hour)
		e.End = e.Start.AddDate(0, 0, 1)
	}
	if r.rng.IntN(3) > 0 {
		e.Rule = &truth.Rule{Freq: truth.Daily, Interval: 1 + r.rng.IntN(3)}
		if r.rng.IntN(2) == 0 {
			e.Rule = &truth.Rule{Freq: truth.Weekly, Days: []time.Weekday{e.Start.Weekday()}}
		}
		if r.rng.IntN(3) == 0 {
			e.Rule.Count = 5
		}
	}
	if r.rng.IntN(4) == 0 {
		e.Attendees = []truth.Attendee{{Person: r.cal.Owner, Response: truth.NeedsAction}}
		e.Organizer = truth.Person{Email: "boss@example.com", Name: "Boss"}
	}
	id, err := r.cal.Add(e)
	r.note("add %s %s %v all-day %v rule %+v: %v", id, e.Title, e.Start, e.AllDay, e.Rule, err)
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// edit does what people do to their calendars.
func (r *script) edit() {
	ids := r.cal.IDs()
	if len(ids) == 0 {
		return
	}
	id := pick(r.rng, ids...)
	now := r.clock.Now()
	slots := r.cal.Slots(id, now.Add(20*time.Hour), now.AddDate(0, 0, 28))
	if len(slots) > 0 && r.rng.IntN(3) > 0 {
		r.editSlot(id, pick(r.rng, slots...))
		return
	}
	invited := false // who invites does not answer
	r.cal.Get(id, func(it *truth.Item) { invited = it.Content.Organizer.Email != r.cal.Owner.Email })
	shift := time.Duration(r.rng.IntN(5)-1) * time.Hour
	var err error
	what := ""
	switch r.rng.IntN(9) {
	case 0, 1:
		what, err = "shift by "+shift.String(), r.cal.Edit(id, func(x *truth.Content) {
			if !x.AllDay {
				x.Start, x.End = x.Start.Add(shift), x.End.Add(shift)
			}
		})
	case 2:
		what, err = "rename", r.cal.Edit(id, func(x *truth.Content) { x.Title += "!" })
	case 3, 4:
		if !invited {
			return
		}
		answer := pick(r.rng, truth.Declined, truth.Declined, truth.Accepted)
		what, err = string(answer), r.cal.Respond(id, answer)
	case 5:
		zone := pick(r.rng, "Europe/London", "Asia/Kolkata", "America/New_York")
		what, err = "change the zone to "+zone, r.cal.Rezone(id, zone)
	case 6:
		if r.cut[id] && r.roomed[id] {
			return
		}
		what, err = "delete", r.cal.Delete(id)
	case 7:
		what, err = "touch", r.cal.Touch(id)
	case 8:
		if r.cut[id] || r.away[id] {
			return
		}
		r.roomed[id] = true
		n := 7000000000 + r.rng.IntN(1000000000)
		what, err = "move to another room", r.cal.Edit(id, func(x *truth.Content) { x.Location = fmt.Sprintf("https://us02web.zoom.us/j/%d", n) })
	}
	r.note("%s %s: %v", what, id, err)
}

func (r *script) editSlot(id string, o truth.Occurrence) {
	var err error
	what := ""
	switch r.rng.IntN(7) {
	case 0:
		hours := pick(r.rng, 1, -1, 2, 26, 24*40, -24*60)
		if far := hours > 26 || hours < -26; far && r.roomed[id] {
			return
		} else if far {
			r.away[id] = true
		}
		what, err = fmt.Sprintf("move by %d h", hours), r.cal.EditSlot(id, o.Slot, func(x *truth.Content) {
			by := time.Duration(hours) * time.Hour
			if x.AllDay {
				by = by.Truncate(24 * time.Hour)
			}
			x.Start, x.End = o.Start.Add(by), o.End.Add(by)
		})
	case 1:
		what, err = "cancel", r.cal.CancelSlot(id, o.Slot)
	case 2, 3:
		if o.Content.Organizer.Email == r.cal.Owner.Email {
			return
		}
		answer := pick(r.rng, truth.Declined, truth.Declined, truth.Accepted)
		what, err = string(answer), r.cal.RespondSlot(id, o.Slot, answer)
	case 4:
		what, err = "rename", r.cal.EditSlot(id, o.Slot, func(x *truth.Content) { x.Title += "?" })
	case 5:
		n := 8000000000 + r.rng.IntN(1000000000)
		what, err = "move to another room", r.cal.EditSlot(id, o.Slot, func(x *truth.Content) { x.Location = fmt.Sprintf("https://us02web.zoom.us/j/%d", n) })
	case 6:
		nowhere := false
		r.cal.Get(id, func(it *truth.Item) { nowhere = it.Content.Location == "Room 1" })
		if nowhere {
			return // by nothing could one tell that the halves belong together
		}
		var half string
		later := r.rng.IntN(2) == 0
		half, err = r.cal.Split(id, o.Slot, func(x *truth.Content) {
			if later && !x.AllDay {
				x.Start, x.End = x.Start.Add(time.Hour), x.End.Add(time.Hour)
			}
		})
		r.cut[id], r.cut[half] = true, true
		r.parent[half], r.strangers[r.serviceID(half)] = id, r.strangers[r.serviceID(id)]
		what = "cut in two, from here on " + half + ","
	}
	r.note("%s %s slot %s: %v", what, id, o.Slot, err)
}

// number is what the titles of a series and of its halves have in common.
func number(title string) string { return strings.TrimRight(title, "!?") }

// ask has a user schedule or withdraw bots through what the program shows.
func (r *script) ask(ctx context.Context) error {
	page, err := r.rooms.Events(ctx, r.team, r.id, calendar.EventQuery{StartFrom: r.clock.Now().Add(time.Hour)}, 100, "")
	if err != nil || len(page.Items) == 0 {
		return err
	}
	e := pick(r.rng, page.Items...)
	if e.Recurring && r.rng.IntN(2) == 0 {
		return r.askSeries(ctx, number(e.Title))
	}
	to := calendar.Target{EventID: e.ID}
	if e.BotScheduled {
		out, err := r.rooms.WithdrawBots(ctx, r.team, r.id, to)
		r.note("withdraw the bot of %s %s %v: %v %v", e.ID, e.Title, e.When.Start, out, err)
		if err != nil {
			return err
		}
		r.single[e.ID] = false
		return nil
	}
	out, err := r.rooms.ScheduleBots(ctx, r.team, r.id, to, settings)
	r.note("schedule a bot for %s %s %v: %v %v", e.ID, e.Title, e.When.Start, out, err)
	if err == nil && out[0].Code == "" {
		r.single[e.ID] = true
	}
	return err
}

func (r *script) askSeries(ctx context.Context, number_ string) error {
	found, err := r.seriesOf(ctx, number_)
	if err != nil {
		return err
	}
	on := !r.series[number_]
	for _, s := range found {
		to := calendar.Target{SeriesID: s.ID, All: true}
		var out []calendar.Outcome
		if on {
			out, err = r.rooms.ScheduleBots(ctx, r.team, r.id, to, settings)
		} else {
			out, err = r.rooms.WithdrawBots(ctx, r.team, r.id, to)
		}
		r.note("series %s %s on %v: %v %v", number_, s.ID, on, out, err)
		if err != nil && (on || !r.strangers[s.ProviderID] || !fail.Is(err, fail.NotFound)) {
			return err
		}
		for _, e := range s.Events {
			if !on || !r.single[e.ID] {
				delete(r.single, e.ID) // switched off is taken back in
			}
		}
	}
	r.series[number_] = on
	if on {
		r.meet(number_, found)
	}
	return nil
}

// meet notes who is a stranger now that the series shown have a rule.
func (r *script) meet(number_ string, shown []calendar.SeriesEvents) {
	isShown := func(id string) bool {
		return slices.ContainsFunc(shown, func(s calendar.SeriesEvents) bool { return s.ProviderID == r.serviceID(id) })
	}
	for _, id := range r.cal.IDs() {
		r.cal.Get(id, func(it *truth.Item) {
			if number(it.Content.Title) != number_ {
				return
			}
			of := id
			for of != "" && !isShown(of) && !slices.Contains(r.read, of) {
				of = r.parent[of]
			}
			r.strangers[r.serviceID(id)] = !isShown(of)
		})
	}
}

// serviceID is what the service calls an item.
func (r *script) serviceID(item string) string {
	if r.p == calendar.Microsoft {
		return microsoft.ImmutableID(item, "")
	}
	return item
}

// seriesOf returns the stored series whose events have that number.
func (r *script) seriesOf(ctx context.Context, number_ string) (found []calendar.SeriesEvents, err error) {
	page, err := r.rooms.Series(ctx, r.team, r.id, calendar.SeriesQuery{Types: []string{"recurring"}, Cancelled: true}, 100, "")
	for _, s := range page.Items {
		if slices.ContainsFunc(s.Events, func(e calendar.Event) bool { return number(e.Title) == number_ }) {
			found = append(found, s)
		}
	}
	return found, err
}
