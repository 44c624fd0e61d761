package app

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	"steno/simulator/google"
	"steno/simulator/microsoft"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// client speaks the API with a key.
type client struct {
	t   *testing.T
	url string
	key string
}

func (c client) call(method, path, body string, out any) int {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("X-Meeting-Baas-Api-Key", c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			c.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
		}
	}
	return resp.StatusCode
}

// The whole server with both simulated services: connected by the API, watched
// by push, synced, an event moved, and no secret in the log.
func TestTheServerKeepsCalendarsCurrent(t *testing.T) {
	storetestURLs(t, func(t *testing.T, databaseURL string) {
		g, err := google.Start(google.Options{Options: service.Options{Polite: true}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.Close)
		m, err := microsoft.Start(microsoft.Options{Options: service.Options{Polite: true}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		o := options(t, t.TempDir(), databaseURL)
		o.GoogleAPIURL, o.GoogleTokenURL, o.MicrosoftGraphURL, o.MicrosoftLoginURL = g.APIURL(), g.TokenURL(), m.GraphURL(), m.LoginURL()
		o.PublicURL, o.CalendarDays, o.CalendarPoll, o.MaxCalendars = "http://"+o.Listen, 30, time.Hour, 10
		r := start(t, o)
		house, err := Open(t.Context(), o.Storage, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = house.Close() })
		team, err := house.Accounts.CreateTeam(t.Context(), "red")
		if err != nil {
			t.Fatal(err)
		}
		key, _, err := house.Accounts.CreateKey(t.Context(), account.NewKey{TeamID: team.ID, Name: "k", Permission: account.Full})
		if err != nil {
			t.Fatal(err)
		}
		c := client{t, r.url, key}
		ga, err := g.AddAccount("ada@example.com", "Ada", "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		ma, err := m.AddAccount("ada@example.com", "Ada", "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []struct {
			platform, client, secret, token, raw string
			cal                                  *truth.Calendar
		}{
			{"google", ga.ClientID, ga.ClientSecret, ga.RefreshToken, "primary", ga.Primary()},
			{"microsoft", ma.ClientID, ma.ClientSecret, ma.RefreshToken, ma.Primary().ID, ma.Primary()},
		} {
			t.Run(one.platform, func(t *testing.T) {
				c.t = t
				begin := time.Now().UTC().Truncate(time.Hour).Add(30 * time.Hour)
				id, err := one.cal.Add(truth.Event{Content: truth.Content{Title: "Review", Start: begin, End: begin.Add(time.Hour), Zone: "UTC", Location: "https://us02web.zoom.us/j/85900000001"}})
				if err != nil {
					t.Fatal(err)
				}
				var made struct {
					Data struct {
						ID string `json:"calendar_id"`
					}
				}
				body := fmt.Sprintf(`{"calendar_platform":%q,"oauth_client_id":%q,"oauth_client_secret":%q,"oauth_refresh_token":%q,"raw_calendar_id":%q}`, one.platform, one.client, one.secret, one.token, one.raw)
				if status := c.call("POST", "/v2/calendars", body, &made); status != http.StatusCreated {
					t.Fatalf("connect: %d", status)
				}
				path := "/v2/calendars/" + made.Data.ID
				var list struct {
					Data []struct {
						EventID   string `json:"event_id"`
						StartTime string `json:"start_time"`
					}
				}
				startsAt := func(want time.Time) func() bool {
					return func() bool {
						c.call("GET", path+"/events", "", &list)
						return len(list.Data) == 1 && list.Data[0].StartTime == want.Format("2006-01-02T15:04:05.000Z")
					}
				}
				wait(t, "the event is there", startsAt(begin))
				wait(t, "the calendar is watched", func() bool {
					var d struct {
						Data struct {
							SubscriptionID *string `json:"subscription_id"`
						}
					}
					c.call("GET", path, "", &d)
					return d.Data.SubscriptionID != nil
				})
				if status := c.call("POST", path+"/bots", fmt.Sprintf(`{"bot_name":"N","event_id":%q}`, list.Data[0].EventID), nil); status != http.StatusCreated {
					t.Fatalf("bot: %d", status)
				}
				if err := one.cal.Edit(id, func(x *truth.Content) { x.Start, x.End = begin.Add(time.Hour), begin.Add(2*time.Hour) }); err != nil {
					t.Fatal(err)
				}
				wait(t, "the push has moved the event", startsAt(begin.Add(time.Hour)))
				if status := c.call("POST", path+"/sync", "", nil); status != http.StatusOK {
					t.Errorf("sync: %d", status)
				}
				if status := c.call("DELETE", path, "", nil); status != http.StatusOK {
					t.Errorf("delete: %d", status)
				}
				for _, secret := range []string{one.secret, one.token} {
					if strings.Contains(r.log.String(), secret) {
						t.Error("a secret is in the log")
					}
				}
			})
		}
		if err := r.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s still not: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // looks again; no order of things depends on it
	}
}
