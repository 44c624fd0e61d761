package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// However many set a team's address of v1 at once, there is one, and its secret
// was sealed for it.
func TestATeamHasOneV1WebhookHoweverManySetIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		withTeam(t, db, "a")
		if _, err := db.V1Webhook(t.Context(), "a"); !fail.Is(err, fail.NotFound) {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				e := webhook.Endpoint{ID: ident.New(), TeamID: "a", Surface: webhook.V1, Name: "n", URL: fmt.Sprint("https://x.example/", i), Participants: webhook.Names, CreatedAt: time.Now()}
				if err := db.PutV1Webhook(t.Context(), e, func(id string) (string, error) { return "for " + id, nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		all, err := db.Webhooks(t.Context(), "a")
		if err != nil || len(all) != 1 || all[0].Secret != "for "+all[0].ID || !all[0].Enabled || all[0].Surface != webhook.V1 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// Whoever asks first, each id has one number, and no two have the same.
func TestNumbersAreGivenOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		bots, ids := store.Bots{DB: db}, make([]string, 20)
		for i := range ids {
			ids[i] = fmt.Sprint("bot-", i)
		}
		found := make([]map[string]int, 8)
		var wg sync.WaitGroup
		for i := range found {
			wg.Go(func() {
				var err error
				if found[i], err = bots.Numbers(t.Context(), "team", ids[i:i+12]); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		all, err := bots.Numbers(t.Context(), "team", ids)
		if err != nil || len(all) != len(ids)+1 {
			t.Fatalf("%v, %v", all, err)
		}
		for _, m := range found {
			for id, n := range m {
				if all[id] != n {
					t.Errorf("%s is %d and %d", id, all[id], n)
				}
			}
		}
		seen := map[int]string{}
		for _, id := range ids {
			if n := all[id]; n < 1 || seen[n] != "" {
				t.Errorf("%s has the number %d, as has %q", id, n, seen[n])
			}
			seen[all[id]] = id
		}
		if other, err := bots.Numbers(t.Context(), "other", nil); err != nil || other["other"] == all["team"] {
			t.Errorf("both teams have the number %d, %v", other["other"], err)
		}
	})
}
