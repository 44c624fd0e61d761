package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"steno/internal/ident"
	"steno/internal/store"
	"steno/test/internal/stand"
)

const (
	// batch is how many bots are stored per transaction.
	batch = 2000
	// chunk is how many per statement: the SQLite driver binds parameters in a
	// time that grows with the square of their number.
	chunk = 20
)

// fill stores finished bots of the last 60 days, each with three participants
// and three files, and returns their ids.
func fill(ctx context.Context, s *stand.Stand, n int) ([]string, error) {
	ids := make([]string, 0, n)
	now := time.Now().UnixMilli()
	step := (60 * 24 * time.Hour).Milliseconds() / int64(n)
	for len(ids) < n {
		size := min(batch, n-len(ids))
		first := len(ids)
		for range size {
			ids = append(ids, ident.New())
		}
		err := s.DB.InTx(ctx, func(tx *store.Tx) error {
			for c := first; c < len(ids); c += chunk {
				at := func(i int) int64 { return now - int64(n-c-i)*step }
				if err := fillChunk(ctx, tx, s.Team, ids[c:min(c+chunk, len(ids))], at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return ids, s.DB.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "ANALYZE")
		return err
	})
}

func fillChunk(ctx context.Context, tx *store.Tx, team string, ids []string, at func(i int) int64) error {
	var bots, configs, people, files rows
	for i, id := range ids {
		t := at(i)
		bots.add(id, team, "Notetaker", "notetaker", "https://meet.google.com/abc-defg-hij", "meet:abcdefghij", "meet", "speaker_view", "completed",
			t, t, t, t, t, 1_800_000, "MEETING_ENDED", fmt.Sprintf(`{"customer":"%d"}`, i))
		configs.add(id, team, `{"allow_multiple":true,"timeouts":{"waiting_room":600000000000,"no_one_joined":600000000000,"silence":600000000000,"grace":0,"everyone_left":60000000000,"max_recording":14400000000000}}`)
		for p, name := range []string{"Ada Blue", "Ben Red", "Cora Green"} {
			people.add(id, p+1, team, name, strings.ToLower(name), 60_000, true)
		}
		for _, f := range []string{"video", "audio", "diarization"} {
			files.add(id, f, "", team, id+"/"+f, 1_000_000, strings.Repeat("0", 64), t)
		}
	}
	for _, t := range []struct {
		into string
		rows rows
	}{
		{"bots (id, team_id, name, name_folded, meeting_url, meeting_key, platform, mode, status, created_at, updated_at, joined_at, exited_at, ended_at, duration_ms, end_code, extra)", bots},
		{"bot_configs (bot_id, team_id, config)", configs},
		{"participants (bot_id, n, team_id, name, name_folded, talk_ms, spoke)", people},
		{"artifacts (bot_id, kind, name, team_id, key, bytes, sha256, created_at)", files},
	} {
		if _, err := tx.Exec(ctx, "INSERT INTO "+t.into+" VALUES "+t.rows.String(), t.rows.args...); err != nil {
			return err
		}
	}
	return nil
}

// rows builds the VALUES of one statement.
type rows struct {
	text strings.Builder
	args []any
}

func (r *rows) add(values ...any) {
	if len(r.args) > 0 {
		r.text.WriteString(", ")
	}
	for i, v := range values {
		r.args = append(r.args, v)
		sep := ", "
		if i == 0 {
			sep = "("
		}
		fmt.Fprintf(&r.text, "%s$%d", sep, len(r.args))
	}
	r.text.WriteString(")")
}

func (r *rows) String() string { return r.text.String() }
