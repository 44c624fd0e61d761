package providertest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"steno/internal/calendar"
	"steno/simulator/service"
	"steno/simulator/truth"
)

func at(day, hour int) time.Time {
	return monday.Truncate(24*time.Hour).AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour)
}

// bob organizes what ada is invited to: nobody declines an event of their own.
var bob = truth.Person{Email: "bob@example.com", Name: "Bob"}

func single(title string, day, hour int) truth.Event {
	return truth.Event{Content: truth.Content{Title: title, Start: at(day, hour), End: at(day, hour+1), Organizer: bob}}
}

func weekly(title string, day, hour int, days ...time.Weekday) truth.Event {
	e := single(title, day, hour)
	e.Rule = &truth.Rule{Freq: truth.Weekly, Days: days}
	return e
}

func allDay(title string, day int, zone string) truth.Event {
	return truth.Event{Content: truth.Content{Title: title, Start: at(day, 0), End: at(day+1, 0), AllDay: true, Zone: zone, Organizer: bob}}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// same compares the mirror with the truth.
func same(t *testing.T, m *mirror, when string) {
	t.Helper()
	if d := gocmp.Diff(m.b.truthLines(), m.lines()); d != "" {
		t.Errorf("%s (-truth +provider):\n%s", when, d)
	}
}

// What each edit of a calendar does to an increment. The names are those of
// what people do.
func TestEveryEditIsSeenByTheNextIncrement(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		id := must[string](t)
		one := id(b.cal.Add(single("One", 4, 10)))
		id(b.cal.Add(single("Long ago", -400, 10)))
		series := id(b.cal.Add(weekly("Series", -700, 12)))
		days := id(b.cal.Add(truth.Event{Content: allDay("Days", 3, "Asia/Tokyo").Content, Rule: &truth.Rule{Freq: truth.Weekly}}))
		id(b.cal.Add(allDay("Holiday", 6, "America/New_York")))
		other := id(b.cal.Add(weekly("Other", 0, 15, time.Tuesday, time.Thursday)))
		m := newMirror(b)
		check(t, m.sync(t.Context()))
		same(t, m, "full round")
		slots := b.cal.Slots(series, at(5, 0), at(28, 0))
		for _, step := range []struct {
			name string
			do   func() error
		}{
			{"nothing", func() error { return nil }},
			{"a new event", func() error { _, err := b.cal.Add(single("New", 8, 9)); return err }},
			{"an event moves", func() error {
				return b.cal.Edit(one, func(c *truth.Content) { c.Start, c.End = at(9, 10), at(9, 12) })
			}},
			{"one slot moves", func() error {
				return b.cal.EditSlot(series, slots[0].Slot, func(c *truth.Content) { c.Start, c.End = c.Start.Add(26*time.Hour), c.End.Add(26*time.Hour) })
			}},
			{"one slot is cancelled", func() error { return b.cal.CancelSlot(series, slots[1].Slot) }},
			{"one slot leaves the window", func() error {
				return b.cal.EditSlot(series, slots[2].Slot, func(c *truth.Content) { c.Start, c.End = at(60, 10), at(60, 11) })
			}},
			{"a slot from outside moves in", func() error {
				out := b.cal.Slots(series, at(40, 0), at(60, 0))
				return b.cal.EditSlot(series, out[0].Slot, func(c *truth.Content) { c.Start, c.End = at(11, 10), at(11, 11) })
			}},
			{"trap 7: the title of a series with a cancelled slot", func() error { return b.cal.Edit(series, func(c *truth.Content) { c.Title = "Renamed" }) }},
			{"one all-day slot is cancelled", func() error {
				return b.cal.CancelSlot(days, b.cal.Slots(days, at(8, 0), at(28, 0))[0].Slot)
			}},
			{"the owner declines a slot", func() error {
				return b.cal.RespondSlot(other, b.cal.Slots(other, at(8, 0), at(28, 0))[1].Slot, truth.Declined)
			}},
			{"the owner declines an event", func() error { return b.cal.Respond(one, truth.Declined) }},
			{"and accepts it again", func() error { return b.cal.Respond(one, truth.Accepted) }},
			{"the series moves to another zone", func() error { return b.cal.Rezone(other, "America/New_York") }},
			{"this and following", func() error {
				_, err := b.cal.Split(other, b.cal.Slots(other, at(14, 0), at(28, 0))[0].Slot, func(c *truth.Content) { c.Title = "Second part" })
				return err
			}},
			{"timed becomes all-day (trap 42)", func() error {
				return b.cal.Edit(one, func(c *truth.Content) { c.AllDay, c.Start, c.End = true, at(9, 0), at(10, 0) })
			}},
			{"trap 24: an event is moved to another folder", func() error { return b.cal.Transfer(series) }},
			{"an event is deleted", func() error { return b.cal.Delete(one) }},
			{"a series is deleted (trap 8)", func() error { return b.cal.Delete(series) }},
		} {
			check(t, step.do())
			check(t, m.sync(t.Context()))
			same(t, m, step.name)
		}
	})
}

// The goal of a change: one list call, and one more for a touched series.
func TestAChangeCostsOneCallAndASeriesOneMore(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		series := must[string](t)(b.cal.Add(weekly("Series", 0, 12)))
		m := newMirror(b)
		check(t, m.sync(t.Context()))
		for _, c := range []struct {
			name string
			do   func() error
			want int
		}{
			{"nothing", func() error { return nil }, 1},
			{"a single event", func() error { _, err := b.cal.Add(single("New", 8, 9)); return err }, 1},
			{"a series", func() error { return b.cal.Edit(series, func(c *truth.Content) { c.Title = "x" }) }, 2},
			{"a slot", func() error { return b.cal.CancelSlot(series, b.cal.Slots(series, at(8, 0), at(28, 0))[0].Slot) }, 2},
		} {
			check(t, c.do())
			b.core.ResetCalls()
			check(t, m.sync(t.Context()))
			if n := b.core.Calls("*"); n != c.want {
				t.Errorf("%s: %d calls, want %d: %v", c.name, n, c.want, b.core.AllCalls())
			}
		}
	})
}

// Traps 1, 2 and 21: a lost cursor, and what was deleted meanwhile.
func TestAfterALostCursorAFullRoundShowsWhatIsGone(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		gone := must[string](t)(b.cal.Add(single("Gone", 8, 9)))
		m := newMirror(b)
		check(t, m.sync(t.Context()))
		check(t, b.cal.Delete(gone))
		b.cal.Expire()
		_, err := m.acc.Round(t.Context(), calendar.RoundRequest{Calendar: b.cal.ID, Cursor: m.cursor, Window: window})
		kind(t, err, calendar.CursorLost)
		check(t, m.sync(t.Context()))
		same(t, m, "after the full round")
	})
}

func TestAFullListOfOccurrencesEqualsTheTruth(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		for i := range 60 {
			must[string](t)(b.cal.Add(weekly(fmt.Sprint("s", i), -i, i%20, time.Weekday(i%7))))
			must[string](t)(b.cal.Add(single(fmt.Sprint("e", i), i-10, i%20)))
		}
		m := newMirror(b)
		items, err := m.occurrences(t.Context(), "")
		check(t, err)
		m.singles = map[string]calendar.Item{}
		for _, it := range items {
			m.singles[it.ID] = it
		}
		same(t, m, "all occurrences")
	})
}

func TestCalendarsAndTheAliasPrimary(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		list := must[[]calendar.Info](t)(b.acc().Calendars(t.Context()))
		i := slices.IndexFunc(list, func(c calendar.Info) bool { return c.Primary })
		if i < 0 || list[i].ID != b.cal.ID || list[i].Email != "ada@example.com" || !list[i].CanWrite || list[i].Name == "" {
			t.Fatalf("calendars %+v", list)
		}
		info := must[calendar.Info](t)(b.acc().Calendar(t.Context(), "primary"))
		if info.ID != b.cal.ID || info.Email != "ada@example.com" || !info.Primary {
			t.Errorf("primary is %+v", info)
		}
		_, err := b.acc().Calendar(t.Context(), "nobody's")
		kind(t, err, calendar.NotFound)
	})
}

func TestEventsAreWrittenReadAndDeleted(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		ctx, acc := t.Context(), b.acc()
		str := func(s string) *string { return &s }
		when := calendar.When{Start: at(5, 9), End: at(5, 10), Zone: "Europe/Berlin"}
		it := must[calendar.Item](t)(acc.Create(ctx, b.cal.ID, calendar.Change{
			RequestID: "0192f3a1-0000-7000-8000-00000000abcd", Title: str("Plan"), Description: str("d"), Location: str("l"), When: &when,
			Attendees: &[]calendar.Person{{Email: "bob@example.com", Name: "Bob"}}, Conference: true,
		}))
		if it.Title != "Plan" || !it.When.Start.Equal(when.Start) || !it.When.End.Equal(when.End) || it.Location != "l" || len(it.Attendees) == 0 {
			t.Errorf("created %+v", it.Fields)
		}
		conference := conferenceOf(must[calendar.Item](t)(acc.Event(ctx, b.cal.ID, it.ID)))
		if conference == "" {
			t.Error("there is no conference")
		}
		moved := calendar.When{Start: at(6, 9), End: at(6, 11), Zone: "Europe/Berlin"}
		must[calendar.Item](t)(acc.Patch(ctx, b.cal.ID, it.ID, calendar.Change{Title: str("Renamed"), Description: str("new"), When: &moved}))
		got := must[calendar.Item](t)(acc.Event(ctx, b.cal.ID, it.ID))
		if got.Title != "Renamed" || !got.When.Start.Equal(moved.Start) || got.Location != "l" || len(got.Attendees) == 0 {
			t.Errorf("patched %+v", got.Fields)
		}
		if c := conferenceOf(got); c != conference { // trap 15
			t.Errorf("the conference was %q and is %q", conference, c)
		}
		whole := calendar.When{Start: at(7, 0), End: at(8, 0), AllDay: true}
		must[calendar.Item](t)(acc.Patch(ctx, b.cal.ID, it.ID, calendar.Change{When: &whole}))
		if got = must[calendar.Item](t)(acc.Event(ctx, b.cal.ID, it.ID)); !got.When.AllDay || !got.When.Start.Equal(at(7, 0)) || !got.When.End.Equal(at(8, 0)) {
			t.Errorf("all-day %+v", got.When)
		}
		for range 2 { // the second time it is gone already
			check(t, acc.Delete(ctx, b.cal.ID, it.ID))
		}
		_, err := acc.Event(ctx, b.cal.ID, it.ID)
		kind(t, err, calendar.NotFound)
	})
}

func conferenceOf(it calendar.Item) string {
	for _, c := range it.Candidates {
		if c.Source == calendar.FromConference {
			return c.Text
		}
	}
	return ""
}

func TestACreateThatFailsAfterItsEffectMakesOneEvent(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		b.core.Inject(service.Injection{Method: b.api["create"], Kind: service.AfterEffect})
		title, when := "Once", calendar.When{Start: at(5, 9), End: at(5, 10)}
		it := must[calendar.Item](t)(b.acc().Create(t.Context(), b.cal.ID, calendar.Change{RequestID: "0192f3a1-0000-7000-8000-00000000abce", Title: &title, When: &when}))
		if n := len(b.cal.IDs()); n != 1 || it.Title != "Once" {
			t.Errorf("%d events, returned %+v", n, it.Fields)
		}
	})
}

func TestBusyTimeIsWhatTakesTime(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		id := must[string](t)
		id(b.cal.Add(single("Late", 6, 10)))
		id(b.cal.Add(single("Early", 5, 10)))
		free := single("Free", 7, 10)
		free.Free = true
		id(b.cal.Add(free))
		no := id(b.cal.Add(single("Declined", 8, 10)))
		check(t, b.cal.Respond(no, truth.Declined))
		busy := must[[]calendar.Busy](t)(b.acc().FreeBusy(t.Context(), []string{b.cal.ID}, window))
		var got []string
		for _, x := range busy {
			got = append(got, x.Start.Format("02 15")+"–"+x.End.Format("02 15 ")+x.Kind)
		}
		if want := []string{"14 10–14 11 busy", "15 10–15 11 busy"}; !slices.Equal(got, want) {
			t.Errorf("busy %q, want %q", got, want)
		}
	})
}

// Traps 34 and 37 against the simulator's own token endpoint.
func TestTwentyAccountsAtOnceMakeOneTokenCall(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := b.acc().Round(context.Background(), calendar.RoundRequest{Calendar: b.cal.ID, Window: window}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := b.core.Calls(b.api["token"]); n != 1 {
			t.Errorf("%d token calls, want 1", n)
		}
		g := must[calendar.Grant](t)(b.tokens.Grant(t.Context(), "conn"))
		if !b.core.Grants.Live(g.RefreshToken) {
			t.Error("the stored refresh token is not the live one")
		}
	})
}

func TestBadCredentialsSayWhatIsWrong(t *testing.T) {
	each(t, false, func(t *testing.T, b *backend) {
		try := func(c calendar.Credentials) error {
			_, err := b.provider.Account("x", calendar.NewLooseTokens(c)).Calendars(t.Context())
			return err
		}
		c := b.creds
		c.ClientSecret = "wrong"
		kind(t, try(c), calendar.BadClient)
		c = b.creds
		c.ClientID = "nobody"
		kind(t, try(c), calendar.BadClient)
		c = b.creds
		c.RefreshToken = "nonsense"
		kind(t, try(c), calendar.Revoked)
		narrow := b.provider.Account("narrow", calendar.NewLooseTokens(b.narrow()))
		title, when := "x", calendar.When{Start: at(5, 9), End: at(5, 10)}
		_, err := narrow.Create(t.Context(), "primary", calendar.Change{Title: &title, When: &when})
		kind(t, err, calendar.PermissionDenied)
		if _, err := narrow.Round(t.Context(), calendar.RoundRequest{Calendar: "primary", Window: window}); err != nil {
			t.Errorf("reading without the permission to write: %v", err)
		}
		b.core.Grants.Each("ada@example.com", func(g *service.Grant) { g.Revoked = true })
		kind(t, try(b.creds), calendar.Revoked)
	})
}
