package v1

import (
	"sync"
	"time"

	"steno/internal/fail"
)

// A key may delete the data of so many bots in a minute (digest 1.7).
const (
	maxDeletions = 5
	deletionTime = time.Minute
)

// deletions counts the deletions of each key in the last minute, in this
// process. The zero value is ready.
type deletions struct {
	mu   sync.Mutex
	made map[string][]time.Time // by key, oldest first
}

// take counts one, or refuses it.
func (d *deletions) take(key string, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made == nil {
		d.made = map[string][]time.Time{}
	}
	for k, all := range d.made { // few keys delete anything at all
		for len(all) > 0 && now.Sub(all[0]) >= deletionTime {
			all = all[1:]
		}
		if d.made[k] = all; len(all) == 0 {
			delete(d.made, k)
		}
	}
	if all := d.made[key]; len(all) >= maxDeletions {
		e := fail.New(fail.Limited, "TOO_MANY_REQUESTS", "a key may delete the data of %d bots in a minute", maxDeletions)
		e.RetryAfter = all[0].Add(deletionTime).Sub(now)
		return e
	}
	d.made[key] = append(d.made[key], now)
	return nil
}
