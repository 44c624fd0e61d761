package v1_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	v1 "steno/internal/api/v1"
	"steno/internal/ident"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/test/hostile"
)

// sendingKeysMay lists what a sending key may call.
var sendingKeysMay = map[string]bool{"schedule_record_event": true}

const nobody = "00000000-0000-0000-0000-000000000000"

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
		withBot(t, red)
		red.join(t, toZoom) // so that keys which may send bots send no other one
		before := red.everything(t)
		cells := 0
		for _, o := range red.operations(t) {
			if !db.Shared() { // keys are looked at before anything that databases do differently
				cells += o.refuseStrangers(t, red) + o.refuseSendingKeys(t, red)
			}
			cells += o.hideFromOthers(t, red, blue)
		}
		if after := red.everything(t); after != before {
			t.Errorf("something has changed:\n%s\nbefore:\n%s", after, before)
		}
		t.Logf("%d cells", cells)
	})
}

// everything is all that the team can read.
func (w *world) everything(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, o := range w.operations(t) {
		if o.method == http.MethodGet {
			fmt.Fprintln(&b, o.id, w.send(t, o.call(w.ids)).body)
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

// refuseStrangers calls with keys that nobody knows, in every header: the answer
// is the same whatever the ids are.
func (o operation) refuseStrangers(t *testing.T, red *world) (cells int) {
	t.Helper()
	unknown := "stn_" + strings.Repeat("0", 43)
	for name, h := range map[string]http.Header{
		"no key": {}, "no key's form": {v1.KeyHeader: {"x"}}, "unknown": {v1.KeyHeader: {unknown}}, "unknown, old header": {v1.OldKeyHeader: {unknown}},
		"unknown, bearer": {"Authorization": {"Bearer " + unknown}}, "basic": {"Authorization": {"Basic " + red.key}}, "bare": {"Authorization": {red.key}},
		"a key and more": {v1.KeyHeader: {red.key + "x"}}, "upper case": {v1.KeyHeader: {strings.ToUpper(red.key)}},
		"the first header counts": {v1.KeyHeader: {unknown}, v1.OldKeyHeader: {red.key}},
		"revoked":                 {v1.KeyHeader: {red.revoked(t)}},
	} {
		first := ""
		for sort, i := range red.sorts() {
			c := o.call(i)
			r := red.callAs(t, h, c.method, c.path, c.body)
			if first == "" {
				first = r.shown()
			}
			if decode[v1.Problem](t, r).Code != "InvalidApiKey" || r.status != http.StatusUnauthorized || r.shown() != first {
				t.Errorf("%s, %s, %s ids: %s, elsewhere %s", o.id, name, sort, r.shown(), first)
			}
			cells++
		}
	}
	return cells
}

// revoked returns a key of the team that was good once.
func (s *stand) revoked(t *testing.T) string {
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
func (s *stand) expired(t *testing.T) string {
	t.Helper()
	end := s.now.Add(time.Second)
	key, _, err := s.accounts.CreateKey(t.Context(), account.NewKey{TeamID: s.team.ID, Name: "test", Permission: account.Full, ExpiresAt: &end})
	if err != nil {
		t.Fatal(err)
	}
	s.now = end
	return key
}

// refuseSendingKeys calls with a key that may only send bots.
func (o operation) refuseSendingKeys(t *testing.T, red *world) (cells int) {
	t.Helper()
	key := http.Header{v1.KeyHeader: {red.newKey(t, red.team, account.Sending)}}
	for sort, i := range red.sorts() {
		c := o.call(i)
		r := red.callAs(t, key, c.method, c.path, c.body)
		cells++
		if forbidden := r.status == http.StatusForbidden; forbidden == sendingKeysMay[o.id] || forbidden && decode[v1.Problem](t, r).Code != "Forbidden" {
			t.Errorf("%s, sending key, %s ids: %s", o.id, sort, r.shown())
		}
	}
	return cells
}

// hideFromOthers calls with another team's good key.
func (o operation) hideFromOthers(t *testing.T, red, blue *world) (cells int) {
	t.Helper()
	kind := samples[o.id].kind
	if strings.Contains(samples[o.id].query, "{calendar}") {
		kind = "calendar"
	}
	if kind == "" {
		r := blue.send(t, o.call(blue.ids))
		for kind, id := range red.ids {
			if strings.Contains(r.body, id) {
				t.Errorf("%s shows another team's %s: %s", o.id, kind, r.body)
			}
		}
		return 1
	}
	ask := func(id string) reply {
		with := maps.Clone(blue.ids)
		with[kind] = id
		return blue.send(t, o.call(with))
	}
	other := "event"
	if kind == other {
		other = "calendar"
	}
	unknown := ident.New()
	theirs, none, wrong, malformed := ask(red.ids[kind]), ask(unknown), ask(red.ids[other]), ask("cal_123")
	if theirs.status != http.StatusNotFound || strings.ReplaceAll(theirs.shown(), red.ids[kind], unknown) != none.shown() {
		t.Errorf("%s with another team's %s: %s\nbut with an unknown one: %s", o.id, kind, theirs.shown(), none.shown())
	}
	if wrong.status != http.StatusNotFound || malformed.status != http.StatusBadRequest {
		t.Errorf("%s with an id of another kind: %s; malformed: %s", o.id, wrong.shown(), malformed.shown())
	}
	return cells + 4
}

// The key is taken in three headers (digest 1.2).
func TestEveryWayToSayTheKeyIsTaken(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	for _, h := range []http.Header{{v1.KeyHeader: {s.key}}, {v1.OldKeyHeader: {s.key}}, {"Authorization": {"Bearer " + s.key}}, {"Authorization": {"bearer  " + s.key}}} {
		if r := s.callAs(t, h, "GET", "/calendars", ""); r.status != 200 {
			t.Errorf("%v: %d %s", h, r.status, r.body)
		}
	}
}
