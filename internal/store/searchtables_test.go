package store

import (
	"testing"
	"time"

	"steno/internal/ident"
	"steno/internal/page"
	"steno/internal/transcript"
)

// What versions before have taken in is found by its team, as what is new.
func TestWordsOfOldTranscriptsAreFilledIn(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, team := range []string{"red", "blue"} {
		err := db.InTx(ctx, func(tx *Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO teams (id, name, created_at) VALUES ($1, $1, 0)", team); err != nil {
				return err
			}
			bot := ident.New()
			if _, err := tx.Exec(ctx, `INSERT INTO bots (id, team_id, name, name_folded, meeting_url, meeting_key, platform, mode, status, created_at, updated_at)
				VALUES ($1, $2, 'N', 'n', 'https://x', 'x', 'meet', 'speaker_view', 'completed', $3, $3)`, bot, team, time.Now().UnixMilli()); err != nil {
				return err
			}
			return tx.Index().Put(ctx, team, bot, []transcript.Indexed{{Speaker: "Ada Blue", Text: "We ship on Friday."}, {Speaker: "Ben Red", Text: "On Friday?"}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	find := func() (n int) {
		t.Helper()
		for _, team := range []string{"red", "blue"} {
			hits, err := Search{DB: db}.Find(ctx, team, transcript.Lookup{
				Terms: []transcript.Term{{Words: []string{"on", "friday"}}}, Speaker: []transcript.Term{{Words: []string{"ada"}}}, Meeting: "x", Span: page.Span{Limit: 10},
			})
			if err != nil {
				t.Fatal(err)
			}
			n += len(hits)
		}
		return n
	}
	if n := find(); n != 2 {
		t.Fatalf("%d hits, want one of each team", n)
	}
	// As it was before 00115.
	for _, s := range []string{"DROP TABLE search_words", "CREATE VIRTUAL TABLE search_words USING fts5 (words)", "DELETE FROM goose_db_version WHERE version_id = 115"} {
		if _, err := db.write.ExecContext(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	if n := find(); n != 0 {
		t.Fatalf("%d hits in an empty index", n)
	}
	if err := db.migrate(ctx, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if n := find(); n != 2 {
		t.Errorf("%d hits, want one of each team", n)
	}
}
