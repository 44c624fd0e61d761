package store

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

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
			// The ascii tokenizer takes everything that is no ASCII for letters: it finds
			// the words that it is given. Only the index is kept, not the text.
			`CREATE VIRTUAL TABLE search_words USING fts5 (words, content='', contentless_delete=1, tokenize="ascii tokenchars '#@%'")`)
	} else {
		statements = append(statements,
			`CREATE TABLE search_utterances (id BIGINT NOT NULL PRIMARY KEY, `+columns+`, words TSVECTOR NOT NULL)`,
			// Not put off: what waits to be put into the index is read by every search.
			`CREATE INDEX search_words ON search_utterances USING gin (words) WITH (fastupdate = off)`)
	}
	return goose.NewGoMigration(112, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		for _, s := range statements {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}}, nil)
}
