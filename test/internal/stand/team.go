package stand

import (
	"context"

	"steno/internal/account"
	"steno/internal/app"
	"steno/internal/quota"
)

// Team makes a team whose requests are not limited, for a benchmark that
// measures something else, and a key with full access.
func Team(ctx context.Context, h *app.House, name string) (team account.Team, key string, err error) {
	if team, err = h.Accounts.CreateTeam(ctx, name); err != nil {
		return team, "", err
	}
	none := quota.NoLimit
	if _, err = h.Quota.SetLimits(ctx, team.ID, quota.Change{RequestsPerSecond: &none}); err != nil {
		return team, "", err
	}
	key, _, err = h.Accounts.CreateKey(ctx, account.NewKey{TeamID: team.ID, Name: "bench", Permission: account.Full})
	return team, key, err
}
