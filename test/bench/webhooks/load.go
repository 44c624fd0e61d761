package main

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// burst makes n events with some clients at once.
func (s *server) burst(clients, n int) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for range clients {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := s.resend(s.bots[int(i)%len(s.bots)]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return errors.Join(<-errs)
}

// delays are the times until arrival: from the request to the API, and from its
// answer.
type delays struct{ whole, after []time.Duration }

// pace makes events at a rate and waits until the sink has all of them. An
// event is known by its bot, of which no two are on their way at once.
func (s *server) pace(k *sink, rate int, long time.Duration) (d delays, err error) {
	n := int(long.Seconds() * float64(rate))
	asked, answered := make([]time.Time, n), make([]time.Time, n)
	arrived := make([]time.Time, n)
	var mu sync.Mutex
	latest := map[string]int{} // bot → event
	before := k.count.Load()
	k.onArrival(func(bot string) {
		mu.Lock()
		defer mu.Unlock()
		if i, ok := latest[bot]; ok && arrived[i].IsZero() {
			arrived[i] = time.Now()
		}
	})
	defer k.onArrival(nil)
	var wg sync.WaitGroup
	errs := make(chan error, n)
	begin := time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		wg.Go(func() {
			bot := s.bots[i%len(s.bots)]
			mu.Lock()
			latest[bot] = i
			mu.Unlock()
			asked[i] = time.Now()
			if err := s.resend(bot); err != nil {
				errs <- err
			}
			answered[i] = time.Now()
		})
	}
	wg.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return d, err
	}
	if err := k.waitFor(before+int64(n), time.Minute); err != nil {
		return d, err
	}
	mu.Lock()
	defer mu.Unlock()
	for i := range n {
		if arrived[i].IsZero() {
			continue
		}
		d.whole = append(d.whole, arrived[i].Sub(asked[i]))
		d.after = append(d.after, max(0, arrived[i].Sub(answered[i])))
	}
	return d, nil
}
