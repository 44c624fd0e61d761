package lab

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func call(t *testing.T, method, url, body string, out any) int {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	if out != nil {
		must(t, json.NewDecoder(res.Body).Decode(out))
	}
	return res.StatusCode
}

// The whole life of a meeting through the HTTP API, as from a terminal.
func TestControlOverHTTP(t *testing.T) {
	t.Parallel()
	first, ctx := startLab(t, alone(DoorOpen))
	base := first.server.URL() + "/control/meetings"
	var opened struct{ URL string }
	if code := call(t, "POST", base, "code: xyz-xyzw-xyz\ndoor: manual\npeople: [{name: Ada, no_cam: true}]", &opened); code != 200 {
		t.Fatalf("open: status %d", code)
	}
	m := first.server.Meeting("xyz-xyzw-xyz")
	if opened.URL != m.URL() {
		t.Errorf("url %q", opened.URL)
	}
	visit(t, m, "Bot", false)
	waiting, err := m.WaitWaiting(ctx, 1)
	must(t, err)
	var s State
	call(t, "GET", base+"/xyz-xyzw-xyz", "", &s)
	if len(s.Waiting) != 1 || s.Waiting[0].Name != "Bot" {
		t.Errorf("state: %+v", s)
	}
	if code := call(t, "POST", base+"/xyz-xyzw-xyz/admit", `{"guest":"`+waiting[0].ID+`"}`, nil); code != 200 {
		t.Errorf("admit: status %d", code)
	}
	_, err = m.WaitInCall(ctx, 1)
	must(t, err)
	call(t, "POST", base+"/xyz-xyzw-xyz/end", "", nil)
	_, err = m.WaitGone(ctx, 1)
	must(t, err)
	var truth Truth
	call(t, "GET", base+"/xyz-xyzw-xyz/truth", "", &truth)
	if len(truth.Guests) != 1 || truth.Guests[0].Why != "ended" || truth.EndUS == 0 {
		t.Errorf("truth: %+v", truth)
	}
}

func TestControlRefuses(t *testing.T) {
	t.Parallel()
	m, _ := startLab(t, alone(DoorOpen))
	base := m.server.URL() + "/control/meetings"
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "", "code: nonsense", 400},
		{"POST", "", "code: abc-defg-hij", 400}, // goes on already
		{"GET", "/zzz-zzzz-zzz", "", 404},
		{"POST", "/abc-defg-hij/admit", "", 404}, // nobody waits
		{"POST", "/abc-defg-hij/explode", "", 400},
		{"POST", "/abc-defg-hij/say", "{", 400},
	} {
		if code := call(t, c.method, base+c.path, c.body, nil); code != c.want {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, code, c.want)
		}
	}
	req, err := http.NewRequest("POST", base+"/abc-defg-hij/end", nil)
	must(t, err)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	res.Body.Close()
	if res.StatusCode != 403 || m.State().Ended {
		t.Error("a foreign page may end meetings")
	}
}
