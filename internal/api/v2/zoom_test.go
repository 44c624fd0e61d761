package v2_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"steno/internal/account"
	"steno/internal/provider/zoom/zoomtest"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

const appKeys = `{"name":"Keys","client_id":"app-client-id","client_secret":"canary-zoom-client-secret"}`

func userCredential(name, code string) string {
	return `{"name":"` + name + `","client_id":"app-client-id","client_secret":"canary-zoom-client-secret","authorization_code":"` + code +
		`","redirect_uri":"https://app.example/zoom/callback","extra":{"tenant":"acme","n":7}}`
}

func (s *stand) credential(t testing.TB, body string) string {
	t.Helper()
	r := s.call(t, s.key, "POST", "/v2/zoom-credentials", body)
	var out struct {
		Data struct {
			ID string `json:"credential_id"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.status != http.StatusCreated {
		t.Fatalf("create: %d %s", r.status, r.body)
	}
	return out.Data.ID
}

var ada = zoomtest.User{ID: "zu-ada", Account: "za-1", Email: "Ada@example.com", Display: "Ada L."}

func TestZoomCredentialsHaveTheirShape(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	golden(t, "zoom-app", s.call(t, s.key, "POST", "/v2/zoom-credentials", appKeys))
	s.zoom.Authorise("code-1", ada)
	golden(t, "zoom-user", s.call(t, s.key, "POST", "/v2/zoom-credentials", userCredential("Ada", "code-1")))
	golden(t, "zoom-list", s.call(t, s.key, "GET", "/v2/zoom-credentials", ""))
	golden(t, "zoom-used-code", s.call(t, s.key, "POST", "/v2/zoom-credentials", userCredential("Ada", "code-1")))
	golden(t, "zoom-not-found", s.call(t, s.key, "GET", "/v2/zoom-credentials/00000000-0000-0000-0000-000000000000", ""))
}

// A credential's life on both databases: what Zoom refuses is told and leaves
// nothing, changes change what they name, and deletion hides.
func TestZoomCredentialsLive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		refused := map[string]string{
			"unknown code":    userCredential("A", "canary-code"),
			"wrong secret":    strings.Replace(userCredential("A", "c0"), "canary-zoom-client-secret", "canary-wrong", 1),
			"wrong redirect":  strings.Replace(userCredential("A", "c0"), "https://app.example/zoom", "https://other.example", 1),
			"no redirect":     `{"name":"A","client_id":"i","client_secret":"canary","authorization_code":"canary"}`,
			"long name":       `{"name":"` + strings.Repeat("x", 101) + `","client_id":"i","client_secret":"canary"}`,
			"no secret":       `{"name":"A","client_id":"i"}`,
			"long code":       userCredential("A", strings.Repeat("canary", 400)),
			"extra no object": `{"name":"A","client_id":"i","client_secret":"canary","extra":[1]}`,
			"zero character":  `{"name":"A\u0000","client_id":"i","client_secret":"canary"}`,
			"bad redirect":    strings.Replace(userCredential("A", "c0"), "https://app.example/zoom/callback", "::nowhere", 1),
		}
		s.zoom.Authorise("c0", ada)
		for name, body := range refused {
			r := s.call(t, s.key, "POST", "/v2/zoom-credentials", body)
			code, _, _ := r.problem(t)
			if r.status != http.StatusBadRequest || code != "FST_ERR_VALIDATION" && code != "FST_ERR_ZOOM_OAUTH_EXCHANGE_FAILED" || strings.Contains(r.body, "canary") {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		if r := s.call(t, s.key, "GET", "/v2/zoom-credentials", ""); !strings.Contains(r.body, `"data":[]`) {
			t.Errorf("refused, yet stored: %s", r.body)
		}
		id := s.credential(t, userCredential("Ada", "c0"))
		path := "/v2/zoom-credentials/" + id
		keys := s.credential(t, appKeys)
		for query, want := range map[string]int{
			"?name=aD": 1, "?zoom_email=ada@": 1, "?zoom_display_name=l.": 1, "?zoom_user_id=zu-ad": 0, "?zoom_user_id=zu-ada": 1, "?credential_type=app": 1,
			"?credential_type=app,user&state=active": 2, "?state=invalid": 0, "?extra=tenant:acme,n:7": 1, "?extra=tenant:Acme": 0, "?extra=absent:": 0, "?name=null": 2,
		} {
			if r := s.call(t, s.key, "GET", "/v2/zoom-credentials"+query, ""); strings.Count(r.body, "credential_id") != want {
				t.Errorf("%s: want %d: %s", query, want, r.body)
			}
		}
		s.change(t, path, map[string]string{
			`{"name":"New"}`:                        `"name":"New"`,
			`{"extra":null}`:                        `"extra":null`,
			`{"client_id":"x","client_secret":"y"}`: `"credential_type":"user"`,
		})
		s.zoom.Authorise("c1", zoomtest.User{ID: "zu-bob", Email: "bob@example.com"})
		again := s.call(t, s.key, "PATCH", "/v2/zoom-credentials/"+keys, strings.Replace(userCredential("Keys", "c1"), `"name":"Keys",`, "", 1))
		if again.status != http.StatusOK || !strings.Contains(again.body, `"zoom_user_id":"zu-bob"`) || !strings.Contains(again.body, `"name":"Keys"`) {
			t.Errorf("authorise again: %s", again.body)
		}
		asked := s.zoom.Exchanges
		s.now = s.now.Add(1)
		other, err := s.accounts.CreateTeam(t.Context(), "blue")
		if err != nil {
			t.Fatal(err)
		}
		blue := s.newKey(t, other, account.Full)
		for _, c := range []request{{"GET", path, ""}, {"PATCH", path, userCredential("B", "c9")}, {"DELETE", path, ""}} {
			if r := s.call(t, blue, c.method, c.path, c.body); r.status != http.StatusNotFound || strings.Contains(r.body, "Ada") {
				t.Errorf("%s by another team: %d %s", c.method, r.status, r.body)
			}
		}
		if s.zoom.Exchanges != asked {
			t.Error("a code was spent on another team's credential")
		}
		s.botsNeedTheirCredential(t, id, blue)
		if r := s.call(t, s.key, "DELETE", path, ""); r.status != http.StatusOK {
			t.Errorf("delete: %s", r.body)
		}
		if r := s.call(t, s.key, "GET", path, ""); r.status != http.StatusNotFound {
			t.Errorf("deleted, yet there: %s", r.body)
		}
		s.zoom.Down = true
		if r := s.call(t, s.key, "POST", "/v2/zoom-credentials", userCredential("A", "c2")); r.status != http.StatusServiceUnavailable {
			t.Errorf("Zoom is down: %d %s", r.status, r.body)
		}
		if strings.Contains(s.log.String(), "canary") {
			t.Error("a secret is in the log")
		}
	})
}

func (s *stand) change(t *testing.T, path string, changes map[string]string) {
	t.Helper()
	for body, want := range changes {
		if r := s.call(t, s.key, "PATCH", path, body); r.status != http.StatusOK || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	for _, body := range []string{`{"client_id":"x"}`, `{"client_secret":"x"}`, `{"authorization_code":"c","redirect_uri":"https://x.example"}`, `{"name":""}`,
		`{"authorization_code":"c","client_id":"a","client_secret":"b"}`} {
		if r := s.call(t, s.key, "PATCH", path, body); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}

// botsNeedTheirCredential: a bot that names what its team does not have is
// refused when it is created.
func (s *stand) botsNeedTheirCredential(t *testing.T, id, otherKey string) {
	t.Helper()
	bot := func(config string) string {
		return `{"bot_name":"N","meeting_url":"https://zoom.us/j/123456789","zoom_config":` + config + `}`
	}
	for config, want := range map[string]int{
		`{"credential_id":"` + id + `"}`:                                  http.StatusCreated,
		`{"credential_user_id":"zu-ada"}`:                                 http.StatusCreated,
		`{"credential_id":"` + id + `","credential_user_id":"zu-ada"}`:    http.StatusCreated,
		`{"credential_id":"` + id + `","credential_user_id":"zu-bob"}`:    http.StatusBadRequest,
		`{"credential_user_id":"nobody"}`:                                 http.StatusBadRequest,
		`{"credential_id":"00000000-0000-0000-0000-000000000000"}`:        http.StatusBadRequest,
		`{"credential_id":"` + id + `","obf_token_url":"https://x.test"}`: http.StatusCreated,
	} {
		r := s.call(t, s.key, "POST", "/v2/bots", bot(config))
		if r.status != want || want == http.StatusBadRequest && !strings.Contains(r.body, "/zoom_config/credential_") {
			t.Errorf("%s: %d %s", config, r.status, r.body)
		}
	}
	if r := s.call(t, otherKey, "POST", "/v2/bots", bot(`{"credential_id":"`+id+`"}`)); r.status != http.StatusBadRequest {
		t.Errorf("another team's credential: %d %s", r.status, r.body)
	}
	s.zoom.Authorise("twice", ada)
	s.credential(t, userCredential("Ada again", "twice"))
	if r := s.call(t, s.key, "POST", "/v2/bots", bot(`{"credential_user_id":"zu-ada"}`)); r.status != http.StatusBadRequest {
		t.Errorf("a user with two credentials: %d %s", r.status, r.body)
	}
}
