package bot_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/meeting"
)

// Two bots never have the same signed-in profile; a bot keeps the one it has
// until it has left its meeting, is given back, or was not heard of for a day.
func TestProfileIsUsedByOneBotAtATime(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		has := []string{"Ada", "Ben"}
		h.Profiles = func(p meeting.Platform) []string {
			if p != meeting.Meet {
				t.Errorf("asked for profiles of %s", p)
			}
			return has
		}
		launch := func(id, host, want string) {
			t.Helper()
			spec, err := h.Launch(t.Context(), id, host)
			if err != nil || spec.Account != want {
				t.Errorf("account %q (%v), want %q", spec.Account, err, want)
			}
		}
		var ids []string
		for range 5 {
			ids = append(ids, h.create(t, "red", bot.Request{}))
		}
		launch(ids[0], "host-1", "Ada")
		launch(ids[1], "host-1", "Ben")
		launch(ids[1], "host-1", "Ben") // again, after a crash
		launch(ids[2], "host-1", "")    // as a guest

		if _, err := h.Release(t.Context(), ids[1], "host-1"); err != nil {
			t.Fatal(err)
		}
		launch(ids[3], "host-1", "Ben")
		left := h.now
		if err := h.Apply(t.Context(), ids[0], bot.Progress{Seq: 1, JoinedAt: &left, ExitedAt: &left}); err != nil {
			t.Fatal(err)
		}
		launch(ids[1], "host-1", "Ada") // its bot still makes its files

		has = []string{"Cora"} // another host, which has other profiles
		h.now = h.now.Add(3 * time.Minute)
		launch(ids[3], "host-2", "Cora")
		has = []string{"Ada", "Ben", "Cora"}
		launch(ids[4], "host-1", "Ben")

		h.now = h.now.Add(25 * time.Hour)
		has = []string{"Cora"}
		launch(h.create(t, "red", bot.Request{}), "host-1", "Cora")
	})
}

func TestProfileThatManyWant(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.Profiles = func(meeting.Platform) []string { return []string{"Ada", "Ben"} }
		var ids []string
		for range 8 {
			ids = append(ids, h.create(t, "red", bot.Request{}))
		}
		got := make([]string, len(ids))
		var wg sync.WaitGroup
		for i, id := range ids {
			wg.Go(func() {
				spec, err := h.Launch(t.Context(), id, "host-1")
				if err != nil {
					t.Error(err)
				}
				got[i] = spec.Account
			})
		}
		wg.Wait()
		if all := strings.Join(got, ""); strings.Count(all, "Ada") != 1 || strings.Count(all, "Ben") != 1 {
			t.Errorf("accounts %q", got)
		}
	})
}
