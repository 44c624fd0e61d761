package google

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/simulator/service"
)

// What the fake says over its protocol must add up to what it says stands in
// the calendar; else it would be no oracle. The reader here is the simplest
// that the reference allows: masters and exceptions by sync token, occurrences
// of a touched series from instances.
func TestIncrementsAddUpToTheOracle(t *testing.T) {
	t.Parallel()
	from := monday.AddDate(0, 0, -14)
	to := monday.AddDate(0, 0, 28)
	for seed := range uint64(60) {
		g := newRig(t, polite())
		g.s.SetFaults(service.Faults{service.EmptyPage: .2, service.ShortPage: .3, service.Gone: .05})
		rng := rand.New(rand.NewPCG(seed, 1))
		r := &reader{g: g, from: from, to: to}
		var log []string
		for range 12 {
			for range 1 + rng.IntN(4) {
				log = append(log, g.cal.Shake(rng, from, to))
			}
			r.sync()
			var want []string
			for _, o := range g.cal.Occurrences(from, to) {
				want = append(want, fmt.Sprint(InstanceID(o), " ", o.Content.Title, " ", o.Start.Format(time.RFC3339)))
			}
			slices.Sort(want)
			if got := r.window(); !slices.Equal(got, want) {
				t.Fatalf("seed %d\n got %s\nwant %s\n%s", seed, strings.Join(got, "\n     "), strings.Join(want, "\n     "), strings.Join(log, "\n"))
			}
		}
		g.s.Close()
	}
}

type reader struct {
	g        *rig
	from, to time.Time
	token    string
	rows     map[string]event // singles, and occurrences of series
	series   map[string]bool
}

func (r *reader) get(path string, q url.Values, into any) int {
	req, _ := http.NewRequest("GET", r.g.s.APIURL()+"calendars/primary/events"+path+"?"+q.Encode(), nil)
	req.Header.Set("Authorization", "Bearer "+r.g.token)
	resp, err := http.DefaultClient.Do(req)
	must(r.g.t, err)
	defer resp.Body.Close()
	must(r.g.t, json.NewDecoder(resp.Body).Decode(into))
	return resp.StatusCode
}

// all reads all pages.
func (r *reader) all(path string, q url.Values) (items []event, token string, status int) {
	for {
		var page struct {
			Items                        []event
			NextPageToken, NextSyncToken string
		}
		if status = r.get(path, q, &page); status != 200 {
			return nil, "", status
		}
		items = append(items, page.Items...)
		if page.NextPageToken == "" {
			return items, page.NextSyncToken, 200
		}
		q.Set("pageToken", page.NextPageToken)
	}
}

func (r *reader) sync() {
	q := url.Values{"maxResults": {"7"}}
	if r.token != "" {
		q.Set("syncToken", r.token)
	}
	items, token, status := r.all("", q)
	if status == 410 {
		r.token = ""
		r.sync()
		return
	}
	if status != 200 {
		r.g.t.Fatalf("list: %d", status)
	}
	if r.token == "" {
		r.rows, r.series = map[string]event{}, map[string]bool{}
	}
	r.token = token
	touched := map[string]bool{}
	for _, e := range items {
		switch {
		case e.RecurringEventID != "":
			touched[e.RecurringEventID] = true
		case e.Recurrence != nil || r.series[e.ID]:
			r.series[e.ID] = true
			touched[e.ID] = true
		default:
			r.rows[e.ID] = e
		}
	}
	for id := range touched {
		for row, e := range r.rows {
			if e.RecurringEventID == id {
				delete(r.rows, row)
			}
		}
		list, _, status := r.all("/"+id+"/instances", url.Values{"timeMin": {r.from.Format(time.RFC3339)}, "timeMax": {r.to.Format(time.RFC3339)}, "maxResults": {"5"}})
		if status != 200 {
			r.g.t.Fatalf("instances of %s: %d", id, status)
		}
		for _, e := range list {
			r.rows[e.ID] = e
		}
	}
}

func (r *reader) window() []string {
	var list []string
	for _, e := range r.rows {
		if e.Status == "cancelled" {
			continue
		}
		start, end := r.bounds(e)
		if end.After(r.from) && start.Before(r.to) {
			shown := start
			if e.Start.Date != "" {
				shown, _ = time.Parse(time.DateOnly, e.Start.Date)
			}
			list = append(list, fmt.Sprint(e.ID, " ", e.Summary, " ", shown.UTC().Format(time.RFC3339)))
		}
	}
	slices.Sort(list)
	return list
}

func (r *reader) bounds(e event) (time.Time, time.Time) {
	var at [2]time.Time
	for i, t := range []*eventTime{e.Start, e.End} {
		if t.Date != "" {
			at[i], _ = time.ParseInLocation(time.DateOnly, t.Date, r.g.cal.Location())
		} else {
			at[i], _ = time.Parse(time.RFC3339, t.DateTime)
		}
	}
	return at[0], at[1]
}
