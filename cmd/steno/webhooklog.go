package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/internal/app"
	"steno/internal/config"
	"steno/internal/webhook"
)

// moment is a point in time on the command line: a time, a date, or how long ago.
type moment struct{ time.Time }

// UnmarshalText reads 2026-11-01T12:00:00Z, 2026-11-01, 90m or 5d.
func (m *moment) UnmarshalText(text []byte) (err error) {
	s := string(text)
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if m.Time, err = time.Parse(layout, s); err == nil {
			return nil
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			m.Time = time.Now().AddDate(0, 0, -n)
			return nil
		}
	}
	ago, err := time.ParseDuration(s)
	if err != nil || ago < 0 {
		return fmt.Errorf("%q is no time (2026-11-01T12:00:00Z), date (2026-11-01) or how long ago (90m, 5d)", s)
	}
	m.Time = time.Now().Add(-ago)
	return nil
}

// teamArgs name a team.
type teamArgs struct {
	config.Storage `embed:""`
	Team           string `placeholder:"NAME" help:"Team whose webhooks are meant. Default: the only one."`
}

func (c *teamArgs) history(ctx context.Context, f func(h webhook.History, team string) error) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		return f(h.History(), team.ID)
	})
}

type webhookLogCmd struct {
	teamArgs `embed:""`
	ID       string `arg:"" optional:"" help:"The endpoint's id, from webhook list. Default: callbacks of bots."`
	State    string `enum:"pending,delivered,exhausted,dropped," default:"" placeholder:"STATE" help:"Only these: pending, delivered, exhausted (given up) or dropped."`
	Event    string `placeholder:"EVENT" help:"Only this event."`
	Bot      string `placeholder:"ID" help:"Only messages about this bot."`
	Since    moment `placeholder:"TIME" help:"Only what was queued since: a time, a date, or how long ago (90m, 5d)."`
	Until    moment `placeholder:"TIME" help:"Only what was queued before."`
	Limit    int    `default:"50" help:"How many lines at most."`
}

// Run prints a table.
func (c *webhookLogCmd) Run(ctx context.Context) error {
	return c.history(ctx, func(h webhook.History, team string) error {
		all, err := h.List(ctx, team, webhook.Query{
			EndpointID: c.ID, State: webhook.State(c.State), Event: webhook.EventType(c.Event), BotID: c.Bot, Since: c.Since.Time, Until: c.Until.Time, Limit: c.Limit,
		})
		if err != nil {
			return err
		}
		return table(os.Stdout, "DELIVERY\tQUEUED\tEVENT\tSTATE\tATTEMPTS\tLAST\tBOT", func(w io.Writer) {
			for _, d := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.ID, d.CreatedAt.Format(time.RFC3339), d.Event, d.State, d.Attempts, lastAnswer(d), orDash(d.BotID))
			}
		})
	})
}

func lastAnswer(d webhook.Delivery) string {
	if d.LastStatus != 0 {
		return strconv.Itoa(d.LastStatus)
	}
	return orDash(string(d.LastFailure))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type webhookShowCmd struct {
	teamArgs `embed:""`
	Delivery string `arg:"" help:"The delivery's id, from webhook log."`
}

// Run prints the request and the attempts.
func (c *webhookShowCmd) Run(ctx context.Context) error {
	return c.history(ctx, func(h webhook.History, team string) error {
		r, err := h.Get(ctx, team, c.Delivery)
		if err != nil {
			return err
		}
		fmt.Printf("%s %s\nmessage %s, %s, queued %s, %s\n\n%s\n", r.Method, r.URL, r.MessageID, r.Event, r.CreatedAt.Format(time.RFC3339), r.State, r.Body)
		for _, t := range r.Attempts {
			fmt.Printf("\nattempt %d at %s, %d ms, to %s\n", t.N, t.At.Format(time.RFC3339), t.Duration.Milliseconds(), t.URL)
			printHeaders("> ", r.RequestHeaders(t))
			if t.Status == 0 {
				fmt.Printf("no answer: %s (%s)\n", t.Error, t.Failure)
				continue
			}
			fmt.Printf("< %d %s\n", t.Status, http.StatusText(t.Status))
			printHeaders("< ", t.ResponseHeaders)
			if t.ResponseBody != "" {
				fmt.Printf("\n%q\n", t.ResponseBody) // quoted: it is a stranger's, and may hold control characters
			}
		}
		return nil
	})
}

func printHeaders(prefix string, h http.Header) {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Printf("%s%s: %q\n", prefix, name, strings.Join(h[name], ", "))
	}
}

type webhookReplayCmd struct {
	teamArgs `embed:""`
	ID       string `arg:"" help:"A delivery's id, or with --since an endpoint's."`
	Since    moment `placeholder:"TIME" help:"Send all messages since then to the endpoint again: a time, a date, or how long ago (90m, 5d)."`
	Until    moment `placeholder:"TIME" help:"Only messages before. Default: now."`
}

// Run queues the messages; a running server sends them within a second.
func (c *webhookReplayCmd) Run(ctx context.Context) error {
	return c.history(ctx, func(h webhook.History, team string) error {
		if !c.Since.IsZero() {
			return replay(ctx, h, team, webhook.Scope{EndpointID: c.ID, Since: c.Since.Time, Until: c.Until.Time})
		}
		if !c.Until.IsZero() {
			return errors.New("--until goes with --since")
		}
		err := h.Again(ctx, team, c.ID)
		if err == nil {
			fmt.Println(1, "message queued")
		}
		return err
	})
}

type webhookRecoverCmd struct {
	teamArgs `embed:""`
	ID       string `arg:"" help:"The endpoint's id, from webhook list. It must be enabled."`
	Since    moment `required:"" placeholder:"TIME" help:"Since when: a time, a date, or how long ago (90m, 5d)."`
	Until    moment `placeholder:"TIME" help:"Only messages before. Default: now."`
}

// Run queues the messages; a running server sends them within a second.
func (c *webhookRecoverCmd) Run(ctx context.Context) error {
	return c.history(ctx, func(h webhook.History, team string) error {
		return replay(ctx, h, team, webhook.Scope{EndpointID: c.ID, Since: c.Since.Time, Until: c.Until.Time, FailedOnly: true})
	})
}

// replay goes on until the whole scope is queued. What comes about meanwhile is
// not part of it.
func replay(ctx context.Context, h webhook.History, team string, s webhook.Scope) error {
	if s.Until.IsZero() {
		s.Until = time.Now()
	}
	total := 0
	for {
		q, err := h.Replay(ctx, team, s)
		total += q.Messages
		if err != nil {
			return err
		}
		if q.Next == "" {
			fmt.Println(total, "messages queued")
			return nil
		}
		s.After = q.Next
	}
}
