package v2_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/account"
	"steno/internal/bot"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// limit changes limits of the stand's team.
func (s *stand) limit(t *testing.T, c quota.Change) {
	t.Helper()
	if _, err := s.quota.SetLimits(t.Context(), s.team.ID, c); err != nil {
		t.Fatal(err)
	}
}

func num(n int) *int { return &n }

// summary reads the answer to a batch: "0 ok" or "1 CODE", in the order of the
// two lists, with what is echoed.
func (r reply) summary(t *testing.T) (out []string) {
	t.Helper()
	var b struct {
		Success bool
		Data    []struct {
			Index int
			BotID string `json:"bot_id"`
			Extra json.RawMessage
		}
		Errors []struct {
			Index   int
			Code    string
			Message string
			Details *string
			Extra   json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(r.body), &b); err != nil || r.status != 201 || !b.Success {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, d := range b.Data {
		out = append(out, fmt.Sprintf("%d ok %s", d.Index, d.Extra))
		if len(d.BotID) != 36 {
			t.Errorf("item %d has the id %q", d.Index, d.BotID)
		}
	}
	for _, e := range b.Errors {
		out = append(out, fmt.Sprintf("%d %s %s", e.Index, e.Code, e.Extra))
		if e.Message == "" || (e.Code == "VALIDATION_ERROR") != (e.Details != nil) {
			t.Errorf("item %d: message %q, details %v", e.Index, e.Message, e.Details)
		}
	}
	return out
}

func TestBatchTellsOfEachItem(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		no := false
		s.limit(t, quota.Change{BYOK: &no, BotsPerDay: num(4)})
		items := []string{
			minimal,
			`{"bot_name":"N","meeting_url":"https://example.com","extra":{"n":1}}`,
			`{"bot_name":"","meeting_url":"https://meet.google.com/abc-defg-hij","extra":{"n":2},"timeout_config":{"silence_timeout":1}}`,
			`{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","extra":{"n":3},"allow_multiple_bots":false}`,
			`{"bot_name":"N","meeting_url":"https://zoom.us/j/123","extra":{"n":4},"allow_multiple_bots":false}`,
			`{"bot_name":"N","meeting_url":"https://zoom.us/j/123?uname=x","allow_multiple_bots":false}`,
			`{"bot_name":"N","meeting_url":"https://zoom.us/j/7","transcription_enabled":true,"transcription_config":{"api_key":"canary"},"extra":null}`,
			`7`, `null`, `[]`, `{"extra":"text"}`,
			minimal, minimal, minimal, minimal,
		}
		got := s.call(t, s.key, "POST", "/v2/bots/batch", "["+strings.Join(items, ",")+"]")
		if strings.Contains(got.body, "canary") {
			t.Error("a key is repeated")
		}
		want := []string{
			"0 ok null", `4 ok {"n":4}`, "11 ok null", "12 ok null",
			`1 INVALID_MEETING_PLATFORM {"n":1}`, `2 VALIDATION_ERROR {"n":2}`, `3 BOT_ALREADY_EXISTS {"n":3}`, "5 BOT_ALREADY_EXISTS null",
			"6 BYOK_TRANSCRIPTION_NOT_ENABLED_ON_PLAN null", "7 VALIDATION_ERROR null", "8 VALIDATION_ERROR null", "9 VALIDATION_ERROR null",
			"10 VALIDATION_ERROR null", "13 DAILY_BOT_CAP_REACHED null", "14 DAILY_BOT_CAP_REACHED null",
		}
		if diff := cmp.Diff(want, got.summary(t)); diff != "" {
			t.Errorf("batch: %s\n%s", diff, got.body)
		}
		if r := s.call(t, s.key, "POST", "/v2/bots", minimal); r.status != 429 || r.header.Get("Retry-After") != "86400" || !strings.Contains(r.body, `"error":"Rate Limited","code":"FST_ERR_DAILY_BOT_CAP_REACHED"`) {
			t.Errorf("over the cap: %d %v %s", r.status, r.header, r.body)
		}
	})
}

func TestBatchTakesOneHundredAndTheWrappedForm(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	body := "[" + strings.Repeat(minimal+",", 99) + minimal + "]"
	if got := s.call(t, s.key, "POST", "/v2/bots/batch", body).summary(t); len(got) != 100 || got[99] != "99 ok null" {
		t.Errorf("%v", got)
	}
	if got := s.call(t, s.key, "POST", "/v2/bots/batch", `{"bots":[`+minimal+`]}`).summary(t); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestTokensRunOutInMidBatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		if _, err := s.quota.Give(t.Context(), s.team.ID, 1400, "for a test"); err != nil {
			t.Fatal(err)
		}
		got := s.call(t, s.key, "POST", "/v2/bots/batch", "["+minimal+","+minimal+","+minimal+","+minimal+"]").summary(t)
		if diff := cmp.Diff([]string{"0 ok null", "1 ok null", "2 INSUFFICIENT_TOKENS null", "3 INSUFFICIENT_TOKENS null"}, got); diff != "" {
			t.Error(diff)
		}
		r := s.call(t, s.key, "POST", "/v2/bots", minimal)
		if code, message, _ := r.problem(t); r.status != 402 || code != "FST_ERR_INSUFFICIENT_TOKENS" || !strings.Contains(message, "available 0.4, required 0.5") {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
}

// The whole way of a request, 200 at a time: the cap is exact.
func TestTwoHundredCreatesWithRoomForFiftyMakeFiftyBots(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		s.limit(t, quota.Change{BotsPerDay: num(50)})
		var made, refused atomic.Int64
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				switch r := s.call(t, s.key, "POST", "/v2/bots", minimal); r.status {
				case 201:
					made.Add(1)
				case 429:
					refused.Add(1)
				default:
					t.Errorf("%d %s", r.status, r.body)
				}
			})
		}
		wg.Wait()
		var rows, jobs int
		err := db.Read(t.Context(), func(q store.Querier) error {
			return q.QueryRow(t.Context(), "SELECT (SELECT COUNT(*) FROM bots), (SELECT COUNT(*) FROM river_job WHERE kind = 'launch_bot')").Scan(&rows, &jobs)
		})
		if made.Load() != 50 || refused.Load() != 150 || rows != 50 || jobs != 50 || err != nil {
			t.Errorf("%d made, %d refused, %d rows, %d jobs (%v)", made.Load(), refused.Load(), rows, jobs, err)
		}
	})
}

func TestWritesAreLimitedPerTeamAndReadsAreFree(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		s.limit(t, quota.Change{RequestsPerSecond: num(3)})
		second := s.newKey(t, s.team, account.Sending)
		for i, left := range []string{"2", "1", "0"} {
			r := s.call(t, []string{s.key, second, s.key}[i], "POST", "/v2/bots", minimal)
			if r.status != 201 || r.header.Get("X-Ratelimit-Limit") != "3" || r.header.Get("X-Ratelimit-Remaining") != left || r.header.Get("X-Ratelimit-Reset") != "1" {
				t.Errorf("%d %v", r.status, r.header)
			}
		}
		for _, c := range []request{{"POST", "/v2/bots", minimal}, {"POST", "/v2/bots/batch", "[" + minimal + "]"}, {"PATCH", "/v2/bots/x/update-config", "{}"}, {"DELETE", "/v2/bots/x/delete-data", ""}} {
			r := s.call(t, s.key, c.method, c.path, c.body)
			if code, _, _ := r.problem(t); r.status != 429 || code != "FST_ERR_TOO_MANY_REQUESTS" || r.header.Get("Retry-After") != "1" || !strings.Contains(r.body, `"retryAfter":1`) || r.header.Get("X-Ratelimit-Remaining") != "0" {
				t.Errorf("%s: %d %v %s", c.method, r.status, r.header, r.body)
			}
		}
		if r := s.call(t, s.key, "GET", "/v2/bots", ""); r.status != 200 || r.header.Get("X-Ratelimit-Limit") != "" {
			t.Errorf("reading: %d %v", r.status, r.header)
		}
		blue, err := s.accounts.CreateTeam(t.Context(), "blue")
		if err != nil {
			t.Fatal(err)
		}
		if r := s.call(t, s.newKey(t, blue, account.Full), "POST", "/v2/bots", minimal); r.status != 201 || r.header.Get("X-Ratelimit-Remaining") != "19" {
			t.Errorf("another team: %d %v", r.status, r.header)
		}
		s.now = s.now.Add(time.Second)
		if r := s.call(t, s.key, "POST", "/v2/bots", minimal); r.status != 201 {
			t.Errorf("a second later: %d", r.status)
		}
	})
}

func TestTokensAreShownOnceTheyAreBooked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		id := s.create(t, minimal)
		if r := s.call(t, s.key, "GET", "/v2/bots/"+id, ""); !strings.Contains(r.body, `"tokens":null`) {
			t.Errorf("before its end: %s", r.body)
		}
		s.streamed = 6 * time.Minute
		s.finish(t, id) // recorded for 30 minutes
		want := `"tokens":{"recording":0.5,"transcription":0,"byok_transcription":0,"streaming_input":0.01,"streaming_output":0.02,"total":0.53}`
		for _, path := range []string{"/v2/bots/" + id, "/v2/bots"} {
			if r := s.call(t, s.key, "GET", path, ""); !strings.Contains(r.body, want) {
				t.Errorf("%s: %s", path, r.body)
			}
		}
		waited := s.create(t, minimal)
		if _, err := s.bots.Launch(t.Context(), waited, "host"); err != nil {
			t.Fatal(err)
		}
		at := func(m int) time.Time { return s.now.Add(time.Duration(m) * time.Minute) }
		err := s.bots.Apply(t.Context(), waited, bot.Progress{Seq: 1, Transitions: []bot.Transition{
			{Status: bot.JoiningCall, At: at(0)}, {Status: bot.InWaitingRoom, At: at(1)}, {Status: bot.BotRejected, At: at(7)}, {Status: bot.RecordingFailed, At: at(8)},
		}, Done: &bot.Done{Status: bot.Failed, Code: bot.EndNotAccepted, At: at(9)}})
		if err != nil {
			t.Fatal(err)
		}
		if r := s.call(t, s.key, "GET", "/v2/bots/"+waited, ""); !strings.Contains(r.body, `"recording":0.1,`) {
			t.Errorf("six minutes in the waiting room: %s", r.body)
		}
		left := s.create(t, minimal)
		s.call(t, s.key, "POST", "/v2/bots/"+left+"/leave", "")
		if r := s.call(t, s.key, "GET", "/v2/bots/"+left, ""); !strings.Contains(r.body, `"tokens":null`) {
			t.Errorf("left before it recorded: %s", r.body)
		}
		a, err := s.quota.Account(t.Context(), s.team.ID)
		if err != nil || a.Reserved != 0 || a.Balance != 0 || a.Starts != 3 {
			t.Errorf("%+v (%v)", a, err)
		}
	})
}

func TestExtraIsMergedAtAnyTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		id := s.create(t, `{"bot_name":"N","meeting_url":"https://meet.google.com/abc-defg-hij","extra":{"customer":"1","session":"abc","deep":{"a":1,"b":2}}}`)
		for _, step := range []struct{ body, want string }{
			{`{"extra":{"session":"xyz","order":1.50,"deep":{"c":"<3"}}}`, `"extra":{"customer":"1","deep":{"c":"<3"},"order":1.50,"session":"xyz"}`},
			{`{"extra":{}}`, `"extra":{"customer":"1",`},
			{`{"extra":null}`, `"extra":null`},
			{`{"extra":{"n":null}}`, `"extra":{"n":null}`},
		} {
			if r := s.call(t, s.key, "PATCH", "/v2/bots/"+id+"/update-config", step.body); r.status != 200 || !strings.Contains(r.body, `{"success":true,"data":{"message":`) {
				t.Errorf("%s: %d %s", step.body, r.status, r.body)
			}
			if r := s.call(t, s.key, "GET", "/v2/bots/"+id, ""); !strings.Contains(r.body, step.want) {
				t.Errorf("%s: %s", step.body, r.body)
			}
		}
		s.finish(t, id)
		if r := s.call(t, s.key, "PATCH", "/v2/bots/"+id+"/update-config", `{"extra":{"late":true}}`); r.status != 200 {
			t.Errorf("after its end: %d %s", r.status, r.body)
		}
		big := `{"extra":{"x":"` + strings.Repeat("x", 40<<10) + `"}}`
		s.call(t, s.key, "PATCH", "/v2/bots/"+id+"/update-config", big)
		if r := s.call(t, s.key, "PATCH", "/v2/bots/"+id+"/update-config", strings.Replace(big, `"x":`, `"y":`, 1)); r.status != 400 {
			t.Errorf("too much in the end: %d", r.status)
		}
		if r := s.call(t, s.key, "PATCH", "/v2/bots/00000000-0000-0000-0000-000000000000/update-config", `{"extra":{}}`); r.status != 404 {
			t.Errorf("unknown bot: %d", r.status)
		}
	})
}
