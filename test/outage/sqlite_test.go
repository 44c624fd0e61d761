package outage

import (
	"database/sql"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"steno/demo"
	"steno/internal/store/sqlite"
)

// Proves D2 on SQLite: the server is killed with SIGKILL in the middle of its
// commits. The file is whole after each kill and holds all that was acknowledged,
// and in the end every webhook has arrived. The short form kills it 20 times, the
// long one 200 times.
func TestStormD2SQLite(t *testing.T) {
	beside(t)
	kills := 20
	if storm() {
		kills = 200
	}
	data := t.TempDir()
	s, err := demo.NewStage(t.Context(), demo.StageOptions{
		Binary: program, Data: data, Args: []string{"--roles", "api,worker", "--join-lead", "3m"}, Env: []string{"STENO_ALLOW_PRIVATE_TARGETS=127.0.0.0/8"},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHooks(t)
	for _, command := range [][]string{
		{"limits", "set", "--requests-per-second", "none", "--bots-per-day", "none"}, {"webhook", "add", h.URL},
	} {
		if _, err := s.Command(t.Context(), command...); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = s.Stop() }) // a failed test leaves it running
	f := newTraffic(t, newCaller(s.Base, s.Key, ""))
	f.run(4, 5*time.Millisecond, true)
	for range kills {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		before, _ := f.counts()
		eventually(t, "an acknowledgement", func() bool { now, _ := f.counts(); return now > before })
		time.Sleep(rand.N(100 * time.Millisecond)) // any moment will do
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		wantWhole(t, data, f)
	}
	f.end()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all webhooks", func() bool {
		for _, id := range f.acked {
			if h.has(id, queuedEvent) == 0 {
				return false
			}
		}
		return true
	})
	for _, id := range f.acked {
		if n := h.has(id, queuedEvent); n != 1 {
			t.Errorf("bot %s: %d messages say that it is queued", id, n)
		}
	}
	for what, n := range f.wrong {
		t.Errorf("%d times %s", n, what)
	}
	messages, repeats := h.counts()
	t.Logf("%d kills, %d acknowledged, none lost, %d messages arrived, %d repeated", kills, len(f.acked), messages, repeats)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// wantWhole checks the file that a killed server left.
func wantWhole(t *testing.T, data string, f *traffic) {
	t.Helper()
	db, err := sql.Open(sqlite.Driver, "file:"+(&url.URL{Path: filepath.Join(data, sqlite.File)}).EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" { //nolint:noctx // a test
		t.Fatalf("the database is broken: %s (%v)", verdict, err)
	}
	f.mu.Lock()
	acked := append([]string(nil), f.acked...)
	f.mu.Unlock()
	for _, id := range acked {
		var there bool
		err := db.QueryRow("SELECT EXISTS (SELECT 1 FROM bots WHERE id = $1) OR EXISTS (SELECT 1 FROM scheduled_bots WHERE id = $1)", id).Scan(&there) //nolint:noctx // a test
		if err != nil || !there {
			t.Fatalf("bot %s was acknowledged and is gone (%v)", id, err)
		}
	}
}
