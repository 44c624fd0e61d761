package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"steno/internal/bot"
)

func (t botTx) AddCommand(ctx context.Context, c bot.Command) error {
	_, err := t.Exec(ctx, `INSERT INTO bot_commands (id, team_id, bot_id, kind, text, state, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.ID, c.TeamID, c.BotID, string(c.Kind), c.Text, string(c.State), c.Created.UnixMilli(), c.Expires.UnixMilli())
	return err
}

// Command returns a command as it stands.
func (s Bots) Command(ctx context.Context, id string) (c bot.Command, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		c, err = scanCommand(q.QueryRow(ctx, "SELECT "+commandColumns+" FROM bot_commands WHERE id = $1", id).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) { // its bot's data were deleted meanwhile
		return bot.Command{ID: id, State: bot.CommandFailed, Message: "the bot's data were deleted"}, nil
	}
	return c, err
}

const commandColumns = "id, team_id, bot_id, kind, text, state, message, created_at, expires_at"

func scanCommand(scan func(...any) error) (c bot.Command, err error) {
	var created, expires int64
	err = scan(&c.ID, &c.TeamID, &c.BotID, &c.Kind, &c.Text, &c.State, &c.Message, &created, &expires)
	c.Created, c.Expires = timeOf(created), timeOf(expires)
	return c, err
}

// DropCommand forgets a command.
func (s Bots) DropCommand(ctx context.Context, id string) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM bot_commands WHERE id = $1", id)
		return err
	})
}

// DropOpenCommand forgets a command that no host has taken, and reports
// whether it was one.
func (s Bots) DropOpenCommand(ctx context.Context, id string) (gone bool, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		n, err := execN(ctx, tx, "DELETE FROM bot_commands WHERE id = $1 AND state = 'open'", id)
		gone = n == 1
		return err
	})
	return gone, err
}

// Commands returns what the bots are to be told, oldest first: also what a host
// had taken that has died meanwhile.
func (s Bots) Commands(ctx context.Context, ids []string, now time.Time) ([]bot.Command, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	query := "SELECT " + commandColumns + ` FROM bot_commands WHERE state IN ('open', 'taken') AND expires_at > $1
		AND bot_id IN (` + placeholders(2, len(ids)) + ") ORDER BY id"
	return list(ctx, s.DB, query, texts([]any{now.UnixMilli()}, ids), func(rows *sql.Rows) (bot.Command, error) { return scanCommand(rows.Scan) })
}

// TakeCommand notes that a bot is told now, unless nobody waits any more.
func (s Bots) TakeCommand(ctx context.Context, id string) (taken bool, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		n, err := execN(ctx, tx, "UPDATE bot_commands SET state = 'taken' WHERE id = $1 AND state IN ('open', 'taken')", id)
		taken = n == 1
		return err
	})
	return taken, err
}

// SettleCommand notes what came of a command that was taken; state open gives
// it back.
func (s Bots) SettleCommand(ctx context.Context, id string, state bot.CommandState, message string) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "UPDATE bot_commands SET state = $1, message = $2 WHERE id = $3 AND state = 'taken'", string(state), message, id)
		return err
	})
}
