package app

import (
	"log/slog"
	"strings"
	"testing"

	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/zoom"
)

// Whoever can write to the database cannot have one team's keys used by
// another: what was sealed for one row opens in no other.
func TestZoomKeysThatWereMovedDoNotOpen(t *testing.T) {
	house, err := Open(t.Context(), config.Storage{Data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = house.Close() })
	room := &zoom.Service{Store: store.Zoom{DB: house.DB, Vault: seal.Zoom{Sealer: house.Vault.Sealer}}, Clock: clock.System{}}
	var ids, teams []string
	for _, name := range []string{"red", "blue"} {
		team, err := house.Accounts.CreateTeam(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := room.Create(t.Context(), team.ID, zoom.New{Name: name, ClientID: "id", Secret: "canary-" + name})
		if err != nil {
			t.Fatal(err)
		}
		ids, teams = append(ids, c.ID), append(teams, team.ID)
	}
	err = house.DB.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE zoom_credentials SET sealed = (SELECT sealed FROM zoom_credentials WHERE id = $1) WHERE id = $2", ids[0], ids[1])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	name := "new"
	if _, err := room.Update(t.Context(), teams[1], ids[1], zoom.Change{Name: &name}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("the keys of another team: %v", err)
	}
	if _, err := room.Update(t.Context(), teams[0], ids[0], zoom.Change{Name: &name}); err != nil {
		t.Errorf("its own keys: %v", err)
	}
}
