package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"steno/internal/bot"
)

// PutPeople stores the complete list of a bot's participants.
func (t botTx) PutPeople(ctx context.Context, b bot.Bot, people, speakers []bot.Participant) error {
	spoke := map[int]int64{}
	for _, s := range speakers {
		spoke[s.N] = s.TalkMS
	}
	for _, p := range people {
		talk, spoken := spoke[p.N]
		talk = max(talk, p.TalkMS)
		_, err := t.Exec(ctx, `INSERT INTO participants (bot_id, n, team_id, name, name_folded, display_name, picture, talk_ms, spoke)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (bot_id, n) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded,
				display_name = excluded.display_name, picture = excluded.picture, talk_ms = excluded.talk_ms, spoke = excluded.spoke`,
			b.ID, p.N, b.TeamID, p.Name, strings.ToLower(p.Name), p.DisplayName, p.Picture, talk, spoken || talk > 0)
		if err != nil {
			return err
		}
	}
	_, err := t.Exec(ctx, "DELETE FROM participants WHERE bot_id = $1 AND n > $2", b.ID, highest(people))
	return err
}

func highest(people []bot.Participant) (n int) {
	for _, p := range people {
		n = max(n, p.N)
	}
	return n
}

// people returns a bot's participants, and those of them who spoke.
func people(ctx context.Context, q Querier, botID string) (all, speakers []bot.Participant, err error) {
	const query = "SELECT n, name, display_name, picture, talk_ms, spoke FROM participants WHERE bot_id = $1 ORDER BY n"
	all, err = rowsOf(ctx, q, query, []any{botID}, func(rows *sql.Rows) (p bot.Participant, err error) {
		var spoke bool
		err = rows.Scan(&p.N, &p.Name, &p.DisplayName, &p.Picture, &p.TalkMS, &spoke)
		if spoke {
			speakers = append(speakers, p)
		}
		return p, err
	})
	return all, speakers, err
}

// PutArtifacts stores files of a bot; a newer one replaces its namesake.
func (t botTx) PutArtifacts(ctx context.Context, b bot.Bot, all []bot.StoredArtifact, at time.Time) error {
	for _, a := range all {
		_, err := t.Exec(ctx, `INSERT INTO artifacts (bot_id, kind, name, team_id, key, bytes, sha256, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (bot_id, kind, name) DO UPDATE SET key = excluded.key, bytes = excluded.bytes, sha256 = excluded.sha256,
				created_at = excluded.created_at, deleted_at = NULL`, b.ID, a.Kind, a.Name, b.TeamID, a.Key, a.Bytes, a.SHA256, at.UnixMilli())
		if err != nil {
			return err
		}
	}
	return nil
}

// artifacts returns the files of a bot that may be read, without its
// screenshots, of which there are thousands, and what is for operators only: none
// once they are to be deleted.
func artifacts(ctx context.Context, q Querier, botID string) ([]bot.StoredArtifact, error) {
	const query = "SELECT kind, name, key, bytes, sha256 FROM artifacts WHERE bot_id = $1 AND deleted_at IS NULL AND kind NOT IN ('screenshot', 'evidence') ORDER BY kind, name"
	return rowsOf(ctx, q, query, []any{botID}, scanArtifact)
}

func scanArtifact(rows *sql.Rows) (a bot.StoredArtifact, err error) {
	err = rows.Scan(&a.Kind, &a.Name, &a.Key, &a.Bytes, &a.SHA256)
	return a, err
}

// DropArtifacts marks a bot's files as deleted; the job removes them.
func (t botTx) DropArtifacts(ctx context.Context, b bot.Bot, at time.Time) (int64, error) {
	if _, err := t.Exec(ctx, "DELETE FROM bot_commands WHERE bot_id = $1 AND team_id = $2", b.ID, b.TeamID); err != nil {
		return 0, err // they hold what was to be said in the meeting
	}
	if err := dropUtterances(ctx, t.Tx, b.TeamID, b.ID); err != nil {
		return 0, err
	}
	if err := t.Index().Forget(ctx, b.TeamID, b.ID); err != nil {
		return 0, err
	}
	return execN(ctx, t.Tx, "UPDATE artifacts SET deleted_at = $1 WHERE bot_id = $2 AND deleted_at IS NULL", at.UnixMilli(), b.ID)
}

// SpeakersOf returns the names of those who spoke, by bot.
func (s Bots) SpeakersOf(ctx context.Context, team string, bots []string) (map[string][]string, error) {
	out := map[string][]string{}
	query := "SELECT bot_id, name FROM participants WHERE spoke AND team_id = $1 AND bot_id IN (" + placeholders(2, len(bots)) + ") ORDER BY bot_id, n"
	_, err := list(ctx, s.DB, query, texts([]any{team}, bots), func(rows *sql.Rows) (id string, err error) {
		var name string
		err = rows.Scan(&id, &name)
		out[id] = append(out[id], name)
		return id, err
	})
	return out, err
}

// DeletedArtifacts returns the files that are to be removed from the object
// store.
func (s Bots) DeletedArtifacts(ctx context.Context, botID string) ([]bot.StoredArtifact, error) {
	const query = "SELECT kind, name, key, bytes, sha256 FROM artifacts WHERE bot_id = $1 AND deleted_at IS NOT NULL ORDER BY kind, name"
	return list(ctx, s.DB, query, []any{botID}, scanArtifact)
}

// Transitions returns the statuses that a bot went through.
func (s Bots) Transitions(ctx context.Context, team, botID string) (out []bot.Transition, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		out, err = transitions(ctx, q, team, botID)
		return err
	})
	return out, err
}

func transitions(ctx context.Context, q Querier, team, botID string) ([]bot.Transition, error) {
	const query = "SELECT status, at, message FROM bot_transitions WHERE bot_id = $1 AND team_id = $2 ORDER BY n"
	return rowsOf(ctx, q, query, []any{botID, team}, func(rows *sql.Rows) (t bot.Transition, err error) {
		var at int64
		err = rows.Scan(&t.Status, &at, &t.Message)
		t.At = timeOf(at)
		return t, err
	})
}
