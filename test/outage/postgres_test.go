package outage

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"steno/demo"
	"steno/internal/account"
	"steno/internal/store/storetest"
)

// outage is one time without PostgreSQL, and how long after it what was back.
type outage struct {
	kind    string
	away    time.Duration
	refused int
	after   map[string]time.Duration
}

// back lists what must come back.
var back = []string{"accepts", "delivers", "schedules", "works jobs", "has a leader"}

// Proves D2 on PostgreSQL: the database is killed with SIGKILL, and stands still,
// while clients call all doors. Nothing acknowledged is lost, all answers
// meanwhile are 503 (never 401 or 500), and the same process goes on by itself
// when the database is back. The short form kills it three times and stops it for
// two seconds; the long one kills it ten times, is without it for up to 25
// seconds, and stops it for 20.
func TestStormD2Postgres(t *testing.T) {
	beside(t)
	c, databaseURL := storetest.NewCluster(t)
	admin, _ := account.NewAdminKey()
	s, err := demo.NewStage(t.Context(), demo.StageOptions{
		Binary: program, Data: t.TempDir(), Args: []string{"--roles", "api,worker", "--join-lead", "3m"},
		Env: []string{"STENO_DATABASE_URL=" + databaseURL, "STENO_ALLOW_PRIVATE_TARGETS=127.0.0.0/8", "STENO_ADMIN_KEY=" + admin},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHooks(t)
	for _, command := range [][]string{
		{"limits", "set", "--requests-per-second", "none", "--bots-per-day", "none"}, {"webhook", "add", h.URL},
	} {
		if _, err := s.Command(t.Context(), command...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log ends so:\n%s", s.Log())
		}
	})
	pid := s.PID()
	d := &drill{t: t, cluster: c, databaseURL: databaseURL, hooks: h, traffic: newTraffic(t, newCaller(s.Base, s.Key, admin))}
	d.traffic.run(8, 100*time.Millisecond, false)
	d.recovered(nil) // all of it works before
	for n, kind := range d.plan() {
		d.outage(n, kind)
	}
	d.traffic.end()
	d.judge()
	if s.PID() != pid {
		t.Errorf("the server was started again")
	}
}

// drill takes the database away again and again.
type drill struct {
	t           *testing.T
	cluster     *storetest.Cluster
	databaseURL string
	hooks       *hooks
	traffic     *traffic
	outages     []outage
}

// plan says for how long the database is away each time; below zero: it stands
// still.
func (d *drill) plan() []time.Duration {
	if !storm() {
		return []time.Duration{200 * time.Millisecond, time.Second, -2 * time.Second, 2 * time.Second}
	}
	plan := []time.Duration{-20 * time.Second}
	for n := range 10 {
		plan = append(plan, time.Duration(n*n)*250*time.Millisecond+200*time.Millisecond) // up to 20 s
	}
	return append(plan, -20*time.Second, -3*time.Second)
}

func (d *drill) outage(n int, away time.Duration) {
	_, before := d.traffic.counts()
	o := outage{kind: "killed", away: away, after: map[string]time.Duration{}}
	if away < 0 {
		o.kind, o.away = "stopped", -away
		d.cluster.Freeze()
		time.Sleep(o.away) // this is how long it stands still
		d.cluster.Thaw()
	} else {
		d.cluster.Kill(d.t)
		d.allDoorsRefuse()
		time.Sleep(o.away) // this is how long it is away
		d.cluster.Start(d.t)
	}
	d.recovered(o.after)
	_, o.refused = d.traffic.counts()
	o.refused -= before
	d.outages = append(d.outages, o)
	d.t.Logf("outage %d: %s", n+1, o)
}

// allDoorsRefuse asks every door that needs the database until it has refused
// once. A key that was seen a moment ago is still known.
func (d *drill) allDoorsRefuse() {
	d.t.Helper()
	f := d.traffic
	eventually(d.t, "503 at all doors", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, door := range []string{"bots", "scheduled", "list", "admin", "push", "unknown key"} {
			if f.refused[door] == 0 {
				return false
			}
		}
		return true
	})
}

func (o outage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-7s %5.1f s, %4d answers of 503;", o.kind, o.away.Seconds(), o.refused)
	for _, what := range back {
		fmt.Fprintf(&b, " %s after %.2f s;", what, o.after[what].Seconds())
	}
	return b.String()
}

// recovered waits until everything works, and notes how long that took.
func (d *drill) recovered(after map[string]time.Duration) {
	d.t.Helper()
	begin := time.Now()
	var mu sync.Mutex
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		if after != nil {
			after[what] = time.Since(begin)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		id := d.insist("/v2/bots", map[string]any{"bot_name": "N", "meeting_url": meeting()})
		note(back[0])
		eventually(d.t, "a webhook", func() bool { return d.hooks.has(id, queuedEvent) == 1 })
		note(back[1])
		d.deleteData(id)
		note(back[3])
	})
	wg.Go(func() {
		id := d.insist("/v2/bots/scheduled", map[string]any{"bot_name": "N", "meeting_url": meeting(), "join_at": time.Now().Add(90 * time.Second).UTC().Format(time.RFC3339)})
		eventually(d.t, "a scheduled bot", func() bool { return d.hooks.has(id, queuedEvent) == 1 })
		note(back[2])
	})
	wg.Go(func() {
		eventually(d.t, "a leader of the queue", func() bool {
			var leads bool
			err := d.query(&leads, "SELECT EXISTS (SELECT 1 FROM river_leader WHERE expires_at > now())")
			return err == nil && leads
		})
		note(back[4])
	})
	wg.Wait()
}

// insist makes a bot, trying again until it is acknowledged.
func (d *drill) insist(path string, body any) (id string) {
	eventually(d.t, "an acknowledgement", func() bool {
		status, _, text, err := d.traffic.call(http.MethodPost, path, body)
		id = idOf(text)
		return err == nil && status == http.StatusCreated
	})
	d.traffic.mu.Lock()
	defer d.traffic.mu.Unlock()
	d.traffic.acked = append(d.traffic.acked, id)
	return id
}

// deleteData has a job run: the bot leaves before it was ever launched, and its
// data are deleted.
func (d *drill) deleteData(id string) {
	for _, step := range [][2]string{{http.MethodPost, "/v2/bots/" + id + "/leave"}, {http.MethodDelete, "/v2/bots/" + id + "/delete-data"}} {
		eventually(d.t, step[1], func() bool {
			status, _, _, err := d.traffic.call(step[0], step[1], nil)
			return err == nil && status < 500
		})
	}
	eventually(d.t, "the job", func() bool {
		var done bool
		err := d.query(&done, "SELECT EXISTS (SELECT 1 FROM river_job WHERE kind = 'delete_data' AND state = 'completed' AND args->>'bot_id' = $1)", id)
		return err == nil && done
	})
}

// query asks the database itself.
func (d *drill) query(into any, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.databaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.QueryRow(ctx, query, args...).Scan(into)
}

// judge compares what was acknowledged with the database and the receiver.
func (d *drill) judge() {
	f := d.traffic
	eventually(d.t, "all webhooks", func() bool {
		for _, id := range f.acked {
			if d.hooks.has(id, queuedEvent) == 0 {
				return false
			}
		}
		return true
	})
	lost := 0
	for _, id := range f.acked {
		if d.hooks.has(id, queuedEvent) != 1 {
			d.t.Errorf("bot %s: %d messages say that it is queued", id, d.hooks.has(id, queuedEvent))
		}
	}
	if err := d.query(&lost, "SELECT COUNT(*) FROM unnest($1::text[]) AS acked(one) WHERE NOT EXISTS (SELECT 1 FROM bots WHERE id = one)", f.acked); err != nil || lost > 0 {
		d.t.Errorf("%d acknowledged bots are not in the database (%v)", lost, err)
	}
	for what, n := range f.wrong {
		d.t.Errorf("%d times %s", n, what)
	}
	messages, repeats := d.hooks.counts()
	acked, refused := f.counts()
	d.t.Logf("%d outages, %d acknowledged, %d lost, %d refused with 503 %v, the longest request took %.1f s; %d messages arrived, %d repeated",
		len(d.outages), acked, lost, refused, f.refused, f.longest.Seconds(), messages, repeats)
	for what, worst := range d.worst() {
		d.t.Logf("%s again at most %.2f s after the database is back", what, worst.Seconds())
	}
}

func (d *drill) worst() map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, o := range d.outages {
		for what, after := range o.after {
			out[what] = max(out[what], after)
		}
	}
	return out
}
