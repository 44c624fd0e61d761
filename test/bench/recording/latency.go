package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// steps are the ends of the parts of the way in, as journal and lab tell them.
var steps = []string{"the bot's process", "asking to join", "a connection for media", "the first recorded sample"}

// latency lets bots join one after the other.
func latency(ctx context.Context, t *table, binary string, n int) error {
	s, err := open(ctx, binary, "speaker_view")
	if err != nil {
		return err
	}
	defer s.close()
	var done []time.Duration
	parts := make([][]time.Duration, len(steps))
	for range n {
		id, at, err := s.send(ctx)
		if err != nil {
			return err
		}
		entries, err := s.until(ctx, id, s.records)
		if err != nil {
			return err
		}
		guests := s.meeting.Truth().Guests
		guest := guests[len(guests)-1]
		times := [...]int64{0, guest.KnockUS, guest.MediaUS, 0}
		for _, e := range entries {
			switch {
			case e.Session != nil:
				times[0] = e.At.UnixMicro()
			case e.Epoch != nil:
				times[3] = e.Epoch.UnixMicro
			}
		}
		for i, us := range times {
			parts[i] = append(parts[i], time.UnixMicro(us).Sub(at))
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		d, err := s.leave(ctx)
		if err != nil {
			return err
		}
		done = append(done, d)
	}
	what := fmt.Sprintf("%d joins, call to ", n)
	for i, step := range steps {
		goal := 0.0
		if i == len(steps)-1 {
			goal = 5
		}
		t.atMost(what+step+", p50 s", percentile(parts[i], 50), 0)
		t.atMost(what+step+", p95 s", percentile(parts[i], 95), goal)
	}
	t.atMost(fmt.Sprintf("%d joins, leaving to completed, p95 s", n), percentile(done, 95), 0)
	return nil
}

// percentile is the value that p percent do not exceed, seconds.
func percentile(list []time.Duration, p int) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[(len(list)*p+99)/100-1].Seconds()
}
