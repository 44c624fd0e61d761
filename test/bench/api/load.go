package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is one run.
type result struct {
	rate     float64 // requests per second
	p50, p99 time.Duration
}

// load sends requests over a number of connections for a while.
func load(o options, base, key, what string, ids []string) (result, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: o.clients, MaxConnsPerHost: o.clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	begin := time.Now()
	end := begin.Add(o.length)
	for c := range o.clients {
		wg.Go(func() {
			var took []time.Duration
			for i := c; time.Now().Before(end); i += o.clients {
				d, err := once(client, base, key, what, ids, i)
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				took = append(took, d)
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	wg.Wait()
	if failed != nil {
		return result{}, failed
	}
	slices.Sort(all)
	return result{rate: float64(len(all)) / time.Since(begin).Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100]}, nil
}

func once(client *http.Client, base, key, what string, ids []string, i int) (time.Duration, error) {
	r, err := request(base, key, what, ids, i)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if resp.StatusCode >= http.StatusMultipleChoices || !strings.Contains(string(text[:min(len(text), 100)]), `"success":true`) {
		return 0, fmt.Errorf("%s answered %d: %s", what, resp.StatusCode, text)
	}
	return took, nil
}

func newCreate(base, key string, i int) (*http.Request, error) {
	body := fmt.Sprintf(`{"bot_name":"Notetaker %d","meeting_url":"https://meet.google.com/abc-defg-hij","extra":{"customer":"%d"}}`, i, i%1000)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/v2/bots", strings.NewReader(body))
	if err == nil {
		r.Header.Set("x-meeting-baas-api-key", key)
		r.Header.Set("Content-Type", "application/json")
	}
	return r, err
}

func median(all []result) result {
	slices.SortFunc(all, func(a, b result) int { return int(a.rate - b.rate) })
	return all[len(all)/2]
}
