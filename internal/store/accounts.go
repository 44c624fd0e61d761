package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"steno/internal/account"
	"steno/internal/fail"
)

// Accounts keeps teams and API keys. It implements account.Store.
type Accounts struct{ DB *DB }

// AddTeam adds a team.
func (a Accounts) AddTeam(ctx context.Context, t account.Team) error {
	err := a.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO teams (id, name, created_at) VALUES ($1, $2, $3)", t.ID, t.Name, t.CreatedAt.UnixMilli())
		return err
	})
	if errors.Is(err, ErrDuplicate) {
		return fail.Wrap(err, fail.Conflict, account.CodeTeamExists, "there is already a team %q", t.Name)
	}
	return err
}

// Teams returns all teams, oldest first.
func (a Accounts) Teams(ctx context.Context) ([]account.Team, error) {
	const query = "SELECT id, name, created_at FROM teams ORDER BY created_at, id"
	return list(ctx, a.DB, query, nil, func(rows *sql.Rows) (account.Team, error) {
		var t account.Team
		var created int64
		err := rows.Scan(&t.ID, &t.Name, &created)
		t.CreatedAt = timeOf(created)
		return t, err
	})
}

// RenameTeam gives a team another name.
func (a Accounts) RenameTeam(ctx context.Context, id, name string) error {
	err := a.DB.InTx(ctx, func(tx *Tx) error {
		n, err := execN(ctx, tx, "UPDATE teams SET name = $1 WHERE id = $2", name, id)
		if err == nil && n == 0 {
			return fail.New(fail.NotFound, account.CodeNoTeam, "there is no team with id %q", id)
		}
		return err
	})
	if errors.Is(err, ErrDuplicate) {
		return fail.Wrap(err, fail.Conflict, account.CodeTeamExists, "there is already a team %q", name)
	}
	return err
}

// AddKey adds a key.
func (a Accounts) AddKey(ctx context.Context, k account.Key) error {
	return a.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO api_keys (id, team_id, name, permission, hash, hint, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, k.ID, k.TeamID, k.Name, string(k.Permission), k.Hash, k.Hint, k.CreatedAt.UnixMilli(), maybeMS(k.ExpiresAt))
		return err
	})
}

const selectKeys = "SELECT id, team_id, name, permission, hash, hint, created_at, last_used_at, revoked_at, expires_at FROM api_keys "

// Keys returns a team's keys, oldest first.
func (a Accounts) Keys(ctx context.Context, team string) ([]account.Key, error) {
	return list(ctx, a.DB, selectKeys+"WHERE team_id = $1 ORDER BY id", []any{team}, func(rows *sql.Rows) (account.Key, error) {
		return scanKey(rows.Scan)
	})
}

// KeyByHash returns the key with that hash, also when it is revoked or expired.
func (a Accounts) KeyByHash(ctx context.Context, hash string) (k account.Key, err error) {
	err = a.DB.Read(ctx, func(q Querier) error {
		k, err = scanKey(q.QueryRow(ctx, selectKeys+"WHERE hash = $1", hash).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return k, fail.New(fail.NotFound, account.CodeNoKey, "no such key")
	}
	return k, err
}

func scanKey(scan func(...any) error) (k account.Key, err error) {
	var created int64
	var used, revoked, expires sql.NullInt64
	err = scan(&k.ID, &k.TeamID, &k.Name, &k.Permission, &k.Hash, &k.Hint, &created, &used, &revoked, &expires)
	k.CreatedAt, k.LastUsedAt, k.RevokedAt, k.ExpiresAt = timeOf(created), maybeTime(used), maybeTime(revoked), maybeTime(expires)
	return k, err
}

// RevokeKey marks a key as revoked. Revoking twice keeps the first time.
func (a Accounts) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return a.DB.InTx(ctx, func(tx *Tx) error {
		n, err := execN(ctx, tx, "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE id = $2", at.UnixMilli(), id)
		if err == nil && n == 0 {
			return fail.New(fail.NotFound, account.CodeNoKey, "there is no API key with id %q", id)
		}
		return err
	})
}

// TouchKey stores when a key was last used.
func (a Accounts) TouchKey(ctx context.Context, id string, at time.Time) error {
	return a.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "UPDATE api_keys SET last_used_at = $1 WHERE id = $2", at.UnixMilli(), id)
		return err
	})
}
