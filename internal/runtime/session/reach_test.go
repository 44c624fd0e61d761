package session

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"steno/internal/bot"
)

// Proves S4 for the browser of a bot as it is opened: a server on this machine is
// reached if the operator named it; the recorder always is.
func TestABotReachesThisMachineOnlyWhereTheOperatorSaidSo(t *testing.T) {
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		fmt.Fprint(w, "<title>here</title>")
	}))
	defer server.Close()
	recorder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		fmt.Fprint(w, "heard")
	}))
	defer recorder.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for name, c := range map[string]struct {
		reach bot.Reach
		title string
	}{
		"nothing said": {bot.Reach{}, ""}, "named": {bot.Reach{Hosts: []string{host}}, "here"},
	} {
		t.Run(name, func(t *testing.T) {
			hits.Store(0)
			b, err := Live("").Open(t.Context(), Opening{
				Spec: bot.Spec{URL: server.URL, Reach: c.reach}, Folder: t.TempDir(), Log: slog.New(slog.DiscardHandler),
				Socket: strings.TrimPrefix(recorder.URL, "http://"),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			var title, heard string
			for _, err := range []error{
				b.Navigate(t.Context(), server.URL), b.Eval(t.Context(), "document.title", &title),
				b.Eval(t.Context(), fmt.Sprintf("fetch(%q).then(r => r.text())", recorder.URL), &heard),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if title != c.title || (hits.Load() > 0) != (c.title != "") || heard != "heard" {
				t.Errorf("the page is %q after %d hits, the recorder says %q", title, hits.Load(), heard)
			}
		})
	}
}
