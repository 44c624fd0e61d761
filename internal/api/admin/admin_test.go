package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/admin"
	"steno/internal/api/httpx"
	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/netguard"
	"steno/internal/netguard/netguardtest"
	"steno/internal/quota"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// stand is the surface over a real database behind a real server.
type stand struct {
	*httptest.Server
	db       *store.DB
	accounts *account.Service
	bots     *bot.Service
	objects  *blob.Store
	api      chi.Router
	key      string
	now      time.Time
	log      bytes.Buffer
}

func newStand(t *testing.T, db *store.DB) *stand {
	t.Helper()
	s := &stand{db: db, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), api: chi.NewRouter()}
	clk := clock.Func(func() time.Time { return s.now })
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	sealer, err := seal.Parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	key, hashed := account.NewAdminKey()
	operators, err := account.NewOperators([]string{hashed})
	if err != nil {
		t.Fatal(err)
	}
	if s.objects, err = blob.Open(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.objects.Close() })
	s.bots = &bot.Service{Store: store.Bots{DB: db}, Clock: clk}
	s.key, s.accounts = key, account.New(store.Accounts{DB: db}, clk, log)
	(&admin.Surface{
		Operators: operators, Teams: s.accounts, Deliveries: webhook.History{Store: db, Clock: clk}, Quota: &quota.Service{Store: store.Quotas{DB: db}, Clock: clk}, Log: log, Version: "test",
		Evidence: s.bots, Objects: s.objects,
		Webhooks: webhook.Service{Store: db, Vault: seal.Webhooks{Sealer: sealer}, Clock: clk, Validate: netguard.New(netguard.Options{}).Validate},
	}).Mount(s.api)
	s.Server = httptest.NewServer(httpx.Wrap(s.api, httpx.Options{Log: log, Clock: clk, Panic: http.NotFound}))
	t.Cleanup(s.Close)
	return s
}

// call makes a request and returns status and body.
func (s *stand) call(t *testing.T, key, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// do is call with the admin key; it wants a status and returns the data.
func (s *stand) do(t *testing.T, want int, method, path, body string) (data map[string]any) {
	t.Helper()
	status, text := s.call(t, s.key, method, "/admin/v1"+path, body)
	var out struct {
		Success bool
		Data    json.RawMessage
		Code    string
		Cursor  *string
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil || status != want || out.Success != (want < 300) {
		t.Fatalf("%s %s: %d %s (%v), want %d", method, path, status, text, err, want)
	}
	data = map[string]any{}
	if want >= 300 {
		data["code"] = out.Code
		return data
	}
	if out.Data[0] == '[' {
		var list []any
		if err := json.Unmarshal(out.Data, &list); err != nil {
			t.Fatal(err)
		}
		data["list"] = list
		if out.Cursor != nil {
			data["cursor"] = *out.Cursor
		}
		return data
	}
	if err := json.Unmarshal(out.Data, &data); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTeamsAndKeysAreManaged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		red := s.do(t, 201, "POST", "/teams", `{"name":" red "}`)
		blue := s.do(t, 201, "POST", "/teams", `{"name":"blue"}`)
		if red["name"] != "red" || red["created_at"] != "2026-03-01T12:00:00.000Z" {
			t.Errorf("team %v", red)
		}
		if got := s.do(t, 409, "POST", "/teams", `{"name":"red"}`)["code"]; got != account.CodeTeamExists {
			t.Errorf("a second red: %v", got)
		}
		path := "/teams/" + str(red, "team_id")
		s.do(t, 409, "PATCH", path, `{"name":"blue"}`)
		if got := s.do(t, 200, "PATCH", path, `{"name":"crimson"}`); got["name"] != "crimson" || s.do(t, 200, "GET", path, "")["name"] != "crimson" {
			t.Errorf("renamed: %v", got)
		}
		if n := len(s.do(t, 200, "GET", "/teams", "")["list"].([]any)); n != 2 {
			t.Errorf("%d teams", n)
		}
		k := s.do(t, 201, "POST", path+"/keys", `{"name":"ci","permission":"sending"}`)
		full := s.do(t, 201, "POST", path+"/keys", `{"name":"all"}`)
		plain := str(k, "key")
		caller, err := s.accounts.Authenticate(t.Context(), plain)
		if err != nil || caller.TeamID != red["team_id"] || caller.Permission != account.Sending || full["permission"] != "full" {
			t.Errorf("caller %+v, %v; %v", caller, err, full)
		}
		list := s.do(t, 200, "GET", path+"/keys", "")["list"].([]any)
		first := list[0].(map[string]any)
		if len(list) != 2 || first["last_used_at"] != "2026-03-01T12:00:00.000Z" || first["revoked_at"] != nil || first["hint"] != plain[:8] || first["key"] != nil {
			t.Errorf("keys %v", list)
		}
		short := s.do(t, 201, "POST", path+"/keys", `{"name":"short","expires_at":"2026-03-02T12:00:00Z"}`)
		if full["expires_at"] != nil || short["expires_at"] != "2026-03-02T12:00:00.000Z" || first["expires_at"] != nil {
			t.Errorf("expiry: %v, %v", full, short)
		}
		for _, when := range []string{`"2026-03-01T12:00:00Z"`, `"tomorrow"`, `7`} {
			if got := s.do(t, 400, "POST", path+"/keys", `{"name":"k","expires_at":`+when+`}`)["code"]; got != account.CodeBadInput {
				t.Errorf("expires_at %s: %v", when, got)
			}
		}
		s.do(t, 404, "DELETE", "/teams/"+str(blue, "team_id")+"/keys/"+str(k, "key_id"), "")
		if got := s.do(t, 200, "DELETE", path+"/keys/"+str(k, "key_id"), ""); got["revoked_at"] == nil {
			t.Errorf("revoked: %v", got)
		}
		if _, err := s.accounts.Authenticate(t.Context(), plain); err == nil {
			t.Error("a revoked key works")
		}
		if strings.Contains(s.log.String(), plain) {
			t.Error("the log holds a key")
		}
	})
}

func str(m map[string]any, key string) string {
	text, _ := m[key].(string)
	return text
}

func TestLimitsAndTokensAreManaged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		red := "/teams/" + str(s.do(t, 201, "POST", "/teams", `{"name":"red"}`), "team_id")
		blue := "/teams/" + str(s.do(t, 201, "POST", "/teams", `{"name":"blue"}`), "team_id")
		got := s.do(t, 200, "PATCH", red+"/limits", `{"plan":"pro","bots_per_day":-1}`)
		if got["bots_per_day"] != -1.0 || got["calendars"] != 10.0 || got["byok"] != true {
			t.Errorf("limits %v", got)
		}
		if got := s.do(t, 200, "GET", blue+"/limits", ""); got["bots_per_day"] != 3000.0 || got["retention_days"] != 30.0 {
			t.Errorf("limits of the other team %v", got)
		}
		for _, body := range []string{`{}`, `{"plan":"gold"}`, `{"calendars":-2}`, `{"retention_days":0}`, `{"byok":1}`, `[]`} {
			if got := s.do(t, 400, "PATCH", red+"/limits", body)["code"]; got != account.CodeBadInput {
				t.Errorf("%s: %v", body, got)
			}
		}
		if got := s.do(t, 200, "GET", red+"/tokens", ""); got["unlimited"] != true {
			t.Errorf("tokens %v", got)
		}
		for _, body := range []string{`{}`, `{"amount":0.0001}`, `{"amount":1e30}`, `{"amount":"1"}`} {
			s.do(t, 400, "POST", red+"/tokens", body)
		}
		s.do(t, 200, "POST", red+"/tokens", `{"amount":100.025,"note":"invoice 7"}`)
		if got := s.do(t, 200, "POST", red+"/tokens", `{"amount":-0.5}`); got["balance"] != 99.525 || got["unlimited"] != false {
			t.Errorf("tokens %v", got)
		}
		page := s.do(t, 200, "GET", red+"/ledger?limit=1", "")
		newest := page["list"].([]any)[0].(map[string]any)
		rest := s.do(t, 200, "GET", red+"/ledger?limit=1&cursor="+str(page, "cursor"), "")
		oldest := rest["list"].([]any)[0].(map[string]any)
		if newest["amount"] != -0.5 || oldest["amount"] != 100.025 || oldest["note"] != "invoice 7" || oldest["bot_id"] != nil || rest["cursor"] != nil {
			t.Errorf("ledger %v, then %v", page, rest)
		}
		if got := s.do(t, 200, "DELETE", red+"/tokens?note=gift", ""); got["unlimited"] != true || got["balance"] != 0.0 {
			t.Errorf("freed: %v", got)
		}
		if n := len(s.do(t, 200, "GET", blue+"/ledger", "")["list"].([]any)); n != 0 {
			t.Errorf("the other team's ledger has %d rows", n)
		}
		for _, path := range []string{"/limits", "/tokens", "/ledger"} {
			s.do(t, 404, "GET", "/teams/0198c0de-0000-7000-8000-000000000000"+path, "")
		}
	})
}

func TestEndpointsAreManaged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		team := "/teams/" + str(s.do(t, 201, "POST", "/teams", `{"name":"red"}`), "team_id")
		e := s.do(t, 201, "POST", team+"/webhooks", `{"url":"https://example.com/hook","name":"crm","events":["bot.failed"],"participants":"objects"}`)
		secret := str(e, "secret")
		path := team + "/webhooks/" + str(e, "webhook_id")
		if !strings.HasPrefix(secret, "whsec_") || e["enabled"] != true || e["participants"] != "objects" || e["old_secret_until"] != nil {
			t.Errorf("endpoint %v", e)
		}
		got := s.do(t, 200, "PATCH", path, `{"name":"","events":[],"enabled":false}`)
		if got["name"] != "" || len(got["events"].([]any)) != 0 || got["enabled"] != false || got["disabled_at"] == nil || got["disabled_reason"] != nil || got["url"] != "https://example.com/hook" {
			t.Errorf("changed: %v", got)
		}
		if got = s.do(t, 200, "PATCH", path, `{"enabled":true}`); got["enabled"] != true || got["disabled_at"] != nil {
			t.Errorf("enabled: %v", got)
		}
		rotated := s.do(t, 200, "POST", path+"/rotate", "")
		if rotated["secret"] == secret || rotated["old_secret_until"] != "2026-03-02T12:00:00.000Z" {
			t.Errorf("rotated: %v", rotated)
		}
		list := s.do(t, 200, "GET", team+"/webhooks", "")["list"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["secret"] != nil || s.do(t, 200, "GET", path, "")["secret"] != nil {
			t.Errorf("list %v", list)
		}
		for body, code := range map[string]string{
			`{"url":"http://10.0.0.1/"}`: webhook.CodeBadURL, `{"events":["bot.exploded"]}`: webhook.CodeBadEvent, `{"participants":"xml"}`: account.CodeBadInput,
			`{"url":7}`: account.CodeBadInput, `[]`: account.CodeBadInput, `{`: account.CodeBadInput,
		} {
			if got := s.do(t, 400, "PATCH", path, body)["code"]; got != code {
				t.Errorf("%s: %v", body, got)
			}
		}
		s.do(t, 200, "DELETE", path, "")
		s.do(t, 404, "DELETE", path, "")
		s.do(t, 404, "GET", path, "")
	})
}

func TestTheLogIsReadInPagesAndReplayed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		teamID := str(s.do(t, 201, "POST", "/teams", `{"name":"red"}`), "team_id")
		team := "/teams/" + teamID
		e := str(s.do(t, 201, "POST", team+"/webhooks", `{"url":"https://example.com/hook"}`), "webhook_id")
		path := team + "/webhooks/" + e
		for i := range 5 {
			s.emit(t, teamID, map[bool]webhook.EventType{true: webhook.BotFailed, false: webhook.BotStatusChange}[i == 4])
			s.now = s.now.Add(time.Minute)
		}
		s.try(t, e, store.Attempt{Status: 500, State: webhook.Exhausted, Response: "oops", Headers: `{"X-A":["b"]}`, URL: "https://example.com/hook"},
			store.Attempt{Status: 200, State: webhook.Delivered})
		var seen []string
		cursor := ""
		for range 3 {
			page := s.do(t, 200, "GET", path+"/deliveries?limit=2&cursor="+cursor, "")
			for _, d := range page["list"].([]any) {
				seen = append(seen, str(d.(map[string]any), "delivery_id"))
			}
			cursor = str(page, "cursor")
		}
		if len(seen) != 5 || cursor != "" || seen[0] < seen[1] {
			t.Errorf("pages %v, cursor %q", seen, cursor)
		}
		for query, want := range map[string]int{
			"state=exhausted": 1, "event=bot.failed": 1, "bot_id=b1": 5, "bot_id=b2": 0, "since=2026-03-01T12:02:00Z": 3, "until=2026-03-01T12:02:00Z": 2,
		} {
			if got := s.do(t, 200, "GET", path+"/deliveries?"+query, "")["list"].([]any); len(got) != want {
				t.Errorf("%s: %d lines", query, len(got))
			}
		}
		failed := s.do(t, 200, "GET", team+"/deliveries/"+seen[4], "")
		try := failed["tries"].([]any)[0].(map[string]any)
		response, request := try["response"].(map[string]any), try["request"].(map[string]any)
		if response["body"] != "oops" || response["status"] != 500.0 || request["url"] != "https://example.com/hook" || failed["state"] != "exhausted" ||
			!strings.Contains(toJSON(t, request["headers"]), `"Webhook-Signature":["[redacted]"]`) || failed["request"].(map[string]any)["body"].(map[string]any)["n"] != 1.0 {
			t.Errorf("delivery %s", toJSON(t, failed))
		}
		s.do(t, 409, "POST", team+"/deliveries/"+seen[0]+"/replay", "") // pending
		s.do(t, 200, "POST", team+"/deliveries/"+seen[3]+"/replay", "")
		if got := s.do(t, 200, "POST", path+"/recover", `{"since":"2026-03-01T00:00:00Z"}`); got["messages"] != 1.0 || got["next"] != nil {
			t.Errorf("recovered %v", got)
		}
		if got := s.do(t, 200, "POST", path+"/replay", `{"since":"2026-03-01T00:00:00Z","until":"2026-03-01T12:01:00Z"}`); got["messages"] != 0.0 {
			t.Errorf("replayed what is on its way: %v", got)
		}
		for _, body := range []string{`{}`, `{"since":"yesterday"}`, `{"since":"2027-01-01T00:00:00Z"}`, `{"since":"2026-03-01T00:00:00Z","until":"2026-02-01T00:00:00Z"}`} {
			s.do(t, 400, "POST", path+"/recover", body)
		}
		s.do(t, 200, "PATCH", path, `{"enabled":false}`)
		s.do(t, 409, "POST", path+"/recover", `{"since":"2026-03-01T00:00:00Z"}`)
		if got := s.do(t, 200, "GET", team+"/callbacks", "")["list"].([]any); len(got) != 0 {
			t.Errorf("callbacks %v", got)
		}
	})
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *stand) emit(t *testing.T, team string, event webhook.EventType) {
	t.Helper()
	err := s.db.InTx(t.Context(), func(tx *store.Tx) error {
		return tx.EmitWebhook(t.Context(), webhook.Event{TeamID: team, Type: event, BotID: "b1", Payload: []byte(`{"n":1}`), At: s.now})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// try records one attempt at each of the oldest deliveries of an endpoint.
func (s *stand) try(t *testing.T, endpoint string, all ...store.Attempt) {
	t.Helper()
	err := s.db.InTx(t.Context(), func(tx *store.Tx) error {
		claims, err := tx.ClaimDeliveries(t.Context(), []store.Want{{Lane: endpoint, Limit: len(all)}}, store.Lease{By: "x", Now: s.now, Until: s.now})
		if err != nil {
			return err
		}
		for i := range all {
			all[i].DeliveryID, all[i].EndpointID, all[i].N, all[i].At = claims[i].DeliveryID, endpoint, 1, s.now
		}
		_, err = tx.RecordAttempts(t.Context(), all, s.now, time.Time{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every operation of the document, called with no key, a wrong one and a team's,
// is refused; with the operators' key and another team's ids it finds nothing.
func TestNobodyButOperatorsGetsIn(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	red, blue := str(s.do(t, 201, "POST", "/teams", `{"name":"red"}`), "team_id"), str(s.do(t, 201, "POST", "/teams", `{"name":"blue"}`), "team_id")
	k := s.do(t, 201, "POST", "/teams/"+red+"/keys", `{"name":"k"}`)
	e := str(s.do(t, 201, "POST", "/teams/"+red+"/webhooks", `{"url":"https://example.com/"}`), "webhook_id")
	s.emit(t, red, webhook.BotFailed)
	d := str(s.do(t, 200, "GET", "/teams/"+red+"/webhooks/"+e+"/deliveries", "")["list"].([]any)[0].(map[string]any), "delivery_id")
	status, text := s.call(t, "", "GET", "/admin/v1/openapi.json", "")
	var doc struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || status != 200 {
		t.Fatalf("document: %d, %v", status, err)
	}
	b := s.failed(t, red)
	bodies := map[string]string{
		"createTeam": `{"name":"x"}`, "renameTeam": `{"name":"red"}`, "createKey": `{"name":"x"}`, "createWebhook": `{"url":"https://example.com/"}`,
		"updateWebhook": `{}`, "setLimits": `{"calendars":7}`, "giveTokens": `{"amount":1}`, "replayWebhook": `{"since":"2026-01-01T00:00:00Z"}`, "recoverWebhook": `{"since":"2026-01-01T00:00:00Z"}`,
	}
	// Of another team there is nothing; these make or show something of their own.
	own := map[string]int{"listTeams": 200, "createTeam": 201, "getTeam": 200, "renameTeam": 409, "listKeys": 200, "createKey": 201, "listWebhooks": 200,
		"createWebhook": 201, "listDeliveries": 200, "listCallbacks": 200,
		"getLimits": 200, "setLimits": 200, "getTokens": 200, "giveTokens": 200, "freeTokens": 200, "listLedger": 200}
	seen := 0
	for path, operations := range doc.Paths {
		for method, op := range operations {
			seen++
			method, id := strings.ToUpper(method), op.OperationID
			fill := func(team string) string {
				return strings.NewReplacer("{team_id}", team, "{key_id}", str(k, "key_id"), "{webhook_id}", e, "{delivery_id}", d, "{bot_id}", b, "{name}", "1-end.json").Replace(path)
			}
			for name, key := range map[string]string{"no key": "", "wrong key": s.key + "x", "a team's key": str(k, "key"), "the hash": "sha256:00"} {
				if status, text := s.call(t, key, method, fill(red), bodies[id]); status != 401 || !strings.Contains(text, `"code":"FST_ERR_UNAUTHORIZED"`) {
					t.Errorf("%s with %s: %d %s", id, name, status, text)
				}
			}
			want := own[id]
			if want == 0 {
				want = 404
			}
			if status, text := s.call(t, s.key, method, fill(blue), bodies[id]); status != want || (want >= 400 && !strings.Contains(text, `"details":`)) {
				t.Errorf("%s with another team: %d %s, want %d", id, status, text, want)
			}
			if id == "listDeliveries" {
				if _, text := s.call(t, s.key, method, fill(blue), ""); strings.Contains(text, d) {
					t.Errorf("the log of another team: %s", text)
				}
			}
		}
	}
	if seen != 27 {
		t.Errorf("%d operations in the document", seen)
	}
}

// The document names the error that the surface sends, and no other.
func TestTheDocumentDescribesOurErrors(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	_, text := s.call(t, "", "GET", "/admin/v1/openapi.json", "")
	for _, want := range []string{`"openapi":"3.1.0"`, `"AdminError"`, `"bearer"`, `"recoverWebhook"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, other := range []string{"ErrorModel", `"Problem"`} {
		if strings.Contains(text, other) {
			t.Errorf("%s is in the document", other)
		}
	}
}

// Proves S4 for endpoints: none can be given a forbidden address, when it is
// added or later.
func TestNoEndpointTakesAForbiddenAddress(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	team := "/teams/" + str(s.do(t, 201, "POST", "/teams", `{"name":"red"}`), "team_id")
	path := team + "/webhooks/" + str(s.do(t, 201, "POST", team+"/webhooks", `{"url":"https://example.com/"}`), "webhook_id")
	for _, host := range netguardtest.ForbiddenHosts {
		body := toJSON(t, map[string]string{"url": "https://" + host + "/hook"})
		for method, to := range map[string]string{"POST": team + "/webhooks", "PATCH": path} {
			if status, text := s.call(t, s.key, method, "/admin/v1"+to, body); status != 400 {
				t.Fatalf("%s %s: %d %s", method, host, status, text)
			}
		}
	}
	if got := s.do(t, 200, "GET", path, "")["url"]; got != "https://example.com/" {
		t.Errorf("the address is %v", got)
	}
}
