package sdk

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"steno/demo"
	"steno/simulator/google"
	"steno/simulator/service"
	"steno/simulator/truth"
	"steno/test/contract"
)

// The published SDK calls all methods on calendars, of API v1, which it speaks
// unless it is told otherwise, and of API v2; every answer is held against the
// reference.
func TestTheCalendarsWithThePublishedSDK(t *testing.T) {
	for _, api := range []struct {
		script     string
		ref        *contract.Reference
		operations []string
	}{
		{"calendars-v1.mjs", contract.LoadV1(), []string{
			"list_raw_calendars", "list_calendars", "create_calendar", "get_calendar", "update_calendar", "delete_calendar", "resync_all_calendars",
			"list_events", "get_event", "schedule_record_event", "patch_bot", "unschedule_record_event",
		}},
		{"calendars-v2.mjs", contract.Load(), []string{
			"listRawCalendars", "createCalendarConnection", "listCalendars", "getCalendarDetails", "updateCalendarConnection", "deleteCalendarConnection",
			"syncCalendar", "resubscribeCalendar", "listEvents", "listEventSeries", "getEventDetails", "createCalendarBot", "updateCalendarBot", "deleteCalendarBot",
		}},
	} {
		t.Run(api.script, func(t *testing.T) {
			sim, account := googleWithOneSeries(t)
			// Push channels are opened where the service can reach us: TLS ends in front
			// of the server.
			s, err := demo.NewStage(t.Context(), demo.StageOptions{
				Binary: program(t), Data: t.TempDir(), Args: []string{"--roles", "api,worker"}, Env: append(sim.Env(), "STENO_PUBLIC_URL=https://steno.example"),
			})
			if err != nil {
				t.Fatal(err)
			}
			key, err := s.Command(t.Context(), "key", "create")
			if err != nil {
				t.Fatal(err)
			}
			base, watch := serve(t, s)
			cmd := exec.CommandContext(t.Context(), "node", api.script)
			cmd.Env = append(os.Environ(), "MB_URL="+base, "MB_KEY="+key, "MB_ACCOUNT="+account)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("node %s: %v\n%s\nthe server's log:\n%s", api.script, err, out, s.Log())
			}
			for _, id := range api.operations {
				if watch.Count(id, api.ref.Operations[id].Success()) == 0 {
					t.Errorf("the SDK has not called %s with success", id)
				}
			}
		})
	}
}

// googleWithOneSeries returns a simulated Google with one account, and the
// account's credentials as JSON.
func googleWithOneSeries(t *testing.T) (*google.Server, string) {
	t.Helper()
	sim, err := google.Start(google.Options{Options: service.Options{Polite: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	a, err := sim.AddAccount("ada@example.com", "Ada", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now().UTC().Truncate(time.Hour).Add(30 * time.Hour)
	_, err = a.Primary().Add(truth.Event{
		Content: truth.Content{Title: "Standup", Start: start, End: start.Add(time.Hour), Zone: "UTC", Location: "https://us02web.zoom.us/j/85900000001"},
		Rule:    &truth.Rule{Freq: truth.Weekly, Days: []time.Weekday{start.Weekday()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{"oauth_client_id": a.ClientID, "oauth_client_secret": a.ClientSecret, "oauth_refresh_token": a.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	return sim, string(account)
}
