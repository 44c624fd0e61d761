package v2_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"steno/internal/account"
	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

type shotPage struct {
	Data []struct {
		ID  int    `json:"screenshot_id"`
		URL string `json:"url"`
	}
	Cursor     *string
	PrevCursor *string `json:"prev_cursor"`
}

func (s *stand) shots(t *testing.T, id, query string) (p shotPage) {
	t.Helper()
	r := s.call(t, s.key, "GET", "/v2/bots/"+id+"/screenshots"+query, "")
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != http.StatusOK {
		t.Fatalf("%s: %d %s", query, r.status, r.body)
	}
	return p
}

// report gives a bot screenshots from one number to another.
func (s *stand) report(t *testing.T, id string, seq int64, from, to int) {
	t.Helper()
	p := bot.Progress{Seq: seq}
	for n := from; n <= to; n++ {
		p.Artifacts = append(p.Artifacts, bot.StoredArtifact{Kind: bot.KindScreenshot, Name: bot.ShotName(n), Key: id + "/screenshots/" + bot.ShotName(n) + ".jpg"})
	}
	if err := s.bots.Apply(t.Context(), id, p); err != nil {
		t.Fatal(err)
	}
}

func TestScreenshotsArePagedBothWays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		id := s.create(t, minimal)
		if p := s.shots(t, id, ""); p.Data == nil || len(p.Data) != 0 || p.Cursor != nil || p.PrevCursor != nil {
			t.Errorf("before the first: %+v", p)
		}
		s.report(t, id, 1, 1, 130)
		want, query := 1, "?limit=40"
		var last shotPage
		for {
			last = s.shots(t, id, query)
			for _, shot := range last.Data {
				if shot.ID != want || shot.URL != fmt.Sprintf("https://files.example/%s/screenshots/%06d.jpg", id, want) {
					t.Fatalf("%+v, want %d", shot, want)
				}
				want++
			}
			if want <= 41 {
				s.report(t, id, 2, 131, 135) // they come in while a client reads
			}
			if last.Cursor == nil {
				break
			}
			query = "?limit=40&cursor=" + *last.Cursor
		}
		if want != 136 {
			t.Errorf("%d screenshots, want 135", want-1)
		}
		for last.PrevCursor != nil {
			before := last.Data[0].ID
			last = s.shots(t, id, "?limit=50&cursor="+*last.PrevCursor)
			if last.Cursor == nil || last.Data[len(last.Data)-1].ID != before-1 {
				t.Fatalf("back from %d: %+v", before, last)
			}
		}
		if last.Data[0].ID != 1 {
			t.Errorf("the way back ends at %d", last.Data[0].ID)
		}
		if n := len(s.shots(t, id, "").Data); n != 50 {
			t.Errorf("%d without a limit", n)
		}
		if n := len(s.shots(t, id, "?limit=250").Data); n != 100 {
			t.Errorf("%d with the highest limit", n)
		}
		// The reference writes the minus sign in front of the base64 and inside.
		for _, cursor := range []string{"-MTA=", "LTEw"} {
			if p := s.shots(t, id, "?cursor="+cursor); len(p.Data) != 9 || p.Data[8].ID != 9 || p.PrevCursor != nil {
				t.Errorf("%s: %+v", cursor, p)
			}
		}
		for _, query := range []string{"?limit=0", "?limit=251", "?limit=x", "?cursor=%25", "?cursor=MA==", "?cursor=LS0x", "?cursor=--MQ=="} {
			if r := s.call(t, s.key, "GET", "/v2/bots/"+id+"/screenshots"+query, ""); r.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", query, r.status, r.body)
			}
		}
		other, err := s.accounts.CreateTeam(t.Context(), "blue")
		if err != nil {
			t.Fatal(err)
		}
		if r := s.call(t, s.newKey(t, other, account.Full), "GET", "/v2/bots/"+id+"/screenshots", ""); r.status != http.StatusNotFound {
			t.Errorf("another team: %d %s", r.status, r.body)
		}
		if r := s.call(t, s.key, "GET", "/v2/bots/"+id, ""); strings.Contains(r.body, "screenshots") {
			t.Errorf("the details list screenshots: %s", r.body)
		}
		if r := s.call(t, s.key, "DELETE", "/v2/bots/"+id+"/delete-data", ""); r.status != http.StatusOK {
			t.Fatal(r.body)
		}
		if p := s.shots(t, id, "?limit=100"); len(p.Data) != 0 || p.Cursor != nil {
			t.Errorf("after deletion: %+v", p)
		}
		gone, err := (store.Bots{DB: db}).DeletedArtifacts(t.Context(), id)
		if err != nil || len(gone) != 135 {
			t.Errorf("%d files are to be removed from the store (%v)", len(gone), err)
		}
	})
}
