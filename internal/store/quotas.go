package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"steno/internal/quota"
)

// Quotas keeps limits, balances and the ledger of tokens. It implements
// quota.Store and, for databases that several servers share, quota.Counter.
type Quotas struct{ DB *DB }

// InTx runs fn in a write transaction.
func (s Quotas) InTx(ctx context.Context, fn func(tx quota.Tx) error) error {
	return s.DB.InTx(ctx, func(tx *Tx) error { return fn(s.On(tx)) })
}

// On returns the transaction as the room of quotas sees it.
func (s Quotas) On(tx *Tx) quota.Tx { return quotaTx{tx} }

type quotaTx struct{ *Tx }

const quotaColumns = "team_id, requests_per_second, bots_per_day, calendars, retention_days, byok, limited, balance, reserved, starts, entries"

func scanQuota(scan func(...any) error) (a quota.Account, err error) {
	err = scan(&a.TeamID, &a.Custom.RequestsPerSecond, &a.Custom.BotsPerDay, &a.Custom.Calendars, &a.Custom.RetentionDays, &a.Custom.BYOK,
		&a.Limited, &a.Balance, &a.Reserved, &a.Starts, &a.Entries)
	return a, err
}

// Account returns a team's account; one that was never touched is empty.
func (s Quotas) Account(ctx context.Context, team string) (a quota.Account, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		a, err = scanQuota(q.QueryRow(ctx, "SELECT "+quotaColumns+" FROM quotas WHERE team_id = $1", team).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return quota.Account{TeamID: team}, nil
	}
	return a, err
}

// quotaBuffer is what a transaction has locked and changed of accounts. Nobody
// else can change what is in it, so it is read once and written once, however
// many bots the transaction starts.
type quotaBuffer struct {
	accounts map[string]quota.Account
	changed  map[string]bool
	entries  []quota.Entry
}

// Lock reads the account. The insert makes it exist, and the update that changes
// nothing locks it in words that both databases know.
func (t quotaTx) Lock(ctx context.Context, team string) (quota.Account, error) {
	if a, ok := t.quotas.accounts[team]; ok {
		return a, nil
	}
	a, err := scanQuota(t.QueryRow(ctx, `INSERT INTO quotas (team_id) VALUES ($1)
		ON CONFLICT (team_id) DO UPDATE SET starts = quotas.starts RETURNING `+quotaColumns, team).Scan)
	if err != nil {
		return a, err
	}
	if t.quotas.accounts == nil {
		t.quotas.accounts, t.quotas.changed = map[string]quota.Account{}, map[string]bool{}
	}
	t.quotas.accounts[team] = a
	return a, nil
}

// Update keeps the account for the end of the transaction.
func (t quotaTx) Update(_ context.Context, a quota.Account) error {
	if _, ok := t.quotas.accounts[a.TeamID]; !ok {
		return errors.New("store: an account is changed that was not locked")
	}
	t.quotas.accounts[a.TeamID], t.quotas.changed[a.TeamID] = a, true
	return nil
}

// Append keeps the row for the end of the transaction.
func (t quotaTx) Append(_ context.Context, e quota.Entry) error {
	t.quotas.entries = append(t.quotas.entries, e)
	return nil
}

func (t quotaTx) StartedAt(ctx context.Context, team string, n int64) (time.Time, bool, error) {
	for _, e := range t.quotas.entries {
		if e.TeamID == team && e.Start == n {
			return e.At, true, nil
		}
	}
	var ms int64
	err := t.QueryRow(ctx, "SELECT at FROM token_ledger WHERE team_id = $1 AND start_n = $2", team, n).Scan(&ms)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return timeOf(ms), err == nil, err
}

func (t quotaTx) Held(ctx context.Context, team, bot string) (held quota.Tokens, err error) {
	err = t.QueryRow(ctx, "SELECT COALESCE(SUM(held), 0) FROM token_ledger WHERE team_id = $1 AND bot_id = $2 AND bot_id <> ''", team, bot).Scan(&held)
	for _, e := range t.quotas.entries {
		if e.TeamID == team && e.BotID == bot {
			held += e.Held
		}
	}
	return held, err
}

// flushQuotas writes what the transaction has changed.
func (tx *Tx) flushQuotas(ctx context.Context) error {
	for team := range tx.quotas.changed {
		if err := tx.updateQuota(ctx, tx.quotas.accounts[team]); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(tx.quotas.entries, entriesPerInsert) {
		if err := tx.insertEntries(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) updateQuota(ctx context.Context, a quota.Account) error {
	c := a.Custom
	_, err := tx.Exec(ctx, `UPDATE quotas SET requests_per_second = $1, bots_per_day = $2, calendars = $3, retention_days = $4, byok = $5,
		limited = $6, balance = $7, reserved = $8, starts = $9, entries = $10 WHERE team_id = $11`,
		orNil(c.RequestsPerSecond), orNil(c.BotsPerDay), orNil(c.Calendars), orNil(c.RetentionDays), orNil(c.BYOK),
		a.Limited, int64(a.Balance), int64(a.Reserved), a.Starts, a.Entries, a.TeamID)
	return err
}

func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// entriesPerInsert bounds one statement's parameters.
const entriesPerInsert = 100

func (tx *Tx) insertEntries(ctx context.Context, all []quota.Entry) error {
	const columns = 17
	values, args := make([]string, len(all)), make([]any, 0, columns*len(all))
	for i, e := range all {
		var start any
		if e.Start > 0 {
			start = e.Start
		}
		values[i] = "(" + placeholders(columns*i+1, columns) + ")"
		args = append(args, e.TeamID, e.N, e.At.UnixMilli(), string(e.Kind), e.BotID, int64(e.Amount), int64(e.Held),
			int64(e.Charge.Recording), int64(e.Charge.Transcription), int64(e.Charge.BYOKTranscription), int64(e.Charge.StreamingInput), int64(e.Charge.StreamingOutput),
			int64(e.Balance), int64(e.Reserved), e.Limited, e.Note, start)
	}
	_, err := tx.Exec(ctx, "INSERT INTO token_ledger ("+entryColumns+") VALUES "+strings.Join(values, ", "), args...)
	return err
}

const entryColumns = `team_id, n, at, kind, bot_id, amount, held, recording, transcription, byok_transcription, streaming_input, streaming_output,
	balance, reserved, limited, note, start_n`

// Ledger returns rows, newest first.
func (s Quotas) Ledger(ctx context.Context, team string, q quota.LedgerQuery) ([]quota.Entry, error) {
	w := where{sqlite: s.DB.sqlite}
	w.add("team_id = ?", team)
	if q.BotID != "" {
		w.add("bot_id = ? AND bot_id <> ''", q.BotID)
	}
	if q.Before > 0 {
		w.add("n < ?", q.Before)
	}
	query := w.number("SELECT " + entryColumns + " FROM token_ledger WHERE " + w.all() + " ORDER BY n DESC LIMIT ?")
	return list(ctx, s.DB, query, append(w.args, q.Limit), func(rows *sql.Rows) (e quota.Entry, err error) {
		var at int64
		var start sql.NullInt64
		err = rows.Scan(&e.TeamID, &e.N, &at, &e.Kind, &e.BotID, &e.Amount, &e.Held,
			&e.Charge.Recording, &e.Charge.Transcription, &e.Charge.BYOKTranscription, &e.Charge.StreamingInput, &e.Charge.StreamingOutput,
			&e.Balance, &e.Reserved, &e.Limited, &e.Note, &start)
		e.At, e.Start = timeOf(at), start.Int64
		return e, err
	})
}

// Charges adds up what bots were charged.
func (s Quotas) Charges(ctx context.Context, team string, bots []string) (map[string]quota.Charge, error) {
	type charged struct {
		bot string
		quota.Charge
	}
	query := `SELECT bot_id, SUM(recording), SUM(transcription), SUM(byok_transcription), SUM(streaming_input), SUM(streaming_output)
		FROM token_ledger WHERE team_id = $1 AND kind = 'charged' AND bot_id <> '' AND bot_id IN (` + placeholders(2, len(bots)) + `) GROUP BY bot_id`
	rows, err := list(ctx, s.DB, query, texts([]any{team}, bots), func(rows *sql.Rows) (c charged, err error) {
		err = rows.Scan(&c.bot, &c.Recording, &c.Transcription, &c.BYOKTranscription, &c.StreamingInput, &c.StreamingOutput)
		return c, err
	})
	out := make(map[string]quota.Charge, len(rows))
	for _, c := range rows {
		out[c.bot] = c.Charge
	}
	return out, err
}

// Count counts a request in the window of a team that all servers share. That a
// count is lost when PostgreSQL's machine loses power does no harm, so the
// commit does not wait for the disk.
func (s Quotas) Count(ctx context.Context, team string, now time.Time) (used int, ends time.Time, err error) {
	const query = `WITH soft AS (SELECT set_config('synchronous_commit', 'off', true))
		INSERT INTO request_windows AS w (team_id, begun_at, used) SELECT $1, $2, 1 FROM soft
		ON CONFLICT (team_id) DO UPDATE SET
			begun_at = CASE WHEN $2 - w.begun_at BETWEEN -1000 AND 999 THEN w.begun_at ELSE $2 END,
			used = CASE WHEN $2 - w.begun_at BETWEEN -1000 AND 999 THEN w.used + 1 ELSE 1 END
		RETURNING used, begun_at`
	limit := s.DB.newLimit()
	defer limit.end()
	var begun int64
	err = s.DB.write.QueryRowContext(limit.on(ctx), query, team, now.UnixMilli()).Scan(&used, &begun)
	return used, timeOf(begun).Add(quota.Window), classify(err)
}
