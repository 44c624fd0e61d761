package v2_test

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	"steno/internal/ident"
	"steno/internal/store/storetest"
	"steno/test/contract"
	"steno/test/hostile"
)

// Every operation of the reference exists, and every status that is documented
// for it comes about at least once, as documented. What cannot come about has a
// reason in the table. With STENO_CONTRACT_TABLE set, the table of what was seen
// is written to that file.
func TestEveryOperationAnswersWithEveryDocumentedStatus(t *testing.T) {
	hostile.OneByOne(t)
	seen := &contract.Watch{}
	ref, there := contract.Load(), map[string]bool{}
	shared := newWorld(t, storetest.SQLite(t)) // for requests that change nothing
	broken, limited := shared.broken(t), newWorld(t, storetest.SQLite(t))
	atTheLimit(t, limited)
	for _, o := range shared.operations(t) {
		there[o.id] = true
		documented, ok := ref.Operations[o.id]
		if ok && (documented.Method != o.method || documented.Path != o.path) {
			t.Errorf("%s is at %s %s, documented at %s %s", o.id, o.method, o.path, documented.Method, documented.Path)
		}
		t.Run(o.id, func(t *testing.T) {
			for _, text := range slices.Sorted(maps.Keys(documented.Statuses)) {
				status, _ := strconv.Atoi(text)
				_, special := samples[o.id].more[status]
				switch why := o.never(status); {
				case why != "":
					t.Logf("%d cannot come about: %s", status, why)
				case special || status < 300 && o.method != "GET":
					o.bringAbout(t, newWorld(t, storetest.SQLite(t)), status, seen)
				case status == 500:
					o.expect(t, broken, shared.key, o.call(shared.ids), status)
				case status == 429:
					o.expect(t, limited.stand, limited.key, o.call(limited.ids), status)
				default:
					o.bringAbout(t, shared, status, seen)
				}
			}
		})
	}
	seen.Add(shared.watch)
	seen.Add(limited.watch)
	for _, id := range ref.IDs() {
		if !there[id] {
			t.Errorf("%s does not exist", id)
		}
		o := operation{id: id, method: ref.Operations[id].Method}
		for text := range ref.Operations[id].Statuses {
			status, _ := strconv.Atoi(text)
			if why := o.never(status); there[id] && (seen.Count(id, status) > 0) == (why != "") {
				t.Errorf("%s: %d was seen %d times; the table's reason against it is %q", id, status, seen.Count(id, status), why)
			}
		}
	}
	table := seen.Table()
	t.Logf("documented statuses and how often each was seen:\n%s", table)
	if file := os.Getenv("STENO_CONTRACT_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(table), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// never says why a status cannot come about.
func (o operation) never(status int) string {
	why := samples[o.id].never[status]
	if status == 429 && o.method == "GET" {
		return reading
	}
	return why
}

// bringAbout makes the operation answer with a status.
func (o operation) bringAbout(t *testing.T, w *world, status int, seen *contract.Watch) {
	t.Helper()
	row, call := samples[o.id], o.call(w.ids)
	more, special := row.more[status]
	if row.ready != nil && (special || status < 300) {
		row.ready(t, w)
	}
	switch {
	case special:
		if more.prepare != nil {
			more.prepare(t, w)
		}
		if more.method != "" {
			call = request{more.method, w.ids.fill(more.path), w.ids.fill(more.body)}
		}
	case status == 400:
		call = o.mistake(w.ids)
	case status == 404:
		call = o.call(w.ids.each(ident.New))
	}
	o.expect(t, w.stand, w.key, call, status)
	seen.Add(w.watch)
	w.watch.Reset()
}

func (o operation) expect(t *testing.T, s *stand, key string, call request, status int) {
	t.Helper()
	if r := s.send(t, key, call); r.status != status {
		t.Errorf("%s %s %s answers %d, want %d: %s", call.method, call.path, call.body, r.status, status, r.body)
	}
}
