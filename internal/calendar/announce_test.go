package calendar

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"steno/internal/page"
)

// shelf is a stored calendar: how many live events each series has.
type shelf struct {
	Tx
	live []int
	sent []Message
	v1   []Message
}

func (s *shelf) SeriesFrom(_ context.Context, _, _ string, from *page.Position, limit int) (out []Series, _ error) {
	for i := range s.live {
		id := fmt.Sprintf("%06d", i)
		if (from == nil || id > from.ID) && len(out) < limit {
			out = append(out, Series{ID: id, BotScheduled: i == 1})
		}
	}
	return out, nil
}

func (s *shelf) Upcoming(_ context.Context, _ Connection, _ Window, series []string) (out []Event, _ error) {
	for _, id := range series {
		var i int
		if _, err := fmt.Sscanf(id, "%d", &i); err != nil {
			return nil, err
		}
		for n := range s.live[i] {
			out = append(out, Event{ID: fmt.Sprintf("%s/%d", id, n), SeriesID: id})
		}
	}
	return out, nil
}

func (s *shelf) Emit(_ context.Context, m Message) error {
	if m.V1 {
		s.v1 = append(s.v1, m)
		return nil
	}
	s.sent = append(s.sent, m)
	return nil
}

func TestAllEventsAreAnnouncedOnceInPartsThatAreNotTooLarge(t *testing.T) {
	many := func(series, events int) (live []int) {
		for range series {
			live = append(live, events)
		}
		return live
	}
	for name, live := range map[string][]int{
		"none": nil, "a series without events": {0}, "one": {1}, "two": {3, 2}, "exactly one page of series": many(walk, 1),
		"exactly one part": {part}, "one more": {part - 1, 2}, "a series of three parts": {1, 2*part + 1, 1}, "many": many(3*walk+7, 2),
	} {
		s := &shelf{live: live}
		r := &run{conn: Connection{ID: "c", TeamID: "t"}}
		if err := r.announce(t.Context(), s, time.Now()); err != nil {
			t.Fatal(err)
		}
		all, want := 0, 0
		for _, n := range live {
			want += n
		}
		if messages := max(1, (want+part-1)/part); len(s.sent) != messages {
			t.Errorf("%s: %d messages, want %d", name, len(s.sent), messages)
		}
		told := map[string]bool{}
		for _, m := range s.sent {
			var body struct{ Data syncedData }
			if err := json.Unmarshal(m.Body, &body); err != nil {
				t.Fatal(err)
			}
			if body.Data.Events == nil || !strings.Contains(string(m.Body), `"calendar_id":"c"`) {
				t.Errorf("%s: %.100s", name, m.Body)
			}
			here := 0
			for _, x := range body.Data.Events {
				if x.BotScheduled != (x.SeriesID == "000001") {
					t.Errorf("%s: series %s has a bot: %v", name, x.SeriesID, x.BotScheduled)
				}
				for _, i := range x.Instances {
					if told[i.EventID] || !strings.HasPrefix(i.EventID, x.SeriesID) {
						t.Errorf("%s: event %s is told twice, or in series %s", name, i.EventID, x.SeriesID)
					}
					told[i.EventID] = true
					here++
				}
			}
			if here > part {
				t.Errorf("%s: a message of %d events", name, here)
			}
			all += here
		}
		if all != want {
			t.Errorf("%s: %d events are told of, want %d", name, all, want)
		}
		inV1 := map[string]bool{}
		for _, m := range s.v1 {
			var body struct {
				Event string
				Data  syncDataV1
			}
			if err := json.Unmarshal(m.Body, &body); err != nil || body.Event != MsgV1Syncs || body.Data.CalendarID != "c" || body.Data.Events == nil || len(body.Data.Events) > partV1 {
				t.Errorf("%s: %.100s, %v", name, m.Body, err)
			}
			for _, id := range body.Data.Events {
				inV1[id] = true
			}
		}
		if len(inV1) != want || len(s.v1) != max(1, (want+partV1-1)/partV1) {
			t.Errorf("%s: v1 is told of %d events in %d messages", name, len(inV1), len(s.v1))
		}
	}
}
