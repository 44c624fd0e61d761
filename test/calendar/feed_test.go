package calendar_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/truth"
)

// feedURL is what the answer about a new token says, on the test's server.
func (d *desk) feedURL(t testing.TB, a answer) (id, url string) {
	t.Helper()
	var out struct {
		Feed struct{ ID, Name string }
		URL  string
	}
	if err := json.Unmarshal([]byte(a.text), &out); err != nil {
		t.Fatal(err)
	}
	path, ok := strings.CutPrefix(out.URL, "https://steno.example/api/v2/calendar")
	if !ok {
		t.Fatalf("URL %q", out.URL)
	}
	return out.Feed.ID, d.url + path
}

// read reads a feed without any key.
func (d *desk) read(t testing.TB, method, url, tag string) (*http.Response, string) {
	t.Helper()
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, url, nil))
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	res := must[*http.Response](t)(http.DefaultClient.Do(r))
	defer res.Body.Close()
	return res, string(must[[]byte](t)(io.ReadAll(res.Body)))
}

func TestAFeedShowsTheCalendarsToWhoeverHasItsToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		c, cal := d.connect(t, calendar.Google, "ada@example.com")
		id := must[string](t)(cal.Add(once(1, monday.Add(3*time.Hour))))
		must[string](t)(cal.Add(standup(2)))
		must[string](t)(cal.Add(truth.Event{Content: truth.Content{Title: "Fair", AllDay: true, Start: monday.Truncate(24*time.Hour).AddDate(0, 0, 3), End: monday.Truncate(24*time.Hour).AddDate(0, 0, 5)}}))
		d.sync(t, c.ID)

		feed, url := d.feedURL(t, d.ok(t, "POST", "/feeds", `{"name":"Team"}`))
		token := url[strings.LastIndex(url, "=")+1:]
		res, text := d.read(t, "GET", url, "")
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/calendar; charset=utf-8" {
			t.Fatalf("%d %s", res.StatusCode, text)
		}
		for _, want := range []string{"X-WR-CALNAME:Team\r\n", "SUMMARY:Review 1\r\n", "DTSTART:20260302T110000Z\r\n", "DTSTART;VALUE=DATE:20260305\r\n", "DTEND;VALUE=DATE:20260307\r\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if n := strings.Count(text, "SUMMARY:Standup 2\r\n"); n != 5 { // the Mondays of the window
			t.Errorf("%d standups", n)
		}
		uid := text[:strings.Index(text, "SUMMARY:Review 1")]
		uid = uid[strings.LastIndex(uid, "UID:"):]
		uid = uid[:strings.Index(uid, "\r\n")]

		tag := res.Header.Get("ETag")
		for _, header := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			if res, text := d.read(t, "GET", url, header); res.StatusCode != http.StatusNotModified || text != "" || res.Header.Get("ETag") != tag {
				t.Errorf("If-None-Match %s: %d", header, res.StatusCode)
			}
		}
		if res, text := d.read(t, "HEAD", url, ""); res.StatusCode != http.StatusOK || text != "" || res.Header.Get("ETag") != tag {
			t.Errorf("HEAD: %d %q", res.StatusCode, text)
		}

		if err := cal.Edit(id, func(x *truth.Content) { x.Start, x.End = x.Start.Add(time.Hour), x.End.Add(time.Hour) }); err != nil {
			t.Fatal(err)
		}
		d.poll(t, c.ID)
		res, text = d.read(t, "GET", url, tag)
		if res.StatusCode != http.StatusOK || !strings.Contains(text, uid+"\r\n") || !strings.Contains(text, "DTSTART:20260302T120000Z") {
			t.Errorf("after a move: %d %s", res.StatusCode, text)
		}
		if err := cal.Delete(id); err != nil {
			t.Fatal(err)
		}
		d.poll(t, c.ID)
		if _, text = d.read(t, "GET", url, ""); strings.Contains(text, uid) {
			t.Error("a deleted event is shown")
		}

		list := d.ok(t, "GET", "/feeds", "")
		if strings.Contains(list.text, token) || !strings.Contains(list.text, feed) || list.Count != 1 || strings.Contains(list.text, `"usedAt":""`) {
			t.Errorf("list: %s", list.text)
		}
		var kept int
		err := db.Read(t.Context(), func(q store.Querier) error {
			return q.QueryRow(t.Context(), "SELECT COUNT(*) FROM calendar_feeds WHERE id || name || token_hash LIKE $1", "%"+token[4:]+"%").Scan(&kept)
		})
		if err != nil || kept != 0 {
			t.Errorf("the token itself is in the table (%v)", err)
		}

		stranger := newDesk(t, db)
		for _, call := range []struct{ method, path string }{{"POST", "/feeds/" + feed + "/rotate"}, {"DELETE", "/feeds/" + feed}} {
			if a := stranger.call(t, call.method, call.path, ""); a.status != http.StatusNotFound || a.Code != "FEED_NOT_FOUND" {
				t.Errorf("another team's %s %s: %d %s", call.method, call.path, a.status, a.text)
			}
		}
		if list := stranger.ok(t, "GET", "/feeds", ""); list.Count != 0 {
			t.Errorf("another team lists %s", list.text)
		}

		_, rotated := d.feedURL(t, d.ok(t, "POST", "/feeds/"+feed+"/rotate", ""))
		d.refused(t, url)
		if res, _ := d.read(t, "GET", rotated, ""); res.StatusCode != http.StatusOK {
			t.Errorf("new token: %d", res.StatusCode)
		}
		d.ok(t, "DELETE", "/feeds/"+feed, "")
		d.refused(t, rotated)
		for _, bad := range []string{"", "?token=", "?token=" + token[:20], "?token=%00", "?token=%ff"} {
			d.refused(t, d.url+"/events.ics"+bad)
		}
	})
}

func (d *desk) refused(t testing.TB, url string) {
	t.Helper()
	if res, text := d.read(t, "GET", url, "*"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(text, `"UNAUTHORIZED"`) || !strings.Contains(text, "/feeds") {
		t.Errorf("%s: %d %s", url, res.StatusCode, text)
	}
}

func TestATeamHasSoManyFeedsAndNoMore(t *testing.T) {
	t.Parallel()
	d := newDesk(t, openQuick(t))
	for range 50 {
		d.ok(t, "POST", "/feeds", "{}")
	}
	if a := d.call(t, "POST", "/feeds", "{}"); a.status != http.StatusConflict || a.Code != "FEED_LIMIT_REACHED" {
		t.Errorf("%d %s", a.status, a.text)
	}
}
