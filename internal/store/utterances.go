package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"steno/internal/bot"
)

func (t botTx) AddUtterances(ctx context.Context, b bot.Bot, said []bot.Utterance) error {
	for _, u := range said {
		_, err := t.Exec(ctx, `INSERT INTO bot_utterances (bot_id, seq, team_id, speaker, person, text, language, start_ms, end_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			b.ID, u.Seq, b.TeamID, u.Speaker, u.N, u.Text, u.Language, u.Start.Milliseconds(), u.End.Milliseconds())
		if err != nil {
			return err
		}
	}
	return nil
}

// SetPartial stores what is being said, in place of what was.
func (t botTx) SetPartial(ctx context.Context, b bot.Bot, partial []bot.Utterance) error {
	text, err := json.Marshal(partial)
	if err != nil {
		return err
	}
	_, err = t.Exec(ctx, "INSERT INTO bot_partials (bot_id, team_id, said) VALUES ($1, $2, $3) ON CONFLICT (bot_id) DO UPDATE SET said = excluded.said",
		b.ID, b.TeamID, string(text))
	return err
}

// Talk returns a bot, what was said in its meeting after a number, and what is being
// said. The bot is read first: what was said before it ended is there. What is being
// said is read before what was: a sentence that ends in between is there twice
// rather than missing.
func (s Bots) Talk(ctx context.Context, team, id string, after int64, limit int) (b bot.Bot, talk bot.Talk, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		b, err = scanBot(q.QueryRow(ctx, "SELECT "+botColumns+" FROM bots WHERE id = $1 AND team_id = $2", id, team).Scan)
		if err != nil {
			return notFound(err, id)
		}
		var partial string
		err = q.QueryRow(ctx, "SELECT said FROM bot_partials WHERE bot_id = $1 AND team_id = $2", id, team).Scan(&partial)
		if err == nil {
			err = json.Unmarshal([]byte(partial), &talk.Partial)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		const query = `SELECT seq, speaker, person, text, language, start_ms, end_ms FROM bot_utterances
			WHERE bot_id = $1 AND team_id = $2 AND seq > $3 ORDER BY seq LIMIT $4`
		talk.Said, err = rowsOf(ctx, q, query, []any{id, team, after, limit}, func(rows *sql.Rows) (u bot.Utterance, err error) {
			var start, end int64
			err = rows.Scan(&u.Seq, &u.Speaker, &u.N, &u.Text, &u.Language, &start, &end)
			u.Start, u.End = time.Duration(start)*time.Millisecond, time.Duration(end)*time.Millisecond
			return u, err
		})
		return err
	})
	return b, talk, err
}

// dropUtterances forgets what was said in a bot's meeting.
func dropUtterances(ctx context.Context, tx *Tx, team, botID string) error {
	for _, table := range []string{"bot_utterances", "bot_partials"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE bot_id = $1 AND team_id = $2", botID, team); err != nil {
			return err
		}
	}
	return nil
}

// LiveKey returns the caller's own key of the service that transcribes live, as it
// is sealed, and the bot's team.
func (s Bots) LiveKey(ctx context.Context, botID string) (team, sealed string, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		return notFound(q.QueryRow(ctx, "SELECT team_id, live_key FROM bot_configs WHERE bot_id = $1", botID).Scan(&team, &sealed), botID)
	})
	return team, sealed, err
}
