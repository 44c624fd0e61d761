package v2_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/ident"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/test/hostile"
)

// sendingKeysMay lists what a sending key may call (digest 1.2).
var sendingKeysMay = map[string]bool{
	"createBot": true, "batchCreateBots": true, "createScheduledBot": true, "batchCreateScheduledBots": true, "createCalendarBot": true,
}

// naming are bodies that name a thing of a kind, where the sample's does not, or
// where something else in it speaks louder.
var naming = map[string]map[string]string{
	"createBot":                zoomed("", minimal, ""),
	"batchCreateBots":          zoomed("[", minimal, "]"),
	"createScheduledBot":       zoomed("", inTwoHours, ""),
	"batchCreateScheduledBots": zoomed("[", inTwoHours, "]"),
	"updateScheduledBot":       zoomed("", `{"bot_name":"M"}`, ""),
	"createCalendarBot":        withSeries(zoomed("", botOnEvent, "")),
	"updateCalendarBot":        withSeries(zoomed("", botOnEvent, "")),
	"deleteCalendarBot":        withSeries(map[string]string{}),
}

// zoomed are bodies that name a Zoom credential, in both ways.
func zoomed(before, bot, after string) map[string]string {
	with := func(config string) string {
		return before + strings.TrimSuffix(bot, "}") + `,"zoom_config":` + config + "}" + after
	}
	return map[string]string{"credential": with(`{"credential_id":"{credential}"}`), "zoom user": with(`{"credential_user_id":"{zoom user}"}`)}
}

// withSeries adds a body that names a series.
func withSeries(bodies map[string]string) map[string]string {
	bodies["series"] = `{"bot_name":"N","series_id":"{series}","all_occurrences":true}`
	return bodies
}

// sorted tells kinds of ids that are ids of the same sort of thing.
var sorted = map[string]string{"done": "bot", "calling": "bot", "paused": "bot"}

func sortOf(kind string) string {
	if s := sorted[kind]; s != "" {
		return s
	}
	return kind
}

// shown is what a caller sees of an answer, without what differs each time.
func (r reply) shown() string {
	h := r.header.Clone()
	for _, each := range []string{"Date", "X-Request-Id"} {
		h.Del(each)
	}
	return fmt.Sprintf("%d %v %s", r.status, h, r.body)
}

// A1: every operation with every sort of key and every sort of id. Without a
// key that is known nobody learns anything; what belongs to another team answers
// exactly like what does not exist; and nothing of all this changes anything.
func TestNothingOfAnotherTeamCanBeSeenOrTouched(t *testing.T) {
	hostile.OneByOne(t)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		red := newWorld(t, db)
		blue := red.other(t)
		operations := red.operations(t)
		withCalendarBot(t, red)
		before := red.everything(t)
		cells, strangers := 0, red.strangers(t)
		for _, o := range operations {
			if !db.Shared() { // keys are looked at before anything that databases do differently
				cells += o.refuseStrangers(t, red, strangers)
				cells += o.refuseSendingKeys(t, red)
			}
			cells += o.hideFromOthers(t, red, blue)
		}
		cells += blue.nameItsOwn(t, operations)
		if after := red.everything(t); after != before {
			t.Errorf("something has changed:\n%s\nbefore:\n%s", after, before)
		}
		t.Logf("%d operations, %d cells", len(operations), cells)
	})
}

// other makes a second team with a calendar and a bot of its own.
func (w *world) other(t testing.TB) *world {
	t.Helper()
	s := *w.stand
	var err error
	if s.team, err = s.accounts.CreateTeam(t.Context(), "blue"); err != nil {
		t.Fatal(err)
	}
	none := quota.NoLimit
	if _, err := s.quota.SetLimits(t.Context(), s.team.ID, quota.Change{RequestsPerSecond: &none}); err != nil {
		t.Fatal(err)
	}
	s.key = s.newKey(t, s.team, account.Full)
	blue := &world{stand: &s, ids: ids{}}
	blue.fill(t)
	return blue
}

// revoked returns a key of the team that was good once.
func (s *stand) revoked(t testing.TB) string {
	t.Helper()
	key := s.newKey(t, s.team, account.Full)
	keys, err := s.accounts.Keys(t.Context(), s.team.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.accounts.RevokeKey(t.Context(), keys[len(keys)-1].ID); err != nil {
		t.Fatal(err)
	}
	return key
}

// expired returns a key of the team whose time is over.
func (s *stand) expired(t testing.TB) string {
	t.Helper()
	end := s.now
	s.now = end.Add(-time.Second)
	key, _, err := s.accounts.CreateKey(t.Context(), account.NewKey{TeamID: s.team.ID, Name: "test", Permission: account.Full, ExpiresAt: &end})
	if err != nil {
		t.Fatal(err)
	}
	if r := s.call(t, key, "GET", "/v2/bots", ""); r.status != http.StatusOK {
		t.Fatalf("a key that has not expired: %d %s", r.status, r.body)
	}
	s.now = end
	return key
}

// everything is all that the team can read.
func (w *world) everything(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, o := range w.operations(t) {
		if o.method == http.MethodGet {
			fmt.Fprintln(&b, o.id, w.send(t, w.key, o.call(w.ids)).body)
		}
	}
	return b.String()
}

// sorts are sorts of ids: a team's own, unknown ones, and what is no id.
func (w *world) sorts() map[string]ids {
	return map[string]ids{
		"existing": w.ids, "unknown": w.ids.each(ident.New), "nil": w.ids.each(func() string { return nobody }), "malformed": w.ids.each(func() string { return "cal_123" }),
	}
}

const nobody = "00000000-0000-0000-0000-000000000000"

// strangers are keys that open nothing.
func (s *stand) strangers(t *testing.T) map[string]string {
	t.Helper()
	operators, _ := account.NewAdminKey()
	return map[string]string{
		"no key": "", "no key's form": "x", "unknown": "stn_" + strings.Repeat("0", 43), "revoked": s.revoked(t), "expired": s.expired(t),
		"a key and more": s.key + "x", "upper case": strings.ToUpper(s.key), "an operator's": operators,
	}
}

// refuseStrangers calls with keys that open nothing: the answer is the same
// whatever the ids are.
func (o operation) refuseStrangers(t *testing.T, red *world, strangers map[string]string) (cells int) {
	t.Helper()
	for key, plain := range strangers {
		first := ""
		for sort, i := range red.sorts() {
			r := red.send(t, plain, o.call(i))
			if first == "" {
				first = r.shown()
			}
			if code, _, _ := r.problem(t); r.status != http.StatusUnauthorized || code != account.CodeUnauthorized || r.shown() != first {
				t.Errorf("%s, %s, %s ids: %s, elsewhere %s", o.id, key, sort, r.shown(), first)
			}
			cells++
		}
	}
	return cells
}

// refuseSendingKeys calls with a key that may only send bots.
func (o operation) refuseSendingKeys(t *testing.T, red *world) (cells int) {
	t.Helper()
	key, first := red.newKey(t, red.team, account.Sending), ""
	for sort, i := range red.sorts() {
		if sendingKeysMay[o.id] && (sort == "existing" || len(o.parameters()) == 0) {
			continue // it would succeed
		}
		r := red.send(t, key, o.call(i))
		cells++
		if sendingKeysMay[o.id] {
			if r.status == http.StatusForbidden && !strings.Contains(r.body, "LIMIT") {
				t.Errorf("%s, sending key, %s ids: %s", o.id, sort, r.shown())
			}
			continue
		}
		if first == "" {
			first = r.shown()
		}
		if code, _, _ := r.problem(t); r.status != http.StatusForbidden || code != account.CodeForbidden || r.shown() != first {
			t.Errorf("%s, sending key, %s ids: %s, elsewhere %s", o.id, sort, r.shown(), first)
		}
	}
	return cells
}

// hideFromOthers calls with another team's good key. Of the ids that a request
// names, in path and body, each is once another team's while the rest are the
// caller's own.
func (o operation) hideFromOthers(t *testing.T, red, blue *world) (cells int) {
	t.Helper()
	named := map[string]bool{} // kinds
	for _, p := range o.parameters() {
		named[o.kind(p)] = true
	}
	for kind := range red.ids {
		if strings.Contains(samples[o.id].body, "{"+kind+"}") || naming[o.id][kind] != "" {
			named[kind] = true
		}
	}
	for kind := range named {
		unknown := ident.New()
		ask := func(id string) reply {
			with := maps.Clone(blue.ids)
			with[kind] = id
			c := o.call(with)
			if body := naming[o.id][kind]; body != "" {
				c.body = with.fill(body)
			}
			return blue.send(t, blue.key, c)
		}
		none := ask(unknown)
		alike := map[string]string{"another team's " + kind: red.ids[kind]}
		for other, id := range blue.ids {
			if sortOf(other) != sortOf(kind) && !named[other] && (o.id != "leaveBot" || other != "scheduled") { // leaving cancels
				alike["its own "+other+" for a "+kind] = id
			}
		}
		for what, id := range alike {
			r := ask(id)
			cells++
			if !r.refused(o.inPath(kind)) || strings.ReplaceAll(r.shown(), id, unknown) != none.shown() {
				t.Errorf("%s with %s: %s\nbut with an unknown one: %s", o.id, what, r.shown(), none.shown())
			}
		}
		if malformed := ask("cal_123"); kind != "zoom user" && (!malformed.refused(false) || malformed.status == http.StatusNotFound) {
			t.Errorf("%s with a malformed %s: %s", o.id, kind, malformed.shown())
		}
		cells += 2
	}
	if len(named) > 0 {
		return cells
	}
	r := blue.send(t, blue.key, o.call(blue.ids))
	for kind, id := range red.ids {
		if strings.Contains(r.body, id) {
			t.Errorf("%s shows another team's %s: %s", o.id, kind, r.body)
		}
	}
	return cells + 1
}

// refused reports whether nothing came of a request: of what its path names, 404;
// of what stands in a body, any refusal, and in a batch one for each item.
func (r reply) refused(inPath bool) bool {
	if inPath {
		return r.status == http.StatusNotFound
	}
	return r.status/100 == 4 || r.status == http.StatusCreated && strings.Contains(r.body, `"data":[],"errors":[{`)
}

// nameItsOwn makes the requests of naming with the team's own ids, of which none is
// refused: what was refused above was refused because of the id.
func (w *world) nameItsOwn(t *testing.T, operations []operation) (cells int) {
	t.Helper()
	withCalendarBot(t, w)
	for _, o := range operations {
		for kind, body := range naming[o.id] {
			if o.method == http.MethodDelete {
				continue // it would take away what others change
			}
			c := o.call(w.ids)
			c.body = w.ids.fill(body)
			if r := w.send(t, w.key, c); r.status/100 != 2 || strings.Contains(r.body, `"data":[],"errors":[{"index"`) {
				t.Errorf("%s with its own %s: %s", o.id, kind, r.shown())
			}
			cells++
		}
	}
	return cells
}

func (o operation) inPath(kind string) bool {
	for _, p := range o.parameters() {
		if o.kind(p) == kind {
			return true
		}
	}
	return false
}
