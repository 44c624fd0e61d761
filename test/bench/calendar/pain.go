package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"steno/internal/calendar"
	"steno/simulator/service"
)

// hurt are the commands that make the fake far away, or broken for somebody:
// latency (N milliseconds), page (N rows), stranger (an account whose
// application is its own), break (an account, with Kind).
func (f *fakeOf) hurt(c command, a *answer) error {
	switch c.Op {
	case "latency":
		f.core.Latency = time.Duration(c.N) * time.Millisecond
	case "page":
		f.core.MaxPage = c.N
	case "stranger":
		cal, creds, err := f.add(fmt.Sprintf("stranger%d@example.com", len(f.cals)))
		if err != nil {
			return err
		}
		var scopes []string
		f.core.Grants.Each(cal.Owner.Email, func(g *service.Grant) { scopes = g.Scopes })
		creds.ClientID, creds.ClientSecret = cal.Owner.Email, "secret"
		f.core.Grants.AddClient(creds.ClientID, creds.ClientSecret)
		creds.RefreshToken, _ = f.core.Grants.Issue(cal.Owner.Email, creds.ClientID, scopes)
		f.cals, a.Creds = append(f.cals, cal), creds
	case "break":
		f.core.Inject(service.Injection{Account: f.cals[c.Account].Owner.Email, Kind: service.Kind(c.Kind), Times: -1, RetryAfter: 1, Delay: 10 * time.Minute})
	default:
		return fmt.Errorf("unknown command %q", c.Op)
	}
	return nil
}

// far measures the first sync of a small calendar whose service is 100 ms away
// and hands it out in five pages.
func far(ctx context.Context, o options, p, engine string) error {
	o.changes = 5
	r, err := measure(ctx, o, calendar.Platform(p), engine, 500, 0, command{Op: "latency", N: 100}, command{Op: "page", N: 100})
	if err != nil {
		return err
	}
	fmt.Printf("\n  a service 100 ms away: first sync of 500 events in %d pages %s (goal: 3 s); one change %s\n", r.calls, short(r.full), short(r.single.took))
	return nil
}

// kinds are the ways to be broken, one for each of some connections.
var kinds = []service.Kind{service.TooMany, service.TooManySilent, service.ServerError, service.Slow, service.Truncated, service.Garbage, service.HangUp, service.ServerError}

// pains measures the way from an edit to the outgoing webhook for calendars of
// one team, while connections of others are broken.
func pains(ctx context.Context, o options, p calendar.Platform, engine string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n  connections of others\tp50\tp95\tp99\tmax\tp99 to that without\t\n")
	var calm time.Duration
	for _, c := range []struct {
		name   string
		broken []service.Kind
	}{
		{"none", nil},
		{"8 broken in 7 ways", kinds},
		{"24 hang", slices.Repeat([]service.Kind{service.Slow}, 24)},
		{"64 hang", slices.Repeat([]service.Kind{service.Slow}, 64)},
	} {
		times, err := painful(ctx, o, p, engine, c.broken)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		p99 := times[len(times)*99/100]
		if calm == 0 {
			calm = p99
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.1f\t\n", c.name, short(times[len(times)/2]), short(times[len(times)*95/100]), short(p99), short(times[len(times)-1]), p99.Seconds()/calm.Seconds())
	}
	fmt.Fprintf(w, "\t\t\t\t\t(goal: 2)\t\n")
	return w.Flush()
}

func painful(ctx context.Context, o options, p calendar.Platform, engine string, broken []service.Kind) (times []time.Duration, err error) {
	f, err := startFake(string(p))
	if err != nil {
		return nil, err
	}
	defer f.stop()
	s, err := startServer(ctx, f, engine)
	if err != nil {
		return nil, err
	}
	defer func() {
		f.stop() // what hangs ends
		err = errors.Join(err, s.stop())
	}()
	if err := s.connect(ctx, p, f); err != nil {
		return nil, err
	}
	for i, kind := range broken {
		if err := s.connectBroken(ctx, p, f, calendarsPushed+i, kind); err != nil {
			return nil, err
		}
	}
	s.drain()
	for i := range 2 * o.pushes {
		begin := time.Now()
		if len(broken) > 0 { // somebody touches a broken calendar, too
			if err := f.ask(command{Op: "edit", Account: calendarsPushed + i%len(broken), N: i / len(broken)}, nil); err != nil {
				return nil, err
			}
		}
		edited := time.Now()
		if err := f.ask(command{Op: "edit", Account: i % calendarsPushed, N: i / calendarsPushed}, nil); err != nil {
			return nil, err
		}
		select {
		case at := <-s.hooks:
			times = append(times, at.Sub(edited))
		case <-time.After(2 * time.Minute):
			return nil, errors.New("a change did not become a webhook within two minutes")
		}
		time.Sleep(time.Until(begin.Add(50 * time.Millisecond))) // the pace of the changes, part of what is measured
	}
	slices.Sort(times)
	return times, nil
}

// connectBroken connects a calendar of a stranger, which works until it is
// watched.
func (s *server) connectBroken(ctx context.Context, p calendar.Platform, f *fake, account int, kind service.Kind) error {
	var a answer
	if err := f.ask(command{Op: "stranger"}, &a); err != nil {
		return err
	}
	if err := f.ask(command{Op: "fill", Account: account, Events: 100}, nil); err != nil {
		return err
	}
	key := s.key
	s.key = s.others // another team's
	defer func() { s.key = key }()
	path, err := s.connectOne(ctx, p, a.Creds)
	if err != nil {
		return err
	}
	if err := s.watched(ctx, path, time.Now().Add(time.Minute)); err != nil {
		return err
	}
	return f.ask(command{Op: "break", Account: account, Kind: string(kind)}, nil)
}

// connectOne connects a calendar and returns its path.
func (s *server) connectOne(ctx context.Context, p calendar.Platform, c calendar.Credentials) (string, error) {
	body, err := json.Marshal(map[string]string{
		"calendar_platform": string(p), "oauth_client_id": c.ClientID, "oauth_client_secret": c.ClientSecret,
		"oauth_refresh_token": c.RefreshToken, "raw_calendar_id": "primary",
	})
	if err != nil {
		return "", err
	}
	var made struct {
		Data struct {
			ID string `json:"calendar_id"`
		}
	}
	status, err := s.send(ctx, http.MethodPost, "/v2/calendars", http.Header{"Content-Type": {"application/json"}}, body, &made)
	if err != nil || status != http.StatusCreated {
		return "", fmt.Errorf("connect a calendar: %d %w", status, err)
	}
	return "/v2/calendars/" + made.Data.ID, nil
}

// watched waits until a calendar is synced and watched.
func (s *server) watched(ctx context.Context, path string, deadline time.Time) error {
	for {
		var d struct {
			Data struct {
				Subscription *string `json:"subscription_id"`
				Synced       *string `json:"synced_at"`
			}
		}
		if _, err := s.send(ctx, http.MethodGet, path, nil, nil, &d); err != nil {
			return err
		}
		if d.Data.Subscription != nil && d.Data.Synced != nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("the calendars are not watched in time")
		}
		time.Sleep(10 * time.Millisecond) // looks again
	}
}
