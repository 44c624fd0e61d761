package google

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// control calls the control surface.
func (g *rig) control(want int, method, path, body string) any {
	g.t.Helper()
	req, err := http.NewRequest(method, g.s.Address()+"/control"+path, strings.NewReader(body))
	must(g.t, err)
	resp, err := http.DefaultClient.Do(req)
	must(g.t, err)
	if method == "GET" && strings.HasSuffix(path, "occurrences") || path == "/accounts" && method == "GET" {
		defer resp.Body.Close()
		return list(g.t, resp)
	}
	return g.read(resp, nil, want)
}

func TestAFakeIsSteeredOverHTTP(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	g.now = monday
	made := g.control(200, "POST", "/accounts", `{"email":"bob@example.com","zone":"UTC"}`).(map[string]any)
	if made["refresh_token"] == "" || made["calendar_id"] != "bob@example.com" {
		t.Fatalf("account: %v", made)
	}
	g.control(400, "POST", "/accounts", `{"email":"bob@example.com"}`)
	const cal = "/calendars/bob@example.com"
	e := g.control(200, "POST", cal+"/events", `{"title":"A","start":"2026-11-10T09:00:00Z","end":"2026-11-10T10:00:00Z","rule":{"freq":"weekly"}}`).(map[string]any)
	event := cal + "/events/" + e["item_id"].(string)
	g.control(200, "POST", event+"/move", `{"slot":"20261117T090000Z","by":"90m"}`)
	g.control(200, "POST", event+"/cancel", `{"slot":"20261124T090000Z"}`)
	g.control(200, "POST", event+"/edit", `{"fields":{"title":"B","location":"https://zoom.us/j/123456789"}}`)
	g.control(200, "POST", event+"/respond", `{"response":"declined"}`)
	g.control(404, "POST", event+"/cancel", `{"slot":"20261125T090000Z"}`)
	g.control(404, "POST", event+"/dance", `{}`)
	g.control(400, "POST", event+"/move", `{"by":"soon"}`)
	g.control(404, "POST", "/calendars/nobody/expire", ``)
	var got []string
	for _, o := range g.control(200, "GET", cal+"/occurrences", "").([]map[string]any) {
		got = append(got, fmt.Sprint(o["start"], " ", o["content"].(map[string]any)["title"], " ", o["response"]))
	}
	if want := "[2026-11-10T09:00:00Z B declined 2026-11-17T10:30:00Z B declined 2026-12-01T09:00:00Z B declined 2026-12-08T09:00:00Z B declined]"; fmt.Sprint(got) != want {
		t.Errorf("occurrences\n got %v\nwant %s", got, want)
	}
	g.control(200, "POST", cal+"/fill", `{"events":100,"series":5}`)
	if n := len(g.s.Book.Account("bob@example.com").Primary().IDs()); n != 106 {
		t.Errorf("%d events after a fill, want 106", n)
	}
	g.control(200, "POST", "/accounts/bob@example.com/revoke", "")
	if g.s.Grants.Live(made["refresh_token"].(string)) {
		t.Error("the grant is still good")
	}
}

func TestFaultsAreSetOverHTTP(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	g.control(400, "PATCH", "/faults", `{"gon":1}`)
	g.control(400, "PATCH", "/faults", `{"gone":2}`)
	if v := g.control(200, "PATCH", "/faults", `{"server_error":1}`).(map[string]any); v["server_error"] != 1.0 {
		t.Errorf("rates: %v", v)
	}
	g.s.Pacify()
	g.do(200, "GET", "", "")
	g.control(200, "POST", "/faults", `{"method":"events.list","kind":"too_many","times":2}`)
	g.do(429, "GET", "", "")
	g.do(429, "GET", "", "")
	g.do(200, "GET", "", "")
	calls := g.control(200, "GET", "/calls", "").(map[string]any)
	if calls["events.list"] != 4.0 {
		t.Errorf("calls: %v", calls)
	}
}

func list(t *testing.T, resp *http.Response) (v []map[string]any) {
	t.Helper()
	must(t, json.NewDecoder(resp.Body).Decode(&v))
	return v
}
