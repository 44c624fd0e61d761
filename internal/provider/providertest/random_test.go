package providertest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/simulator/truth"
)

// The provider against a service that misbehaves, under random edits.
func TestRandomEditsUnderFaults(t *testing.T) {
	seeds := 80
	if testing.Short() {
		seeds = 10
	}
	for name, open := range backends {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint(name, " seed ", seed), func(t *testing.T) {
				t.Parallel()
				script(t, open(t, true, seed), seed)
			})
		}
	}
}

func script(t *testing.T, b *backend, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	m := newMirror(b)
	for n := range 25 {
		what := edit(b, rng, n)
		if rng.IntN(3) > 0 {
			continue
		}
		err := m.sync(t.Context())
		if calendar.IsKind(err, calendar.Revoked) {
			// The fake replaced the refresh token and the answer got lost. It keeps
			// no grace for the old one, so the user has to connect again.
			b.reconnect()
			m.acc = b.acc()
			err = m.sync(t.Context())
		}
		if err != nil {
			t.Fatalf("seed %d, step %d (%s): %v", seed, n, what, err)
		}
		same(t, m, fmt.Sprintf("seed %d, step %d (%s)", seed, n, what))
		if t.Failed() {
			return
		}
	}
}

// edit does something to the calendar. What is not possible at the moment is
// left out.
func edit(b *backend, rng *rand.Rand, n int) string {
	ids := b.cal.IDs()
	pick := func() string {
		if len(ids) == 0 {
			return ""
		}
		return ids[rng.IntN(len(ids))]
	}
	slot := func(id string) string {
		if s := b.cal.Slots(id, at(0, 0), at(40, 0)); len(s) > 0 {
			return s[rng.IntN(len(s))].Slot
		}
		return ""
	}
	day, hour := rng.IntN(45)-5, rng.IntN(23)
	id := pick()
	switch op := rng.IntN(12); {
	case op < 2 || id == "":
		b.cal.Add(single(fmt.Sprint("single ", n), day, hour))
		return "add"
	case op < 4:
		e := weekly(fmt.Sprint("series ", n), -rng.IntN(100), hour, time.Weekday(rng.IntN(7)))
		if rng.IntN(3) == 0 {
			e = allDay(e.Title, -rng.IntN(50), []string{"Asia/Tokyo", "Europe/London", "America/New_York"}[rng.IntN(3)])
			e.Rule = &truth.Rule{Freq: truth.Weekly}
		}
		b.cal.Add(e)
		return "add series"
	case op == 4:
		b.cal.Edit(id, func(c *truth.Content) { c.Title += "'" })
		return "rename"
	case op == 5:
		b.cal.Edit(id, func(c *truth.Content) {
			if !c.AllDay {
				c.Start, c.End = c.Start.Add(3*time.Hour), c.End.Add(4*time.Hour)
			}
		})
		return "move"
	case op == 6:
		b.cal.CancelSlot(id, slot(id))
		return "cancel slot"
	case op == 7:
		b.cal.EditSlot(id, slot(id), func(c *truth.Content) {
			d := time.Duration(rng.IntN(20)-10) * 24 * time.Hour
			c.Start, c.End = c.Start.Add(d), c.End.Add(d)
		})
		return "move slot"
	case op == 8:
		b.cal.RespondSlot(id, slot(id), truth.Declined)
		return "decline slot"
	case op == 9:
		b.cal.Split(id, slot(id), func(c *truth.Content) { c.Title += "+" })
		return "split"
	case op == 10:
		b.cal.Respond(id, []truth.Response{truth.Declined, truth.Accepted}[rng.IntN(2)])
		return "respond"
	}
	b.cal.Delete(id)
	return "delete"
}
