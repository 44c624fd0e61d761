// Package sdk drives the API with the published npm package
// @meeting-baas/sdk, which is what Steno must be a drop-in server for.
package sdk

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"steno/internal/store/storetest"
	"steno/test/internal/stand"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// answer is what the SDK returns for any call.
type answer struct {
	Success    bool            `json:"success"`
	Code       string          `json:"code"`
	StatusCode int             `json:"statusCode"`
	Message    string          `json:"message"`
	Data       json.RawMessage `json:"data"`
	Cursor     *string         `json:"cursor"`
	PrevCursor *string         `json:"prev_cursor"`
}

func TestPublishedSDK(t *testing.T) {
	if _, err := os.Stat("node_modules/@meeting-baas/sdk"); err != nil {
		t.Fatalf("the SDK is not installed; run scripts/setup all, or npm ci in test/sdk: %v", err)
	}
	s := stand.New(t, storetest.SQLite(t))
	web := httptest.NewServer(s.Handler)
	t.Cleanup(web.Close)
	cmd := exec.Command("node", "drive.mjs")
	cmd.Env = append(os.Environ(), "MB_URL="+web.URL, "MB_KEY="+s.Key)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("node drive.mjs: %v", err)
	}
	var out map[string]answer
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, name := range []string{"created", "second", "listed", "filtered", "page", "next", "back", "details", "status", "left", "deleted"} {
		if !out[name].Success {
			t.Errorf("%s: %+v", name, out[name])
		}
	}
	for name, want := range map[string]answer{
		"leftAgain":     {Code: "FST_ERR_BOT_STATUS", StatusCode: 409},
		"unknown":       {Code: "FST_ERR_BOT_NOT_FOUND_BY_ID", StatusCode: 404},
		"wrongPlatform": {Code: "FST_ERR_INVALID_MEETING_PLATFORM", StatusCode: 400},
		"wrongKey":      {Code: "FST_ERR_UNAUTHORIZED", StatusCode: 401},
	} {
		got := out[name]
		if got.Success || got.Code != want.Code || got.StatusCode != want.StatusCode || got.Message == "" {
			t.Errorf("%s: %+v, want %s", name, got, want.Code)
		}
	}
	counts := map[string]int{"listed": 2, "filtered": 1, "page": 1, "next": 1, "back": 1}
	for name, want := range counts {
		var list []struct{ BotID string }
		if err := json.Unmarshal(out[name].Data, &list); err != nil || len(list) != want {
			t.Errorf("%s: %d bots, want %d (%v)", name, len(list), want, err)
		}
	}
	if out["page"].Cursor == nil || out["page"].PrevCursor != nil || out["next"].Cursor != nil || string(out["back"].Data) != string(out["page"].Data) {
		t.Errorf("pages: %+v, %+v, %+v", out["page"], out["next"], out["back"])
	}
	var details struct {
		Status string            `json:"status"`
		Extra  map[string]string `json:"extra"`
	}
	if err := json.Unmarshal(out["details"].Data, &details); err != nil || details.Status != "queued" || details.Extra["customer"] != "42" {
		t.Errorf("details: %s (%v)", out["details"].Data, err)
	}
}
