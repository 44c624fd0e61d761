package outage

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/app"
	"steno/internal/config"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
	"steno/simulator/google"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// Proves J3: statements of the database fail, with a timeout, because it is busy,
// or after they were executed, under everything that the server does. Clients
// come again after a 503. In the end there is one bot for each wish, it has ended
// once, each of its webhooks has one id, the ledger adds up, and the calendar is
// what the service has. The short form takes two seeds on each database, the long
// one twenty.
func TestStormJ3(t *testing.T) {
	beside(t)
	seeds := 2
	if storm() {
		seeds = 20
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("sqlite %d", seed), func(t *testing.T) {
			d := newDice(seed)
			name, err := newFaultyDriver(d)
			if err != nil {
				t.Fatal(err)
			}
			storyOf(t, d, config.Storage{Driver: name}, "")
		})
		t.Run(fmt.Sprintf("postgres %d", seed), func(t *testing.T) {
			d, direct := newDice(seed), storetest.PostgresURL(t)
			storyOf(t, d, config.Storage{DatabaseURL: newProxy(t, direct, d)}, direct)
		})
	}
}

const (
	wishes    = 10 // bots at once
	scheduled = 3
	edits     = 6 // of the calendar
	second    = time.Second
)

// house is a server in this process, whose bots are played.
type house struct {
	*caller
	t     *testing.T
	db    *store.DB // beside the server, without faults
	house *app.House
	team  account.Team
	hooks *hooks
	tries int
	mu    sync.Mutex
}

func storyOf(t *testing.T, d *dice, storage config.Storage, direct string) {
	begin := time.Now()
	g, err := google.Start(google.Options{Options: service.Options{Polite: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	h := openHouse(t, storage, direct, g)
	d.set(true)
	var wg sync.WaitGroup
	for n := range wishes {
		wg.Go(func() { h.wish(n) })
	}
	for n := range scheduled {
		wg.Go(func() { h.schedule(n) })
	}
	wg.Go(func() { h.calendar(g) })
	wg.Wait()
	asked := time.Since(begin)
	h.ended()
	d.set(false)
	h.judge()
	t.Logf("%s; %d tries for %d wishes; asked after %.1f s, done after %.1f s", d, h.tries, wishes+scheduled, asked.Seconds(), time.Since(begin).Seconds())
}

func openHouse(t *testing.T, storage config.Storage, direct string, g *google.Server) *house {
	t.Helper()
	storage.Data = t.TempDir()
	log := slog.New(slog.DiscardHandler) // it is full of the faults
	h := &house{t: t, hooks: newHooks(t)}
	var err error
	if h.house, err = app.Open(t.Context(), config.Storage{Data: storage.Data, DatabaseURL: direct}, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.house.Close() })
	h.db = h.house.DB
	t.Cleanup(h.confess)
	key := h.furnish()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // the server takes it
	o := config.Serve{
		Storage: storage, Listen: address, PublicURL: "http://" + address, Roles: []string{"api", "worker", "bots"}, MaxBots: 100,
		Targets: config.Targets{AllowPrivateTargets: []string{"127.0.0.0/8"}}, JoinLead: 3 * time.Minute,
		Calendars: config.Calendars{CalendarDays: 30, CalendarPoll: 2 * second, MaxCalendars: 10,
			Providers: config.Providers{GoogleAPIURL: g.APIURL(), GoogleTokenURL: g.TokenURL()}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Serve(ctx, o, "test", log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server: %v", err)
		}
	})
	h.caller = newCaller("http://"+address, key, "")
	eventually(t, "the server", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v", err)
		default:
		}
		status, _, _, err := h.call(http.MethodGet, "/health", nil)
		return err == nil && status == http.StatusOK
	})
	return h
}

// confess prints what the database says when a test has failed.
func (h *house) confess() {
	if !h.t.Failed() {
		return
	}
	texts := func(query string) {
		err := h.db.Read(context.Background(), func(q store.Querier) error {
			rows, err := q.Query(context.Background(), query)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var text string
				if err := rows.Scan(&text); err != nil {
					return err
				}
				h.t.Log(text)
			}
			return rows.Err()
		})
		if err != nil {
			h.t.Log(err)
		}
	}
	texts("SELECT 'bot ' || id || ' ' || status || ' at ' || journal_seq || ' ' || end_code || ' ' || end_message FROM bots WHERE status <> 'completed'")
	texts("SELECT 'job ' || id || ' ' || kind || ' ' || state || ' attempt ' || attempt || ' ' || COALESCE(errors[array_upper(errors, 1)]::text, '') FROM river_job WHERE state <> 'completed'")
	texts("SELECT 'delivery ' || id || ' ' || attempt || ' by ' || lease_by || ' in ' || (next_at - (extract(epoch FROM now()) * 1000)::bigint) FROM webhook_deliveries WHERE state = 'pending'")
	texts("SELECT 'calendar ' || status || ' sync_at ' || COALESCE(sync_at, 0) || ' by ' || sync_by || ' queued ' || COALESCE(sync_queued_at, 0) || ' now ' || (extract(epoch FROM now()) * 1000)::bigint FROM calendars")
}

// furnish makes a team that has tokens and no other limit, its key and endpoint.
func (h *house) furnish() (key string) {
	ctx, none := h.t.Context(), quota.NoLimit
	var err error
	if h.team, err = h.house.Accounts.CreateTeam(ctx, "test"); err != nil {
		h.t.Fatal(err)
	}
	if _, err = h.house.Quota.SetLimits(ctx, h.team.ID, quota.Change{RequestsPerSecond: &none, BotsPerDay: &none}); err != nil {
		h.t.Fatal(err)
	}
	if _, err = h.house.Quota.Give(ctx, h.team.ID, 1000*quota.Token, "test"); err != nil {
		h.t.Fatal(err)
	}
	if key, _, err = h.house.Accounts.CreateKey(ctx, account.NewKey{TeamID: h.team.ID, Name: "k", Permission: account.Full}); err != nil {
		h.t.Fatal(err)
	}
	endpoints := h.house.Endpoints(func(string) error { return nil })
	if _, _, err = endpoints.Add(ctx, webhook.New{TeamID: h.team.ID, Name: "test", URL: h.hooks.URL}); err != nil {
		h.t.Fatal(err)
	}
	return key
}

// insist asks until the answer is none of those that say "come again".
func (h *house) insist(method, path string, body any, before func() (done bool)) (status int, text []byte) {
	eventually(h.t, method+" "+path, func() bool {
		if before != nil && before() {
			return true
		}
		var head http.Header
		var err error
		status, head, text, err = h.call(method, path, body)
		h.mu.Lock()
		h.tries++
		h.mu.Unlock()
		if err != nil || status == http.StatusInternalServerError || status == http.StatusUnauthorized {
			h.t.Errorf("%s %s: %d %.200s (%v)", method, path, status, text, err)
		}
		if status == http.StatusServiceUnavailable {
			if err := unavailable(head, text); err != nil {
				h.t.Error(err)
			}
			return false
		}
		return err == nil
	})
	return status, text
}

// wish wants one bot for a meeting. That it is there already is as good.
func (h *house) wish(n int) {
	url := fmt.Sprintf("https://us02web.zoom.us/j/%d", 81000000000+n)
	status, text := h.insist(http.MethodPost, "/v2/bots", map[string]any{"bot_name": "N", "meeting_url": url, "allow_multiple_bots": false}, nil)
	if status != http.StatusCreated && status != http.StatusConflict {
		h.t.Errorf("wish: %d %s", status, text)
	}
}

// schedule wants one bot at a time. Before it asks again, it looks whether the
// last try was not in vain.
func (h *house) schedule(n int) {
	name, first := fmt.Sprintf("S%d", n), true
	body := map[string]any{"bot_name": name, "meeting_url": fmt.Sprintf("https://us02web.zoom.us/j/%d", 82000000000+n), "join_at": time.Now().Add(2 * time.Minute).UTC().Format(time.RFC3339)}
	h.insist(http.MethodPost, "/v2/bots/scheduled", body, func() bool {
		if first {
			first = false
			return false
		}
		_, text := h.insist(http.MethodGet, "/v2/bots/scheduled?bot_name="+name, nil, nil)
		var list struct{ Data []json.RawMessage }
		return json.Unmarshal(text, &list) == nil && len(list.Data) > 0
	})
}

// calendar connects a calendar, edits it at the service, and waits until the
// events are the same.
func (h *house) calendar(g *google.Server) {
	a, err := g.AddAccount("ada@example.com", "Ada", "Europe/Berlin")
	if err != nil {
		h.t.Error(err)
		return
	}
	cal := a.Primary()
	begin := time.Now().UTC().Truncate(time.Hour).Add(30 * time.Hour)
	var ids []string
	add := func(n int) {
		id, err := cal.Add(truth.Event{Content: truth.Content{Title: fmt.Sprintf("Event %d", n), Start: begin, End: begin.Add(time.Hour), Zone: "UTC"}})
		if err != nil {
			h.t.Error(err)
		}
		ids = append(ids, id)
	}
	add(0)
	status, text := h.insist(http.MethodPost, "/v2/calendars", map[string]any{
		"calendar_platform": "google", "oauth_client_id": a.ClientID, "oauth_client_secret": a.ClientSecret, "oauth_refresh_token": a.RefreshToken, "raw_calendar_id": "primary",
	}, nil)
	if status != http.StatusCreated && status != http.StatusConflict {
		h.t.Errorf("connect: %d %s", status, text)
		return
	}
	var list struct {
		Data []struct {
			ID string `json:"calendar_id"`
		}
	}
	if _, text = h.insist(http.MethodGet, "/v2/calendars", nil, nil); json.Unmarshal(text, &list) != nil || len(list.Data) != 1 {
		h.t.Errorf("connected calendars: %s", text)
		return
	}
	for n := 1; n < edits; n++ {
		add(n)
		if err := cal.Edit(ids[n/2], func(c *truth.Content) { c.Title += "!" }); err != nil {
			h.t.Error(err)
		}
		h.insist(http.MethodGet, "/v2/calendars/"+list.Data[0].ID, nil, nil)
	}
	eventually(h.t, "the calendar to be what the service has", func() bool {
		return slices.Equal(h.titles(list.Data[0].ID), titlesOf(cal, begin))
	})
}

func titlesOf(cal *truth.Calendar, begin time.Time) (titles []string) {
	for _, o := range cal.Occurrences(begin.Add(-time.Hour), begin.Add(24*time.Hour)) {
		titles = append(titles, o.Content.Title)
	}
	slices.Sort(titles)
	return titles
}

func (h *house) titles(calendar string) (titles []string) {
	_, text := h.insist(http.MethodGet, "/v2/calendars/"+calendar+"/events", nil, nil)
	var list struct {
		Data []struct {
			Title string `json:"title"`
		}
	}
	_ = json.Unmarshal(text, &list) // nothing then
	for _, e := range list.Data {
		titles = append(titles, e.Title)
	}
	slices.Sort(titles)
	return titles
}

func (h *house) count(query string, args ...any) (n int) {
	err := h.db.Read(h.t.Context(), func(q store.Querier) error { return q.QueryRow(h.t.Context(), query, args...).Scan(&n) })
	if err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// ended waits, with faults, until all bots have ended and all is delivered.
func (h *house) ended() {
	begin := time.Now()
	phase := func(what string) { h.t.Logf("%s after %.1f s", what, time.Since(begin).Seconds()) }
	eventually(h.t, "all bots to have ended", func() bool {
		return h.count("SELECT COUNT(*) FROM bots WHERE status = 'completed'") >= wishes+scheduled
	})
	phase("all bots have ended")
	eventually(h.t, "all webhooks to be delivered", func() bool {
		return h.count("SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'") == 0
	})
	phase("all webhooks are delivered")
	eventually(h.t, "all jobs to have ended", func() bool {
		return h.count("SELECT COUNT(*) FROM river_job WHERE state IN ('available', 'running', 'retryable') AND kind IN ('launch_bot', 'delete_data')") == 0
	})
}

// judge looks at what has come of it, without faults.
func (h *house) judge() {
	for what, query := range map[string]string{
		"wishes with more than one bot":             "SELECT COUNT(*) FROM (SELECT meeting_key FROM bots GROUP BY meeting_key HAVING COUNT(*) > 1) x",
		"bots that have not completed":              "SELECT COUNT(*) FROM bots WHERE status <> 'completed'",
		"jobs that were given up":                   "SELECT COUNT(*) FROM river_job WHERE state IN ('discarded', 'cancelled')",
		"bots without one message of their end":     "SELECT COUNT(*) FROM bots b WHERE (SELECT COUNT(*) FROM webhook_messages m WHERE m.bot_id = b.id AND m.event = 'bot.completed') <> 1",
		"messages without one delivery":             "SELECT COUNT(*) FROM webhook_messages m WHERE (SELECT COUNT(*) FROM webhook_deliveries d WHERE d.message_id = m.id) <> 1",
		"deliveries that did not arrive":            "SELECT COUNT(*) FROM webhook_deliveries WHERE state <> 'delivered'",
		"bots that were not charged once":           "SELECT COUNT(*) FROM bots b WHERE (SELECT COUNT(*) FROM token_ledger l WHERE l.bot_id = b.id AND l.kind = 'charged') <> 1",
		"teams whose ledger does not add up":        "SELECT COUNT(*) FROM quotas q WHERE q.balance <> (SELECT COALESCE(SUM(amount), 0) FROM token_ledger l WHERE l.team_id = q.team_id)",
		"teams with tokens held for bots that went": "SELECT COUNT(*) FROM quotas q WHERE q.reserved <> 0 OR (SELECT COALESCE(SUM(held), 0) FROM token_ledger l WHERE l.team_id = q.team_id) <> 0",
	} {
		if n := h.count(query); n != 0 {
			h.t.Errorf("%d %s", n, what)
		}
	}
	if n := h.count("SELECT COUNT(*) FROM bots"); n != wishes+scheduled {
		h.t.Errorf("%d bots for %d wishes", n, wishes+scheduled)
	}
	h.hooks.mu.Lock()
	defer h.hooks.mu.Unlock()
	for bot, events := range h.hooks.bots {
		for event, ids := range events {
			if bot != "" && len(ids) != 1 {
				h.t.Errorf("bot %s: %d messages of %s", bot, len(ids), event)
			}
		}
	}
	if n := h.count("SELECT COUNT(*) FROM webhook_messages"); n != len(h.hooks.ids) {
		h.t.Errorf("%d messages in the database, %d arrived", n, len(h.hooks.ids))
	}
}
