package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"steno/internal/bot"
)

func (t botTx) TakeProfile(ctx context.Context, b bot.Bot, name string, now, since time.Time) (bool, error) {
	n, err := execN(ctx, t.Tx, `INSERT INTO profile_leases (platform, name, bot_id, taken_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (platform, name) DO UPDATE SET bot_id = excluded.bot_id, taken_at = excluded.taken_at
		WHERE profile_leases.taken_at < $5 OR NOT EXISTS (
			SELECT 1 FROM bots WHERE bots.id = profile_leases.bot_id AND bots.exited_at IS NULL AND bots.ended_at IS NULL)`,
		string(b.Platform), name, b.ID, now.UnixMilli(), since.UnixMilli())
	return n == 1, err
}

func (t botTx) HeldProfile(ctx context.Context, b bot.Bot) (name string, err error) {
	err = t.QueryRow(ctx, "SELECT name FROM profile_leases WHERE platform = $1 AND bot_id = $2", string(b.Platform), b.ID).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return name, err
}

func (t botTx) DropProfile(ctx context.Context, b bot.Bot) error {
	_, err := t.Exec(ctx, "DELETE FROM profile_leases WHERE bot_id = $1", b.ID)
	return err
}
