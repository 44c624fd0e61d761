package outage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/ident"
)

// hooks is a receiver that remembers which messages came.
type hooks struct {
	*httptest.Server
	mu   sync.Mutex
	ids  map[string]int                            // message → deliveries
	bots map[string]map[string]map[string]struct{} // bot → event → messages
}

func newHooks(t testing.TB) *hooks {
	h := &hooks{ids: map[string]int{}, bots: map[string]map[string]map[string]struct{}{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Event string `json:"event"`
			Data  struct {
				BotID  string          `json:"bot_id"`
				Status json.RawMessage `json:"status"`
			} `json:"data"`
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &m) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		var status struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal(m.Data.Status, &status) // that of an event of a calendar is a text
		id, event := r.Header.Get("webhook-id"), strings.TrimSuffix(m.Event+" "+status.Code, " ")
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ids[id]++
		if h.bots[m.Data.BotID] == nil {
			h.bots[m.Data.BotID] = map[string]map[string]struct{}{}
		}
		if h.bots[m.Data.BotID][event] == nil {
			h.bots[m.Data.BotID][event] = map[string]struct{}{}
		}
		h.bots[m.Data.BotID][event][id] = struct{}{}
	}))
	t.Cleanup(h.Close)
	return h
}

// has returns how many messages of an event of a bot came.
func (h *hooks) has(bot, event string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.bots[bot][event])
}

func (h *hooks) counts() (messages, repeats int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.ids {
		repeats += n - 1
	}
	return len(h.ids), repeats
}

const queuedEvent = "bot.status_change queued"

// caller calls a server as its clients do.
type caller struct {
	base, key, admin string
	client           *http.Client
}

// slowest bounds a request to a server whose database hangs.
const slowest = 28 * time.Second

func newCaller(base, key, admin string) *caller {
	return &caller{base: base, key: key, admin: admin, client: &http.Client{
		Timeout: slowest, Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
}

// call returns the answer; an error is one of the network.
func (c *caller) call(method, path string, body any, header ...string) (status int, head http.Header, text []byte, err error) {
	data, err := json.Marshal(body)
	if err != nil {
		return 0, nil, nil, err
	}
	req, err := http.NewRequest(method, c.base+path, bytes.NewReader(data)) //nolint:noctx // the client has a timeout
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("X-Meeting-Baas-Api-Key", c.key)
	req.Header.Set("Content-Type", "application/json")
	if c.admin != "" {
		req.Header.Set("Authorization", "Bearer "+c.admin)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, text, err
}

var meetings atomic.Int64

// meeting returns the URL of a meeting that nobody else has.
func meeting() string {
	return fmt.Sprintf("https://us02web.zoom.us/j/%d", 85900000000+meetings.Add(1))
}

func idOf(text []byte) string {
	var made struct {
		Data struct {
			BotID string `json:"bot_id"`
		} `json:"data"`
	}
	_ = json.Unmarshal(text, &made) // "" then
	return made.Data.BotID
}

// unavailable returns what is wrong with a 503: it has the six keys, and says
// when to come again in its head and body.
func unavailable(head http.Header, text []byte) error {
	var p map[string]any
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("a 503 whose body is not JSON: %.200s", text)
	}
	for _, key := range []string{"success", "error", "code", "statusCode", "message", "details", "retryAfter"} {
		if _, ok := p[key]; !ok {
			return fmt.Errorf("a 503 without %s: %s", key, text)
		}
	}
	if head.Get("Retry-After") == "" || p["success"] != false || p["statusCode"] != 503.0 || len(p) != 7 {
		return fmt.Errorf("a 503 with Retry-After %q: %s", head.Get("Retry-After"), text)
	}
	return nil
}

// traffic keeps calling all doors of a server and remembers what was
// acknowledged.
type traffic struct {
	*caller
	t    testing.TB
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	acked   []string
	refused map[string]int // door → 503s
	wrong   map[string]int // door and answer that must not be
	longest time.Duration
	down    bool // requests may find nobody: the server itself is killed
}

func newTraffic(t testing.TB, c *caller) *traffic {
	return &traffic{caller: c, t: t, stop: make(chan struct{}), refused: map[string]int{}, wrong: map[string]int{}}
}

// run starts clients, each of which pauses between its requests.
func (f *traffic) run(clients int, pause time.Duration, serverDies bool) {
	f.down = serverDies
	for n := range clients {
		f.wg.Go(func() {
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for i := n; ; i++ {
				select {
				case <-f.stop:
					return
				case <-tick.C:
					f.request(i)
				}
			}
		})
	}
}

func (f *traffic) end() {
	close(f.stop)
	f.wg.Wait()
}

// request goes to one door after the other, to that which makes bots most often.
func (f *traffic) request(i int) {
	switch i % 8 {
	case 0:
		f.ask("scheduled", http.StatusCreated, http.MethodPost, "/v2/bots/scheduled",
			map[string]any{"bot_name": "N", "meeting_url": meeting(), "join_at": time.Now().Add(90 * time.Second).UTC().Format(time.RFC3339)})
	case 1:
		f.ask("list", http.StatusOK, http.MethodGet, "/v2/bots", nil)
	case 2:
		if f.admin != "" {
			f.ask("admin", http.StatusOK, http.MethodGet, "/admin/v1/teams", nil)
		}
	case 3:
		f.ask("push", http.StatusNotFound, http.MethodPost, "/push/google", nil, "X-Goog-Channel-ID", ident.New(), "X-Goog-Channel-Token", "t")
	case 4:
		f.ask("unknown key", http.StatusUnauthorized, http.MethodGet, "/v2/bots", nil, "X-Meeting-Baas-Api-Key", "stn_"+strings.Repeat("0", 43))
	case 5:
		f.ask("artifacts", http.StatusForbidden, http.MethodGet, "/artifacts/a/b", nil)
	default:
		f.ask("bots", http.StatusCreated, http.MethodPost, "/v2/bots", map[string]any{"bot_name": "N", "meeting_url": meeting()})
	}
}

func (f *traffic) ask(door string, good int, method, path string, body any, header ...string) {
	begin := time.Now()
	status, head, text, err := f.call(method, path, body, header...)
	took := time.Since(begin)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.longest = max(f.longest, took)
	switch {
	case err != nil && f.down:
	case err != nil:
		f.wrong[door+": "+err.Error()]++
	case status == http.StatusServiceUnavailable:
		f.refused[door]++
		if err := unavailable(head, text); err != nil {
			f.wrong[door+": "+err.Error()]++
		}
	case status != good:
		f.wrong[fmt.Sprintf("%s: %d %.200s", door, status, text)]++
	case status == http.StatusCreated:
		f.acked = append(f.acked, idOf(text))
	}
}

func (f *traffic) counts() (acked, refused int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.refused {
		refused += n
	}
	return len(f.acked), refused
}

// eventually waits until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
