package v2_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	v2 "steno/internal/api/v2"
	"steno/internal/ident"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// A1: what belongs to another team takes no longer to be refused than what does
// not exist, and a revoked key no longer than an unknown one. It prints the
// medians; the goal is a difference of at most 5 ms.
func BenchmarkForeignBesideUnknown(b *testing.B) {
	const rounds = 300
	both := func(test func(b *testing.B, db *store.DB)) {
		b.Run("sqlite", func(b *testing.B) { test(b, storetest.SQLite(b)) })
		b.Run("postgres", func(b *testing.B) {
			db, err := store.Open(b.Context(), store.Options{DatabaseURL: storetest.PostgresURL(b)})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			test(b, db)
		})
	}
	both(func(b *testing.B, db *store.DB) {
		red := newWorld(b, db)
		red.watch.Failed = b.Errorf
		blue := red.other(b)
		var widest time.Duration
		var table strings.Builder
		compare := func(what string, foreign, unknown func()) {
			took := [2][]time.Duration{}
			for range rounds { // by turns, so that the machine's moods meet both
				for i, f := range []func(){foreign, unknown} {
					begin := time.Now()
					f()
					took[i] = append(took[i], time.Since(begin))
				}
			}
			first, second := median(took[0]), median(took[1])
			widest = max(widest, (first - second).Abs())
			fmt.Fprintf(&table, "%-26s %8v %8v\n", what, first.Round(time.Microsecond), second.Round(time.Microsecond))
		}
		for b.Loop() {
			for _, o := range blue.operations(b) {
				if len(o.parameters()) > 0 {
					compare(o.id, func() { blue.pass(b, blue.key, o.call(red.ids)) }, func() { blue.pass(b, blue.key, o.call(red.ids.each(ident.New))) })
				}
			}
			revoked, list := red.revoked(b), request{http.MethodGet, "/v2/bots", ""}
			compare("revoked beside unknown key", func() { red.pass(b, revoked, list) }, func() { red.pass(b, "stn_"+strings.Repeat("0", 43), list) })
		}
		fmt.Printf("\nmedian time of a refusal\n%-26s %8s %8s\n%s", "", "foreign", "unknown", table.String()) // b.Log keeps ten lines
		b.ReportMetric(float64(widest.Microseconds()), "µs-widest")
	})
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

// pass sends a request past the network; it must be refused.
func (s *stand) pass(b *testing.B, key string, c request) {
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	r.Header.Set(v2.KeyHeader, key)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Config.Handler.ServeHTTP(w, r)
	if w.Code/100 != 4 {
		b.Fatalf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
	}
}
