package v2_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/transcript"
)

// heard stores a bot's transcript.
func (s *stand) heard(t testing.TB, id string, lines ...string) {
	t.Helper()
	var said []transcript.Indexed
	for i, line := range lines {
		said = append(said, transcript.Indexed{Speaker: "Ada", Text: line, Start: float64(i) * 61.5, End: float64(i)*61.5 + 1.25})
	}
	if err := s.db.InTx(t.Context(), func(tx *store.Tx) error { return tx.Index().Put(t.Context(), s.team.ID, id, said) }); err != nil {
		t.Fatal(err)
	}
}

func TestSearchOfTranscriptsAnswers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		blue := w.other(t)
		zoomed := w.create(t, `{"bot_name":"N","meeting_url":"https://zoom.us/j/1"}`)
		w.heard(t, zoomed, "Good morning", "Let's talk about the BUDGET <again>")
		golden(t, "search", w.call(t, w.key, "GET", "/v2/transcripts/search?q=budget+again", ""))
		ask := func(s *stand, key, query string) (reply, int) {
			t.Helper()
			r := s.call(t, key, "GET", "/v2/transcripts/search?"+query, "")
			var out struct{ Data []struct{} }
			decode(t, r, &out)
			return r, len(out.Data)
		}
		id := w.ids["done"]
		for query, want := range map[string]int{
			"q=budget": 2, "q=budget&limit=1": 1, "q=budget&bot_id=" + id: 1, "q=budget&bot_uuid=" + strings.ToUpper(id): 1, "q=budget&bot_id=" + blue.ids["done"]: 0,
			"q=budget&speaker=ADA": 2, "q=budget&speaker=ad": 0, "q=budget&speaker=bob": 0, "q=budget&speaker=&bot_id=null&cursor=null&created_after=": 2, "q=null": 0,
			"q=budget&meeting_url=" + url.QueryEscape("https://us02web.zoom.us/j/1?pwd=x"): 2, "q=budget&meeting_url=" + url.QueryEscape("https://zoom.us/j/2"): 0,
			"q=budget&created_after=2026-03-01T12:00:00Z": 2, "q=budget&created_before=2026-03-01T12:00:00Z": 0,
		} {
			if r, n := ask(w.stand, w.key, query); r.status != http.StatusOK || n != want {
				t.Errorf("%s: %d results, want %d: %d %s", query, n, want, r.status, r.body)
			}
		}
		for _, query := range []string{
			"", "q=", "q=*", "q=a*", "q=budget&limit=0", "q=budget&limit=101", "q=budget&bot_id=x", "q=budget&created_after=yesterday", "q=budget&speaker=!", "q=budget&speaker=a*", "q=%00budget", "q=%ff",
			"q=budget&meeting_url=https://example.com", "q=budget&cursor=x", "q=" + strings.Repeat("x", 501), "q=" + strings.Repeat("x+", 40),
		} {
			if r := w.call(t, w.key, "GET", "/v2/transcripts/search?"+query, ""); r.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", query, r.status, r.body)
			}
		}
		if r, n := ask(blue.stand, blue.key, "q=again"); n != 0 {
			t.Errorf("another team finds %s", r.body)
		}
		if r := w.call(t, w.key, "DELETE", "/v2/bots/"+zoomed+"/delete-data", ""); r.status != http.StatusOK {
			t.Fatal(r.body)
		}
		if r, n := ask(w.stand, w.key, "q=budget"); n != 1 {
			t.Errorf("after delete-data: %s", r.body)
		}
	})
}
