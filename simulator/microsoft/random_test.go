package microsoft

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"steno/simulator/service"
)

// What the fake says over its protocol must add up to what it says stands in
// the calendar; else it would be no oracle. The reader here replaces the
// occurrences of a series as a set whenever a row of it comes, and asks for
// masters that do not come.
func TestRoundsAddUpToTheOracle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		g := newRig(t, polite())
		g.s.SetFaults(service.Faults{service.EmptyPage: .2, service.ShortPage: .3, service.MissingTomb: .7, service.MissingMaster: .5,
			service.NoFields: .5, service.StrayTomb: .3, service.DoubledRow: .3, service.Gone: .05, service.GoneSilently: .05})
		rng := rand.New(rand.NewPCG(seed, 1))
		r := &reader{g: g}
		var log []string
		for range 12 {
			for range 1 + rng.IntN(4) {
				log = append(log, g.cal.Shake(rng, from, to))
			}
			r.sync()
			var want []string
			for _, o := range g.cal.Occurrences(from, to) {
				want = append(want, fmt.Sprint(IDOf(o), " ", o.Content.Title))
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
	g       *rig
	link    string
	rows    map[string]map[string]any // singles and occurrences
	masters map[string]map[string]any
}

// pages reads a round; false when its link is lost.
func (r *reader) pages(link string) (rows []map[string]any, delta string, ok bool) {
	for link != "" {
		req, _ := http.NewRequest("GET", link, nil)
		req.Header.Set("Authorization", "Bearer "+r.g.token)
		req.Header.Set("Prefer", `odata.maxpagesize=5, IdType="ImmutableId"`)
		resp, err := http.DefaultClient.Do(req)
		must(r.g.t, err)
		if resp.StatusCode == 410 || resp.StatusCode == 400 {
			resp.Body.Close()
			return nil, "", false
		}
		page := r.g.read(resp, nil, 200)
		rows = append(rows, values(page)...)
		delta, _ = page["@odata.deltaLink"].(string)
		link, _ = page["@odata.nextLink"].(string)
	}
	return rows, delta, true
}

func (r *reader) sync() {
	if r.link == "" {
		r.link = r.g.s.GraphURL() + "/me/calendarView/delta?" + window
		r.rows, r.masters = map[string]map[string]any{}, map[string]map[string]any{}
	}
	rows, delta, ok := r.pages(r.link)
	if !ok {
		r.link = ""
		r.sync()
		return
	}
	r.link = delta
	sets := map[string]bool{}
	for _, row := range rows { // first the sets that are replaced
		id := row["id"].(string)
		if master, _ := row["seriesMasterId"].(string); master != "" {
			sets[master] = true
		}
		if row["type"] == "seriesMaster" || row["@removed"] != nil {
			sets[id] = true
		}
	}
	for id, row := range r.rows {
		if master, _ := row["seriesMasterId"].(string); sets[master] {
			delete(r.rows, id)
		}
	}
	for _, row := range rows {
		id := row["id"].(string)
		switch {
		case row["@removed"] != nil:
			delete(r.rows, id)
		case row["type"] == "seriesMaster":
			r.masters[id] = row
		default:
			r.rows[id] = row
		}
	}
	for _, row := range r.rows {
		if master, _ := row["seriesMasterId"].(string); master != "" && (r.masters[master] == nil || sets[master]) {
			r.masters[master] = r.g.do(200, "GET", "/me/events/"+master, "")
		}
	}
}

func (r *reader) window() []string {
	var list []string
	for id, row := range r.rows {
		subject, has := row["subject"]
		if master, _ := row["seriesMasterId"].(string); !has && master != "" {
			subject = r.masters[master]["subject"]
		}
		list = append(list, fmt.Sprint(id, " ", subject))
	}
	slices.Sort(list)
	return list
}
