package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"steno/lab"
	"steno/simulator/google"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// Agenda is a simulated Google calendar with a few meetings, and the API as a
// customer uses it to put a bot on one of them.
type Agenda struct {
	sim  *google.Server
	who  *google.Account
	next string // the simulator's id of the meeting that comes first
	api  Client
	// Calendar is the id of the connected calendar at Steno.
	Calendar string
}

// Entry is an event as the API shows it.
type Entry struct {
	ID        string    `json:"event_id"`
	Title     string    `json:"title"`
	Start     time.Time `json:"start_time"`
	URL       string    `json:"meeting_url"`
	Scheduled bool      `json:"bot_scheduled"`
}

// Verdict is why an event got a bot, or not.
type Verdict struct {
	At     time.Time  `json:"at"`
	Status string     `json:"status"`
	Reason string     `json:"reason"`
	Bot    string     `json:"bot_id"`
	JoinAt *time.Time `json:"join_at"`
}

// NewAgenda starts the simulator. Close ends it. The server needs Env.
func NewAgenda() (*Agenda, error) {
	sim, err := google.Start(google.Options{Options: service.Options{Polite: true, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}})
	if err != nil {
		return nil, err
	}
	a := &Agenda{sim: sim}
	if a.who, err = sim.AddAccount("ada@example.com", "Ada", "Europe/Berlin"); err != nil {
		return nil, fmt.Errorf("open a simulated account: %w", err)
	}
	return a, nil
}

// Env points a server to the simulator.
func (a *Agenda) Env() []string { return a.sim.Env() }

// Close ends the simulator.
func (a *Agenda) Close() { a.sim.Close() }

// Invite puts a meeting into the calendar, and another a day later.
func (a *Agenda) Invite(title, url string, at time.Time) (err error) {
	add := func(title, url string, at time.Time) (string, error) {
		return a.who.Primary().Add(truth.Event{Content: truth.Content{Title: title, Start: at, End: at.Add(30 * time.Minute), Zone: "Europe/Berlin", Location: url}})
	}
	if a.next, err = add(title, url, at); err != nil {
		return fmt.Errorf("put %q into the simulated calendar: %w", title, err)
	}
	_, err = add("Tomorrow's review", "https://meet.google.com/xyz-defg-hij", at.AddDate(0, 0, 1))
	return err
}

// Connect connects the calendar and waits until its events are there.
func (a *Agenda) Connect(ctx context.Context, c Client, tick time.Duration) error {
	a.api = c
	var made struct {
		ID string `json:"calendar_id"`
	}
	err := c.Do(ctx, http.MethodPost, "/v2/calendars", map[string]string{
		"calendar_platform": "google", "raw_calendar_id": "primary",
		"oauth_client_id": a.who.ClientID, "oauth_client_secret": a.who.ClientSecret, "oauth_refresh_token": a.who.RefreshToken,
	}, &made)
	if err != nil {
		return fmt.Errorf("connect the calendar: %w", err)
	}
	a.Calendar = made.ID
	// A watch channel of the calendar is open when it has been synced and the
	// details say so: only then does the server hear of an edit at once.
	return a.until(ctx, tick, "the calendar is read and watched", func() (bool, error) {
		var d struct {
			Synced  *string `json:"synced_at"`
			Channel *string `json:"subscription_id"`
		}
		err := c.Do(ctx, http.MethodGet, "/v2/calendars/"+a.Calendar, nil, &d)
		return d.Synced != nil && d.Channel != nil, err
	})
}

// Next returns the first event to come that has a meeting.
func (a *Agenda) Next(ctx context.Context) (Entry, error) {
	list, err := a.entries(ctx)
	if err != nil {
		return Entry{}, err
	}
	for _, e := range list {
		if e.URL != "" {
			return e, nil
		}
	}
	return Entry{}, fmt.Errorf("the calendar shows no meeting among %d events", len(list))
}

func (a *Agenda) entries(ctx context.Context) ([]Entry, error) {
	var list []Entry
	q := url.Values{"start_date": {time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)}}
	err := a.api.Do(ctx, http.MethodGet, "/v2/calendars/"+a.Calendar+"/events?"+q.Encode(), nil, &list)
	return list, err
}

// Send puts a bot on an event.
func (a *Agenda) Send(ctx context.Context, event, mode string) error {
	return a.api.Do(ctx, http.MethodPost, "/v2/calendars/"+a.Calendar+"/bots",
		map[string]any{"event_id": event, "bot_name": "Steno demo", "recording_mode": mode}, nil)
}

// Move moves the next meeting at the service, as its organizer would.
func (a *Agenda) Move(to time.Time) error {
	return a.who.Primary().Edit(a.next, func(c *truth.Content) { c.Start, c.End = to, to.Add(c.End.Sub(c.Start)) })
}

// Verdicts returns what was decided about an event, the oldest first.
func (a *Agenda) Verdicts(ctx context.Context, event string) ([]Verdict, error) {
	var list []Verdict
	err := a.api.Do(ctx, http.MethodGet, "/v2/calendars/"+a.Calendar+"/events/"+event+"/decisions", nil, &list)
	return list, err
}

// WaitJoinAt waits until the bot of an event is planned for a time.
func (a *Agenda) WaitJoinAt(ctx context.Context, tick time.Duration, event string, at time.Time) (v Verdict, err error) {
	err = a.until(ctx, tick, "the bot is planned for "+at.Format(time.TimeOnly), func() (bool, error) {
		list, err := a.Verdicts(ctx, event)
		if err != nil || len(list) == 0 {
			return false, err
		}
		v = list[len(list)-1]
		return v.JoinAt != nil && v.JoinAt.Equal(at), nil
	})
	return v, err
}

func (a *Agenda) until(ctx context.Context, tick time.Duration, what string, done func() (bool, error)) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		case <-t.C:
		}
	}
}

// Visit is when a guest came into a lab meeting, and had sound and picture.
func Visit(m *lab.Meeting) (in, media time.Time) {
	for _, g := range m.Truth().Guests {
		if g.MediaUS > 0 {
			return time.UnixMicro(g.InUS), time.UnixMicro(g.MediaUS)
		}
	}
	return in, media
}

// about reads which bot a webhook is about, and the status that it tells.
func about(e Event) (bot, status string) {
	var d struct {
		Bot    string `json:"bot_id"`
		Status struct {
			Code string `json:"code"`
		} `json:"status"`
	}
	_ = json.Unmarshal(e.Body, &d) // of other shapes: about no bot
	return d.Bot, d.Status.Code
}
