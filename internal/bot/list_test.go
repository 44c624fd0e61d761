package bot_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/fail"
	"steno/internal/meeting"
)

func ids(p bot.Page) (out []string) {
	for _, b := range p.Bots {
		out = append(out, b.ID)
	}
	return out
}

func (h *house) list(t *testing.T, f bot.Filter, limit int, cursor string) bot.Page {
	t.Helper()
	p, err := h.List(t.Context(), "red", f, limit, cursor)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPagesGoForwardAndBackWithoutLossOrRepeat(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var all []string
		for i := range 7 {
			if i%2 == 0 { // pairs share their creation time
				h.now = h.now.Add(time.Second)
			}
			all = append(all, h.create(t, "red", bot.Request{}))
		}
		h.create(t, "blue", bot.Request{})
		slices.Reverse(all)
		a := h.list(t, bot.Filter{}, 3, "")
		h.create(t, "red", bot.Request{Name: "later"}) // must not move what follows
		b := h.list(t, bot.Filter{}, 3, a.Next)
		c := h.list(t, bot.Filter{}, 3, b.Next)
		if got := slices.Concat(ids(a), ids(b), ids(c)); !slices.Equal(got, all) {
			t.Fatalf("got %v\nwant %v", got, all)
		}
		if a.Prev != "" || c.Next != "" || c.Prev == "" {
			t.Errorf("ends: first page has prev %q, last has next %q", a.Prev, c.Next)
		}
		back := h.list(t, bot.Filter{}, 3, c.Prev)
		if !slices.Equal(ids(back), ids(b)) || back.Next == "" || back.Prev == "" {
			t.Errorf("back from the last page: %v, next %q, prev %q", ids(back), back.Next, back.Prev)
		}
		// The contract's other spelling of a backward cursor (C3).
		inner := base64.StdEncoding.EncodeToString([]byte("-" + c.Prev[1:]))
		if again := h.list(t, bot.Filter{}, 3, inner); !slices.Equal(ids(again), ids(b)) {
			t.Errorf("the other spelling: %v", ids(again))
		}
		whole := h.list(t, bot.Filter{}, 250, "")
		if len(whole.Bots) != 8 || whole.Next != "" || whole.Prev != "" {
			t.Errorf("one page: %d bots, next %q, prev %q", len(whole.Bots), whole.Next, whole.Prev)
		}
	})
}

func TestCursorOfAnotherListIsRefused(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for range 3 {
			h.create(t, "red", bot.Request{})
			h.create(t, "blue", bot.Request{})
		}
		next := h.list(t, bot.Filter{}, 1, "").Next
		try := func(team string, f bot.Filter, cursor string) {
			t.Helper()
			if _, err := h.List(t.Context(), team, f, 1, cursor); !fail.Is(err, fail.Invalid) {
				t.Errorf("cursor %q of team %s: got %v, want a refusal", cursor, team, err)
			}
		}
		try("blue", bot.Filter{}, next)
		try("red", bot.Filter{Name: "x"}, next)
		for _, bad := range []string{"x", "-", "!!!", next + "A", "-" + next[:8], "MjAyNi0wMS0wMVQwMDowMDowMFo6OjEyMw"} {
			try("red", bot.Filter{}, bad)
		}
	})
}

func TestFilters(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		start := h.now
		one := h.launched(t, "red", bot.Request{Name: "Été 100%", Extra: json.RawMessage(`{"a":"1","n":5,"deep.key":true,"s":"x_y"}`)})
		h.now = h.now.Add(time.Hour)
		two := h.create(t, "red", bot.Request{Name: "Winter", MeetingURL: "https://zoom.us/j/12345", Extra: json.RawMessage(`{"a":"2"}`)})
		p := bot.Progress{
			Seq: 1, People: []bot.Participant{{N: 1, Name: "Ünal"}},
			Done: &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: h.now},
		}
		if err := h.Apply(t.Context(), one, p); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			f    bot.Filter
			want []string
		}{
			"nothing":            {bot.Filter{}, []string{two, one}},
			"name, other case":   {bot.Filter{Name: "éTÉ"}, []string{one}},
			"name, wildcard":     {bot.Filter{Name: "0%"}, []string{one}},
			"name, only percent": {bot.Filter{Name: "_"}, nil},
			"id":                 {bot.Filter{ID: strings.ToUpper(one[24:])}, []string{one}},
			"url":                {bot.Filter{MeetingURL: "ZOOM.us"}, []string{two}},
			"participant":        {bot.Filter{Participant: "üNA"}, []string{one}},
			"platform":           {bot.Filter{Platforms: []meeting.Platform{meeting.Zoom, meeting.Teams}}, []string{two}},
			"status":             {bot.Filter{Statuses: []bot.Status{bot.Completed}}, []string{one}},
			"statuses":           {bot.Filter{Statuses: []bot.Status{bot.Completed, bot.Queued}}, []string{two, one}},
			"after":              {bot.Filter{CreatedAfter: start.Add(time.Minute)}, []string{two}},
			"before":             {bot.Filter{CreatedBefore: start.Add(time.Minute)}, []string{one}},
			"ended":              {bot.Filter{EndedAfter: start.Add(time.Minute)}, []string{one}},
			"extra text":         {bot.Filter{Extra: []bot.Pair{{"a", "2"}}}, []string{two}},
			"extra number":       {bot.Filter{Extra: []bot.Pair{{"n", "5"}, {"a", "1"}}}, []string{one}},
			"extra true":         {bot.Filter{Extra: []bot.Pair{{"deep.key", "true"}}}, []string{one}},
			"extra both":         {bot.Filter{Extra: []bot.Pair{{"n", "5"}, {"a", "2"}}}, nil},
			"extra not there":    {bot.Filter{Extra: []bot.Pair{{"zzz", "5"}}}, nil},
			"extra, case counts": {bot.Filter{Extra: []bot.Pair{{"s", "X_Y"}}}, nil},
			"quote in key":       {bot.Filter{Extra: []bot.Pair{{`a"b'`, "2"}}}, nil},
		} {
			if got := ids(h.list(t, c.f, 10, "")); !slices.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	})
}

func TestListWithoutDatesGoesBackNinetyDays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		old := h.create(t, "red", bot.Request{})
		h.now = h.now.Add(91 * 24 * time.Hour)
		young := h.create(t, "red", bot.Request{})
		if got := ids(h.list(t, bot.Filter{}, 10, "")); !slices.Equal(got, []string{young}) {
			t.Errorf("got %v, want only the young one", got)
		}
		if got := ids(h.list(t, bot.Filter{CreatedBefore: h.now}, 10, "")); !slices.Equal(got, []string{old}) {
			t.Errorf("got %v, want the old one", got)
		}
	})
}

func TestPageIsNeverLongerThanAHundred(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range 101 {
			h.create(t, "red", bot.Request{Name: fmt.Sprint("bot ", i)})
		}
		if p := h.list(t, bot.Filter{}, 250, ""); len(p.Bots) != 100 || p.Next == "" {
			t.Errorf("%d bots, next %q", len(p.Bots), p.Next)
		}
	})
}
