package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/artifact"
	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/job"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// retainVariable makes the test binary a process that runs retention, removes
// what it marked, and kills itself: "url|dir|objects|statement|object", before a
// statement of a transaction and in the removal of an object (0: never).
const retainVariable = "STENO_TEST_RETAIN"

var retainNow = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

const keepDays = 10

// perTeam keeps what red recorded for some days, and blue's for ever.
type perTeam struct{}

func (perTeam) RetentionDays(_ context.Context, team string) (int, error) {
	return map[string]int{"red": keepDays}[team], nil
}

func retention(db *store.DB) *artifact.Retention {
	return &artifact.Retention{
		Store: store.Retention{DB: db}, Policy: perTeam{}, Clock: clock.Func(func() time.Time { return retainNow }),
		Log: slog.New(slog.DiscardHandler), Batch: 2,
	}
}

func kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}

// deadly kills the process in the middle of the n-th removal: the object is
// gone, and nobody was told.
type deadly struct {
	*blob.Store
	at, n int
}

func (d *deadly) Delete(ctx context.Context, key string) error {
	err := d.Store.Delete(ctx, key)
	if d.n++; d.n == d.at {
		kill()
	}
	return err
}

func retainChild() int {
	part := strings.Split(os.Getenv(retainVariable), "|")
	statement, _ := strconv.Atoi(part[3])
	object, _ := strconv.Atoi(part[4])
	ctx, n := context.Background(), 0
	db, err := store.Open(ctx, store.Options{DatabaseURL: part[0], DataDir: part[1], Step: func(int) {
		if n++; n == statement {
			kill()
		}
	}})
	if err == nil {
		var objects *blob.Store
		if objects, err = blob.Open(ctx, part[2]); err == nil {
			err = retainOnce(ctx, db, &deadly{Store: objects, at: object})
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// retainOnce is a run of retention with the jobs that it queues.
func retainOnce(ctx context.Context, db *store.DB, objects objectDeleter) error {
	if err := retention(db).Run(ctx); err != nil {
		return err
	}
	d := deleter{bots: store.Bots{DB: db}, objects: objects}
	var errs []error
	for _, id := range column(ctx, db, "SELECT DISTINCT bot_id FROM artifacts WHERE deleted_at IS NOT NULL ORDER BY bot_id") {
		errs = append(errs, d.run(ctx, job.Job[store.DeleteData]{Args: store.DeleteData{BotID: id}}))
	}
	return errors.Join(errs...)
}

func column(ctx context.Context, db *store.DB, query string) (list []string) {
	_ = db.Read(ctx, func(q store.Querier) error {
		rows, err := q.Query(ctx, query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return err
			}
			list = append(list, s)
		}
		return rows.Err()
	})
	return list
}

type noVault struct{}

func (noVault) SealBot(_, _, _, plain string) (string, error)     { return plain, nil }
func (noVault) URL(_ context.Context, key string) (string, error) { return "https://x/" + key, nil }

// archive is a database with bots of two teams and their files.
type archive struct {
	db      *store.DB
	objects *blob.Store
	kept    map[string]bool // keys that must stay
	old     []string        // bots whose data must go
}

func newArchive(t *testing.T, o store.Options) *archive {
	t.Helper()
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	objects, err := blob.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{db: db, objects: objects, kept: map[string]bool{}}
	for _, team := range []string{"red", "blue"} {
		if err := (store.Accounts{DB: db}).AddTeam(t.Context(), account.Team{ID: team, Name: team, CreatedAt: retainNow}); err != nil {
			t.Fatal(err)
		}
		for i, ended := range []time.Duration{40, 30, 20, 11, 9, 1, 0} { // days ago; the last still runs
			a.bot(t, team, i, retainNow.Add(-ended*24*time.Hour), ended)
		}
	}
	return a
}

func (a *archive) bot(t *testing.T, team string, i int, ended time.Time, daysAgo time.Duration) {
	t.Helper()
	s := &bot.Service{
		Store: store.Bots{DB: a.db, Vault: noVault{}}, Signer: noVault{}, ValidURL: func(string) error { return nil },
		Clock: clock.Func(func() time.Time { return ended }),
	}
	id, err := s.Create(t.Context(), team, bot.Request{Name: fmt.Sprint(i), MeetingURL: "https://meet.google.com/abc-defg-hij"})
	if err != nil {
		t.Fatal(err)
	}
	p := bot.Progress{Seq: 1}
	for kind, name := range map[string]string{"video": "", "audio": "", "chat_messages": "", bot.KindScreenshot: "000001"} {
		key := id + "/" + kind + name
		if err := a.objects.PutBytes(t.Context(), key, []byte("x"), "text/plain"); err != nil {
			t.Fatal(err)
		}
		p.Artifacts = append(p.Artifacts, bot.StoredArtifact{Kind: kind, Name: name, Key: key, Bytes: 1})
		if team == "blue" || daysAgo < keepDays {
			a.kept[key] = true
		}
	}
	if daysAgo > 0 {
		p.Done = &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: ended}
	}
	if err := s.Apply(t.Context(), id, p); err != nil {
		t.Fatal(err)
	}
	if team == "red" && daysAgo > keepDays {
		a.old = append(a.old, id)
	}
	// A host that died before it could report what it had stored.
	if err := a.objects.PutBytes(t.Context(), id+"/screenshots/000002.jpg", []byte("x"), "image/jpeg"); err != nil {
		t.Fatal(err)
	}
}

// sound checks what must hold at every moment: what may be read is there, and
// what must stay is untouched.
func (a *archive) sound(t *testing.T, when string) {
	t.Helper()
	live := map[string]bool{}
	for _, key := range column(t.Context(), a.db, "SELECT key FROM artifacts WHERE deleted_at IS NULL") {
		live[key] = true
		if _, err := a.objects.Attributes(t.Context(), key); err != nil {
			t.Errorf("%s: %s is listed and not there: %v", when, key, err)
		}
	}
	for key := range a.kept {
		if !live[key] {
			t.Errorf("%s: %s should be kept", when, key)
		}
	}
	// Data are marked as a whole or not at all.
	if n := column(t.Context(), a.db, `SELECT a.bot_id FROM artifacts a JOIN bots b ON b.id = a.bot_id
		WHERE (a.deleted_at IS NULL) = b.artifacts_deleted`); len(n) > 0 {
		t.Errorf("%s: bots of which only a part is marked: %v", when, n)
	}
}

// gone checks that database and store agree that nothing of the old is left.
func (a *archive) gone(t *testing.T) {
	t.Helper()
	a.sound(t, "at the end")
	if left := column(t.Context(), a.db, "SELECT key FROM artifacts WHERE deleted_at IS NOT NULL"); len(left) > 0 {
		t.Errorf("still listed: %v", left)
	}
	for _, id := range a.old {
		for _, name := range []string{"video", "audio", "chat_messages", "screenshot000001", "screenshots/000002.jpg"} {
			if _, err := a.objects.Attributes(t.Context(), id+"/"+name); err == nil {
				t.Errorf("%s/%s is still stored", id, name)
			}
		}
	}
	if n := column(t.Context(), a.db, "SELECT id FROM bots WHERE artifacts_deleted = TRUE"); len(n) != len(a.old) {
		t.Errorf("%d bots are marked, want %d", len(n), len(a.old))
	}
}

// A process that is killed again and again in the middle of retention, between
// statements and between objects, leaves nothing that the next run does not set
// right, and never anything that is listed and not there.
func TestRetentionSurvivesKills(t *testing.T) {
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		a := newArchive(t, o)
		a.sound(t, "before")
		run := func(statement, object int) bool {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%s|%d|%d", retainVariable, o.DatabaseURL, o.DataDir, a.objects, statement, object))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) || exit != nil && exit.ExitCode() > 0 {
				t.Fatalf("%v: %s", err, out)
			}
			a.sound(t, fmt.Sprintf("killed before statement %d, object %d", statement, object))
			return err != nil
		}
		killed := 0
		for _, at := range [][2]int{{1, 0}, {6, 0}, {0, 1}, {0, 5}} {
			if run(at[0], at[1]) {
				killed++
			}
		}
		if killed < 4 {
			t.Errorf("killed %d times only", killed)
		}
		run(0, 0)
		a.gone(t)
	})
}

// faulty fails now and then, before or after it has done its work.
type faulty struct {
	*blob.Store
	n int
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	f.n++
	switch f.n % 3 {
	case 0:
		return errors.New("the storage is away")
	case 1:
		return errors.Join(f.Store.Delete(ctx, key), errors.New("did it, and says it failed"))
	}
	return f.Store.Delete(ctx, key)
}

func TestRetentionSurvivesAStoreThatFails(t *testing.T) {
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		a := newArchive(t, o)
		objects := &faulty{Store: a.objects}
		tries := 1
		for retainOnce(t.Context(), a.db, objects) != nil {
			a.sound(t, fmt.Sprintf("try %d", tries))
			if tries++; tries > 40 {
				t.Fatal("never done")
			}
		}
		if tries == 1 {
			t.Error("nothing failed")
		}
		a.gone(t)
		if n := len(column(t.Context(), a.db, "SELECT CAST(id AS TEXT) FROM river_job WHERE kind = 'delete_data'")); n < len(a.old) {
			t.Errorf("%d jobs for %d bots", n, len(a.old))
		}
	})
}
