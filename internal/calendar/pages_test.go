package calendar

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// book is a list of pages by their tokens.
type book map[string]Page

func (b book) read(_ context.Context, token string) (Page, error) {
	p, ok := b[token]
	if !ok {
		return p, errors.New("there is no such page")
	}
	return p, nil
}

func pageOf(next string, ids ...string) Page {
	p := Page{Next: next}
	for _, id := range ids {
		p.Items = append(p.Items, Item{ID: id})
	}
	return p
}

func TestPagesAreAppliedInTheirOrderAndOnce(t *testing.T) {
	b := book{"": pageOf("1", "a", "b"), "1": pageOf("2"), "2": pageOf("", "c")}
	var got []string
	err := eachPage(t.Context(), b.read, func(p Page) error {
		for _, it := range p.Items {
			got = append(got, it.ID)
		}
		return nil
	})
	if want := []string{"a", "b", "c"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestWhatCameBeforeAPageThatFailsIsApplied(t *testing.T) {
	b := book{"": pageOf("1", "a"), "1": pageOf("lost", "b")}
	n := 0
	err := eachPage(t.Context(), b.read, func(Page) error { n++; return nil })
	if err == nil || n != 2 {
		t.Errorf("%d pages were applied, error %v; want 2 and one", n, err)
	}
}

func TestNoCallIsUnderWayWhenAPageCouldNotBeApplied(t *testing.T) {
	asked, ended := make(chan struct{}), false
	wrong := errors.New("the database is away")
	err := eachPage(t.Context(), func(ctx context.Context, token string) (Page, error) {
		if token == "" {
			return pageOf("1", "a"), nil
		}
		close(asked)
		<-ctx.Done() // a service that takes its time
		ended = true
		return Page{}, ctx.Err()
	}, func(Page) error {
		<-asked
		return wrong
	})
	if !errors.Is(err, wrong) || !ended {
		t.Errorf("error %v, call ended: %v", err, ended)
	}
}

func TestAPanicWhileReadingComesUpWhereTheSyncRuns(t *testing.T) {
	defer func() {
		if got := recover(); got != "odd event" {
			t.Errorf("recovered %v", got)
		}
	}()
	_ = eachPage(t.Context(), func(context.Context, string) (Page, error) { panic("odd event") }, func(Page) error { return nil })
}

func TestAnEventThatWasSeenAsSingleStaysSo(t *testing.T) {
	s := newSeen()
	if s.has("a") || s.single("a") {
		t.Error("an empty set has something")
	}
	s.add("a", true)
	s.add("a", false)
	s.add("b", false)
	if !s.has("a") || !s.single("a") || !s.has("b") || s.single("b") {
		t.Errorf("a: %v %v, b: %v %v", s.has("a"), s.single("a"), s.has("b"), s.single("b"))
	}
}

func TestBareOccurrencesAreTakenInWholeSeries(t *testing.T) {
	var items []Item
	for range chunk - 1 {
		items = append(items, Item{SeriesID: "a"})
	}
	items = append(items, Item{SeriesID: "b"}, Item{SeriesID: "b"}, Item{SeriesID: "c"})
	if n := wholeSeries(items); n != chunk+1 {
		t.Errorf("takes %d, want all of a and b, %d", n, chunk+1)
	}
	if n := wholeSeries(items[chunk+1:]); n != 1 {
		t.Errorf("takes %d of the rest, want 1", n)
	}
}

// asked notes which rows were asked for.
type asked struct {
	Tx
	series, events []string
}

func (a *asked) SeriesByProvider(_ context.Context, _, _ string, ids []string) (map[string]Series, error) {
	a.series = append(a.series, ids...)
	return nil, nil
}

func (a *asked) EventsByProvider(_ context.Context, _, _ string, ids []string) (map[string]Event, error) {
	a.events = append(a.events, ids...)
	return nil, nil
}

func TestTheFirstRunAsksOnlyForWhatItHasStoredItself(t *testing.T) {
	items := []Item{{Kind: Single, ID: "a"}, {Kind: Occurrence, ID: "s_1", SeriesID: "s"}, {Kind: Tombstone, ID: "b"}}
	for _, c := range []struct {
		name           string
		first          bool
		stored         []string
		series, events []string
	}{
		{"nothing stored", true, nil, nil, nil},
		{"the series is", true, []string{"s"}, []string{"s"}, nil},
		{"a repeats itself", true, []string{"a"}, []string{"a"}, []string{"a"}},
		{"a later run", false, nil, []string{"a", "b", "s"}, []string{"a", "b", "s_1"}},
	} {
		r := &run{first: c.first, seen: newSeen()}
		for _, id := range c.stored {
			r.seen.add(id, false)
		}
		tx := &asked{}
		b := &batch{r: r, tx: tx, series: map[string]Series{}, events: map[string]Event{}}
		if err := b.load(t.Context(), items); err != nil || !slices.Equal(tx.series, c.series) || !slices.Equal(tx.events, c.events) {
			t.Errorf("%s: asked for series %v and events %v (%v), want %v and %v", c.name, tx.series, tx.events, err, c.series, c.events)
		}
	}
}
