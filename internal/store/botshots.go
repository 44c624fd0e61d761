package store

import (
	"context"
	"database/sql"

	"steno/internal/bot"
)

// Screenshots returns screenshots of a team's bot.
func (s Bots) Screenshots(ctx context.Context, team, id string, q bot.ShotQuery) ([]bot.StoredArtifact, error) {
	sign, order := ">", "ASC"
	if q.Backward {
		sign, order = "<", "DESC"
	}
	query := `SELECT kind, name, key, bytes, sha256, created_at FROM artifacts WHERE bot_id = $1 AND kind = $2 AND team_id = $3 AND deleted_at IS NULL
		AND name ` + sign + ` $4 ORDER BY name ` + order + ` LIMIT $5`
	return list(ctx, s.DB, query, []any{id, bot.KindScreenshot, team, bot.ShotName(q.From), q.Limit}, scanDated)
}

// Evidence returns what only operators see of a team's bot.
func (s Bots) Evidence(ctx context.Context, team, id string) ([]bot.StoredArtifact, error) {
	const query = `SELECT kind, name, key, bytes, sha256, created_at FROM artifacts WHERE bot_id = $1 AND kind = $2 AND team_id = $3 AND deleted_at IS NULL
		ORDER BY created_at, name`
	return list(ctx, s.DB, query, []any{id, bot.KindEvidence, team}, scanDated)
}

func scanDated(rows *sql.Rows) (a bot.StoredArtifact, err error) {
	var at int64
	err = rows.Scan(&a.Kind, &a.Name, &a.Key, &a.Bytes, &a.SHA256, &at)
	a.StoredAt = timeOf(at)
	return a, err
}
