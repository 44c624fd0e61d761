package v2_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"steno/internal/ident"
	"steno/internal/store/storetest"
	"steno/test/contract"
	"steno/test/hostile"
)

// A4: requests made up from the reference, most of them good in form, and whole
// lives of things (create, read, change, read, delete, read) that are compared
// with a model. No 5xx, no answer that breaks the reference, no difference from
// the model. With STENO_STORM set it makes sixty thousand requests; STENO_SEED has
// it make others.
func TestRequestsMadeUpFromTheReferenceAgreeWithAModel(t *testing.T) {
	hostile.OneByOne(t)
	seed, requests := uint64(20261124), 2000
	if text := os.Getenv("STENO_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv("STENO_STORM") != "" {
		requests = 60_000
	}
	m := &model{
		attack: &attack{world: newWorld(t, storetest.SQLite(t)).hangUp(), t: t, sent: map[int]int{}},
		rnd:    rand.New(rand.NewPCG(seed, 0)), ref: contract.Load(), bots: map[string]*thing{}, credentials: map[string]*thing{}, scheduled: map[string]*thing{}, calendars: map[string]*thing{},
	}
	m.watch.Failed = t.Errorf
	m.operations = m.attack.operations(t)
	for m.count() < requests && !t.Failed() {
		steps := []func(){m.anything, m.anything, m.botLife, m.scheduledLife, m.credentialLife, m.calendarLife, m.readOne}
		steps[m.rnd.IntN(len(steps))]()
	}
	t.Logf("%d requests (seed %d), by status %v; %d bots, %d scheduled bots, %d credentials, %d calendars agree; the slowest took %v: %s",
		m.count(), seed, m.sent, len(m.bots), len(m.scheduled), len(m.credentials), len(m.calendars), m.slowest.Round(time.Millisecond), m.slow)
}

type model struct {
	*attack
	operations                   []operation
	rnd                          *rand.Rand
	ref                          *contract.Reference
	bots, credentials, scheduled map[string]*thing
	calendars                    map[string]*thing
}

// thing is what the API must say of something.
type thing struct {
	name, status string
	extra        map[string]any // nil: null
	gone         bool           // 404
}

func (m *model) count() (n int) {
	for _, c := range m.sent {
		n += c
	}
	return n
}

func (m *model) one(in int) bool { return m.rnd.IntN(in) == 0 }

// value makes up a value of a schema; now and then one of anything.
func (m *model) value(s contract.Schema, depth int) any {
	s = m.ref.Resolve(s)
	if m.one(40) || depth > 6 {
		return pick(m.rnd, []any{nil, true, -1, 1e300, "", "x", "\u0000", []any{}, map[string]any{}, strings.Repeat("z", 600)})
	}
	if c, ok := s["const"]; ok {
		return c
	}
	if enum, ok := s["enum"].([]any); ok {
		return pick(m.rnd, enum)
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		if list := hostile.Each(s[word]); len(list) > 0 {
			return m.value(pick(m.rnd, list), depth+1)
		}
	}
	if list := hostile.Each(s["allOf"]); len(list) > 0 {
		whole := map[string]any{}
		for _, part := range list {
			if object, ok := m.value(part, depth+1).(map[string]any); ok {
				maps.Copy(whole, object)
			}
		}
		return whole
	}
	switch s["type"] {
	case "object":
		return m.object(s, depth)
	case "array":
		list := []any{}
		for range m.rnd.IntN(4) {
			item, _ := s["items"].(map[string]any)
			list = append(list, m.value(item, depth+1))
		}
		return list
	case "string":
		return m.text(s)
	case "integer", "number":
		low, high := bound(s, "minimum", 0), bound(s, "maximum", 1000)
		return pick(m.rnd, []any{low, high, low + (high-low)/2, low - 1, high + 1})
	case "boolean":
		return m.one(2)
	}
	return nil
}

func bound(s contract.Schema, word string, or float64) float64 {
	if f, ok := s[word].(float64); ok && f < 1e9 && f > -1e9 {
		return f
	}
	return or
}

func (m *model) object(s contract.Schema, depth int) any {
	out := map[string]any{}
	required, _ := s["required"].([]any)
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		member, _ := properties[name].(map[string]any)
		if slices.Contains(required, any(name)) && !m.one(60) || m.one(4) {
			out[name] = m.value(member, depth+1)
		}
	}
	if len(properties) == 0 {
		out[pick(m.rnd, []string{"a", "b", "customer", "é"})] = pick(m.rnd, []any{1, "x", nil, true, map[string]any{"deep": []any{1}}})
	}
	return out
}

func (m *model) text(s contract.Schema) string {
	switch s["format"] {
	case "uuid":
		return pick(m.rnd, append(slices.Collect(maps.Values(m.ids)), ident.New(), nobody, "cal_123"))
	case "uri":
		return pick(m.rnd, []string{"https://meet.google.com/abc-defg-hij", "https://zoom.us/j/123", "https://example.com/x", "http://169.254.169.254/", "::"})
	case "date-time":
		return m.now.Add(time.Duration(m.rnd.IntN(200)-50) * time.Hour).Format(pick(m.rnd, []string{"2006-01-02T15:04:05Z", "2006-01-02T15:04Z", "2006-01-02T15:04:05.000Z", "2006-01-02"}))
	}
	low, high := int(bound(s, "minLength", 0)), int(bound(s, "maxLength", 20))
	return strings.Repeat(pick(m.rnd, []string{"a", "é", "<"}), pick(m.rnd, []int{low, high, min(low+3, high), high + 1}))
}

func pick[T any](rnd *rand.Rand, list []T) T { return list[rnd.IntN(len(list))] }

// anything calls any operation with made-up parameters and a made-up body. What
// the model keeps an eye on is left alone.
func (m *model) anything() {
	o := pick(m.rnd, m.operations)
	known := m.ref.Operations[o.id]
	i := maps.Clone(m.ids)
	if m.one(4) {
		i = m.ids.each(ident.New)
	}
	c := o.call(i)
	path, _, _ := strings.Cut(c.path, "?")
	query := url.Values{}
	for _, p := range known.Parameters {
		if p.In == "query" && m.one(3) {
			query.Set(p.Name, fmt.Sprint(m.value(p.Schema, 0)))
		}
	}
	if c.path = path; len(query) > 0 {
		c.path += "?" + query.Encode()
	}
	if known.Body != nil {
		c.body = m.json(m.value(known.Body, 0))
	}
	m.send(o.id, c)
}

func (m *model) json(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// made creates a thing and returns its id.
func (m *model) made(name, path string, body map[string]any, member string) string {
	m.t.Helper()
	r := m.send(name, request{"POST", path, m.json(body)})
	var out struct{ Data map[string]any }
	decode(m.t, r, &out)
	id, _ := out.Data[member].(string)
	if r.status != http.StatusCreated || id == "" {
		m.t.Errorf("%s: %d %s", name, r.status, r.body)
	}
	return id
}

// expect sends a change and compares the status.
func (m *model) expect(name string, c request, status int) {
	m.t.Helper()
	if r := m.send(name, c); r.status != status {
		m.t.Errorf("%s: %s %s %s answers %d, want %d: %s", name, c.method, c.path, c.body, r.status, status, r.body)
	}
}

// same compares what the API says of a thing with what it must say.
func (m *model) same(what, path, nameOf string, want *thing) {
	m.t.Helper()
	r := m.send("read "+what, request{"GET", path, ""})
	if want.gone {
		if r.status != http.StatusNotFound {
			m.t.Errorf("%s is gone, but: %d %s", path, r.status, r.body)
		}
		return
	}
	var out struct{ Data map[string]any }
	decode(m.t, r, &out)
	extra, _ := out.Data["extra"].(map[string]any)
	status, has := out.Data["status"]
	if r.status != http.StatusOK || out.Data[nameOf] != want.name || has && status != want.status || !reflect.DeepEqual(extra, want.extra) {
		m.t.Errorf("%s: %s\nwant %+v", path, r.body, *want)
	}
}

// extras makes up an object as JSON would give it back.
func (m *model) extras() map[string]any {
	out := map[string]any{}
	for range m.rnd.IntN(4) {
		out[pick(m.rnd, []string{"a", "b", "c", "é\"", "d.e"})] = pick(m.rnd, []any{1.5, "x", true, map[string]any{"deep": []any{1.0, nil}}, ""})
	}
	return out
}

func (m *model) botLife() {
	b := &thing{name: fmt.Sprintf("Bot %d", m.rnd.IntN(1000)), status: "queued", extra: m.extras()}
	id := m.made("createBot", "/v2/bots", map[string]any{"bot_name": b.name, "meeting_url": "https://zoom.us/j/77", "extra": b.extra}, "bot_id")
	m.bots[id] = b
	path := "/v2/bots/" + id
	for range m.rnd.IntN(5) {
		switch m.rnd.IntN(4) {
		case 0:
			more := m.extras()
			m.expect("updateBotConfig", request{"PATCH", path + "/update-config", m.json(map[string]any{"extra": more})}, http.StatusOK)
			if b.extra == nil {
				b.extra = map[string]any{}
			}
			maps.Copy(b.extra, more)
		case 1:
			m.expect("updateBotConfig", request{"PATCH", path + "/update-config", `{"extra":null}`}, http.StatusOK)
			b.extra = nil
		case 2:
			want := http.StatusOK
			if b.status == "failed" {
				want = http.StatusConflict
			}
			m.expect("leaveBot", request{"POST", path + "/leave", ""}, want)
			b.status = "failed"
		case 3:
			m.expect("deleteBotData", request{"DELETE", path + "/delete-data", ""}, http.StatusOK)
		}
		m.same("bot", path, "bot_name", b)
	}
}

func (m *model) credentialLife() {
	k := &thing{name: fmt.Sprintf("Keys %d", m.rnd.IntN(1000)), extra: m.extras()}
	id := m.made("createZoomCredential", "/v2/zoom-credentials", map[string]any{"name": k.name, "client_id": "i", "client_secret": "s", "extra": k.extra}, "credential_id")
	m.credentials[id] = k
	path := "/v2/zoom-credentials/" + id
	for range m.rnd.IntN(5) {
		status := http.StatusOK
		if k.gone {
			status = http.StatusNotFound
		}
		if m.one(4) {
			m.expect("deleteZoomCredential", request{"DELETE", path, ""}, status)
			k.gone = true
		} else {
			name, extra := fmt.Sprintf("Other %d", m.rnd.IntN(1000)), m.extras()
			m.expect("updateZoomCredential", request{"PATCH", path, m.json(map[string]any{"name": name, "extra": extra})}, status)
			k.name, k.extra = name, extra
		}
		m.same("credential", path, "name", k)
	}
}

func (m *model) scheduledLife() {
	b := &thing{name: fmt.Sprintf("Later %d", m.rnd.IntN(1000)), status: "scheduled", extra: m.extras()}
	in := time.Duration(2+m.rnd.IntN(8)) * time.Minute // some too near to be changed
	id := m.made("createScheduledBot", "/v2/bots/scheduled", map[string]any{
		"bot_name": b.name, "meeting_url": "https://zoom.us/j/78", "join_at": m.now.Add(in).Format(time.RFC3339), "extra": b.extra,
	}, "bot_id")
	m.scheduled[id] = b
	path := "/v2/bots/scheduled/" + id
	for range m.rnd.IntN(5) {
		status := http.StatusOK
		if in < 4*time.Minute || b.status != "scheduled" {
			status = http.StatusConflict
		}
		if m.one(3) {
			m.expect("deleteScheduledBot", request{"DELETE", path, ""}, status)
			if status == http.StatusOK {
				b.status = "cancelled"
			}
		} else {
			name := fmt.Sprintf("Other %d", m.rnd.IntN(1000))
			m.expect("updateScheduledBot", request{"PATCH", path, m.json(map[string]any{"bot_name": name})}, status)
			if status == http.StatusOK {
				b.name = name
			}
		}
		m.same("scheduled bot", path, "bot_name", b)
	}
}

// calendarLife connects a calendar that may be connected once, reads it in, and has
// bots come to its event and go.
func (m *model) calendarLife() {
	if 400*len(m.calendars) > m.count() {
		return // to read one in takes long, and a team may have 1,000
	}
	raw := fmt.Sprintf("calendar %d", len(m.calendars))
	c := &thing{name: "ada@example.com", status: "active"}
	connect := map[string]any{"calendar_platform": "google", "oauth_client_id": "app", "oauth_client_secret": "s", "oauth_refresh_token": "r", "raw_calendar_id": raw}
	id := m.made("createCalendarConnection", "/v2/calendars", connect, "calendar_id")
	m.calendars[id] = c
	path := "/v2/calendars/" + id
	if err := m.attack.calendars.Sync(m.t.Context(), id, "test"); err != nil {
		m.t.Fatal(err)
	}
	event := titled(m.attack.events(m.t, id), "Review <of> Q1").EventID
	one := m.json(map[string]any{"bot_name": "N", "event_id": event})
	has := false
	for range m.rnd.IntN(8) {
		found := http.StatusOK
		if !has {
			found = http.StatusNotFound
		}
		switch m.rnd.IntN(6) {
		case 0, 1:
			want := http.StatusCreated // that the event has a bot is told in the answer
			if c.gone {
				want = http.StatusNotFound
			}
			m.expect("createCalendarBot", request{"POST", path + "/bots", one}, want)
			has = !c.gone
		case 2:
			m.expect("updateCalendarBot", request{"PATCH", path + "/bots", one}, found)
		case 3:
			m.expect("deleteCalendarBot", request{"DELETE", path + "/bots", one}, found)
			has = false
		case 4:
			if want := http.StatusConflict; !c.gone {
				m.expect("createCalendarConnection", request{"POST", "/v2/calendars", m.json(connect)}, want)
			}
		case 5:
			want := http.StatusOK
			if c.gone {
				want = http.StatusNotFound
			}
			m.expect("deleteCalendarConnection", request{"DELETE", path, ""}, want)
			c.gone, has = true, false
		}
		m.same("calendar", path, "account_email", c)
		if !c.gone {
			if e := titled(m.attack.events(m.t, id), "Review <of> Q1"); e.BotScheduled != has {
				m.t.Errorf("calendar %s: the event has a bot: %v, want %v", id, e.BotScheduled, has)
			}
		}
	}
}

// readOne compares something made long ago.
func (m *model) readOne() {
	for _, sort := range []struct {
		things             map[string]*thing
		what, path, nameOf string
	}{
		{m.bots, "bot", "/v2/bots/", "bot_name"}, {m.credentials, "credential", "/v2/zoom-credentials/", "name"}, {m.scheduled, "scheduled bot", "/v2/bots/scheduled/", "bot_name"},
		{m.calendars, "calendar", "/v2/calendars/", "account_email"},
	} {
		if len(sort.things) > 0 {
			id := pick(m.rnd, slices.Sorted(maps.Keys(sort.things)))
			m.same(sort.what, sort.path+id, sort.nameOf, sort.things[id])
		}
	}
}
