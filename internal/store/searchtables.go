package store

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// wordsOnSQLite makes the index of SQLite. The ascii tokenizer takes everything that is
// no ASCII for letters: it finds the words that it is given. Only the index is kept,
// not the text.
const wordsOnSQLite = `CREATE VIRTUAL TABLE search_words USING fts5 (words, content='', contentless_delete=1, tokenize="ascii tokenchars '#@%'")`

// searchTables is the migration that makes the tables of search: full text is where
// the two databases have no words in common.
func searchTables(onSQLite bool) *goose.Migration {
	statements := []string{
		// slot is the place of a bot among all, block that of a few hundred bots among
		// those of the team, see index.go.
		`CREATE TABLE search_transcripts (slot BIGINT NOT NULL PRIMARY KEY, team_id TEXT NOT NULL, bot_id TEXT NOT NULL UNIQUE REFERENCES bots (id), block BIGINT NOT NULL)`,
		`CREATE INDEX search_transcripts_by_team ON search_transcripts (team_id, slot)`,
		`CREATE INDEX search_transcripts_by_block ON search_transcripts (team_id, block)`,
	}
	const columns = "speaker TEXT NOT NULL, start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, text TEXT NOT NULL"
	if onSQLite {
		statements = append(statements,
			`CREATE TABLE search_utterances (id INTEGER NOT NULL PRIMARY KEY, `+columns+`)`,
			wordsOnSQLite)
	} else {
		statements = append(statements,
			`CREATE TABLE search_utterances (id BIGINT NOT NULL PRIMARY KEY, `+columns+`, words TSVECTOR NOT NULL)`,
			// Not put off: what waits to be put into the index is read by every search.
			`CREATE INDEX search_words ON search_utterances USING gin (words) WITH (fastupdate = off)`)
	}
	return goose.NewGoMigration(112, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		return execAll(ctx, tx, statements)
	}}, nil)
}

func execAll(ctx context.Context, tx *sql.Tx, statements []string) error {
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// searchByTeam is the migration that gives each team words of its own in the index of
// SQLite. Before, an utterance had its team as a word, and each search went through
// all utterances of the team to find those that are of it.
func searchByTeam(onSQLite bool) *goose.Migration {
	return goose.NewGoMigration(115, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		if !onSQLite {
			return nil
		}
		if err := execAll(ctx, tx, []string{
			`DROP TABLE search_words`,
			wordsOnSQLite,
		}); err != nil {
			return err
		}
		return fillWords(ctx, tx)
	}}, nil)
}

// fillWords puts all utterances into the index of SQLite.
func fillWords(ctx context.Context, tx *sql.Tx) error {
	type said struct {
		slot          int64
		team, meeting string
	}
	all, err := rowsOf(ctx, migrating{tx}, `SELECT t.slot, t.team_id, b.meeting_key FROM search_transcripts t JOIN bots b ON b.id = t.bot_id ORDER BY t.slot`, nil, func(r *sql.Rows) (t said, err error) {
		err = r.Scan(&t.slot, &t.team, &t.meeting)
		return t, err
	})
	if err != nil {
		return err
	}
	type utterance struct {
		id            int64
		speaker, text string
	}
	for _, t := range all {
		list, err := rowsOf(ctx, migrating{tx}, `SELECT id, speaker, text FROM search_utterances WHERE id >= $1 AND id < $2 ORDER BY id`, []any{t.slot << utteranceBits, (t.slot + 1) << utteranceBits}, func(r *sql.Rows) (u utterance, err error) {
			err = r.Scan(&u.id, &u.speaker, &u.text)
			return u, err
		})
		if err != nil {
			return err
		}
		for _, u := range list {
			if _, err := tx.ExecContext(ctx, `INSERT INTO search_words (rowid, words) VALUES ($1, $2)`, u.id, indexed(t.team, t.meeting, u.speaker, u.text)); err != nil {
				return err
			}
		}
	}
	return nil
}
