package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"steno/internal/fail"
	"steno/internal/zoom"
)

// ZoomVault seals and opens what Zoom credentials keep secret.
type ZoomVault interface {
	SealZoom(team, credential string, plain []byte) (string, error)
	OpenZoom(team, credential, sealed string) ([]byte, error)
}

// Zoom keeps Zoom credentials. It implements zoom.Store.
type Zoom struct {
	DB    *DB
	Vault ZoomVault
}

const zoomColumns = `id, team_id, name, kind, state, zoom_user_id, zoom_account_id, zoom_email, zoom_display_name, scopes,
	last_error, last_error_at, extra, created_at, updated_at`

func scanZoom(scan func(...any) error, more ...any) (c zoom.Credential, err error) {
	var failed sql.NullInt64
	var extra sql.NullString
	var created, updated int64
	err = scan(append([]any{
		&c.ID, &c.TeamID, &c.Name, &c.Kind, &c.State, &c.Person.UserID, &c.Person.AccountID, &c.Person.Email, &c.Person.DisplayName, &c.Scopes,
		&c.LastError, &failed, &extra, &created, &updated,
	}, more...)...)
	c.CreatedAt, c.UpdatedAt, c.LastErrorAt = timeOf(created), timeOf(updated), maybeTime(failed)
	if extra.Valid {
		c.Extra = json.RawMessage(extra.String)
	}
	return c, err
}

func noZoom(err error, id string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fail.New(fail.NotFound, zoom.CodeNotFound, "Zoom credential with ID '%s' not found", id)
	}
	return err
}

func (s Zoom) seal(c zoom.Credential, secrets zoom.Secrets) (string, error) {
	plain, err := json.Marshal(secrets)
	if err != nil {
		return "", err
	}
	return s.Vault.SealZoom(c.TeamID, c.ID, plain)
}

// Add stores a new credential.
func (s Zoom) Add(ctx context.Context, c zoom.Credential, secrets zoom.Secrets) error {
	sealed, err := s.seal(c, secrets)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO zoom_credentials (id, team_id, name, kind, state, zoom_user_id, zoom_account_id, zoom_email,
			zoom_display_name, scopes, last_error, last_error_at, extra, sealed, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
			c.ID, c.TeamID, c.Name, string(c.Kind), string(c.State), c.Person.UserID, c.Person.AccountID, c.Person.Email, c.Person.DisplayName, c.Scopes,
			c.LastError, maybeMS(c.LastErrorAt), maybeJSON(c.Extra), sealed, c.CreatedAt.UnixMilli(), c.UpdatedAt.UnixMilli())
		return err
	})
}

// Credential returns one credential of a team.
func (s Zoom) Credential(ctx context.Context, team, id string) (c zoom.Credential, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		c, err = scanZoom(q.QueryRow(ctx, "SELECT "+zoomColumns+" FROM zoom_credentials WHERE team_id = $1 AND id = $2 AND deleted_at IS NULL", team, id).Scan)
		return noZoom(err, id)
	})
	return c, err
}

// Credentials returns all credentials of a team, newest first.
func (s Zoom) Credentials(ctx context.Context, team string) ([]zoom.Credential, error) {
	const query = "SELECT " + zoomColumns + " FROM zoom_credentials WHERE team_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC, id DESC"
	return list(ctx, s.DB, query, []any{team}, func(rows *sql.Rows) (zoom.Credential, error) { return scanZoom(rows.Scan) })
}

// Change has fn change a credential and stores it.
func (s Zoom) Change(ctx context.Context, team, id string, fn func(*zoom.Credential, *zoom.Secrets) error) (c zoom.Credential, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		var sealed string
		// The update that changes nothing locks the row on both databases.
		const lock = `UPDATE zoom_credentials SET state = state WHERE team_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING ` + zoomColumns + `, sealed`
		if c, err = scanZoom(tx.QueryRow(ctx, lock, team, id).Scan, &sealed); err != nil {
			return noZoom(err, id)
		}
		plain, err := s.Vault.OpenZoom(team, id, sealed)
		if err != nil {
			return err
		}
		var secrets zoom.Secrets
		if err := json.Unmarshal(plain, &secrets); err != nil {
			return errors.New("the secrets of a Zoom credential cannot be read") // the cause may show them
		}
		if err := fn(&c, &secrets); err != nil {
			return err
		}
		if sealed, err = s.seal(c, secrets); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE zoom_credentials SET name = $1, kind = $2, state = $3, zoom_user_id = $4, zoom_account_id = $5, zoom_email = $6,
			zoom_display_name = $7, scopes = $8, last_error = $9, last_error_at = $10, extra = $11, sealed = $12, updated_at = $13
			WHERE team_id = $14 AND id = $15`,
			c.Name, string(c.Kind), string(c.State), c.Person.UserID, c.Person.AccountID, c.Person.Email, c.Person.DisplayName, c.Scopes,
			c.LastError, maybeMS(c.LastErrorAt), maybeJSON(c.Extra), sealed, c.UpdatedAt.UnixMilli(), team, id)
		return err
	})
	return c, err
}

// Delete hides a credential.
func (s Zoom) Delete(ctx context.Context, team, id string, at time.Time) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		n, err := execN(ctx, tx, "UPDATE zoom_credentials SET deleted_at = $1 WHERE team_id = $2 AND id = $3 AND deleted_at IS NULL", at.UnixMilli(), team, id)
		if err == nil && n == 0 {
			return noZoom(sql.ErrNoRows, id)
		}
		return err
	})
}
