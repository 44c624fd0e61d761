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

// The published SDK, which speaks API v1 unless it is told otherwise, calls all
// methods on calendars, and every answer is held against the reference.
func TestTheCalendarsOfV1WithThePublishedSDK(t *testing.T) {
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
	s, err := demo.NewStage(t.Context(), demo.StageOptions{Binary: program(t), Data: t.TempDir(), Args: []string{"--roles", "api,worker"}, Env: sim.Env()})
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.Command(t.Context(), "key", "create")
	if err != nil {
		t.Fatal(err)
	}
	base, watch := serve(t, s)
	account, err := json.Marshal(map[string]string{"oauth_client_id": a.ClientID, "oauth_client_secret": a.ClientSecret, "oauth_refresh_token": a.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "calendars-v1.mjs")
	cmd.Env = append(os.Environ(), "MB_URL="+base, "MB_KEY="+key, "MB_ACCOUNT="+string(account))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node calendars-v1.mjs: %v\n%s\nthe server's log:\n%s", err, out, s.Log())
	}
	ref := contract.LoadV1()
	for _, id := range []string{
		"list_raw_calendars", "list_calendars", "create_calendar", "get_calendar", "update_calendar", "delete_calendar", "resync_all_calendars",
		"list_events", "get_event", "schedule_record_event", "patch_bot", "unschedule_record_event",
	} {
		if watch.Count(id, ref.Operations[id].Success()) == 0 {
			t.Errorf("the SDK has not called %s with success", id)
		}
	}
}
