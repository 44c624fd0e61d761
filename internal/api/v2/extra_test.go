package v2_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steno/internal/store"
	"steno/internal/store/storetest"
)

// What a caller puts into extra is taken as it is or refused; it never breaks
// the lists that are filtered by extra.
func TestNoExtraBreaksTheListsThatAreFilteredByExtra(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		nested := func(n int) string { return strings.Repeat(`{"a":`, n) + `"b"` + strings.Repeat("}", n) }
		for extra, want := range map[string]int{
			nested(99): 201, nested(100): 201, nested(101): 400, nested(999): 400, nested(2000): 400, `{"a":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + `}`: 400,
			`{"a":1e308}`: 201, `{"a":1e999999}`: 400, `{"a":[-1e-999999]}`: 400, `{"a":` + strings.Repeat("9", 20000) + `}`: 400, `{"a":0e0}`: 201, `{"a":"\ud800"}`: 201, `{"\udfff":1}`: 201,
			`{"a\"b":"c'd","e\\":"\\","$.x":1,"*":2,"é":3,"":4," ":5,"a.b":6,"[0]":7,"\n":8,"\u007f":9,"👩‍👩‍👧":10}`: 201,
		} {
			r := s.call(t, s.key, "POST", "/v2/bots", `{"bot_name":"N","meeting_url":"https://zoom.us/j/1","extra":`+extra+`}`)
			if r.status != want {
				t.Errorf("extra %.80s: %d %.300s", extra, r.status, r.body)
			}
		}
		for filter, want := range map[string]int{
			"a:b": 0, `a"b:c'd`: 1, `e\:\`: 1, "$.x:1": 1, "*:2": 1, "é:3": 1, " :5": -1, "a.b:6": 1, "[0]:7": 1, "\u007f:9": 1, "👩‍👩‍👧:10": 1, "x:\x00": -1, "x:\xff": -1,
		} {
			r := s.call(t, s.key, "GET", "/v2/bots?limit=100&extra="+url.QueryEscape(filter), "")
			if want < 0 && r.status != http.StatusBadRequest || want >= 0 && (r.status != http.StatusOK || strings.Count(r.body, `"bot_id"`) != want) {
				t.Errorf("filter %q: %d, want %d bots: %.300s", filter, r.status, want, r.body)
			}
		}
	})
}
