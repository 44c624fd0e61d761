package microsoft

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// The fake must not be what a benchmark measures.
func BenchmarkFullRoundOf100000(b *testing.B) {
	s, err := Start(polite())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	a, err := s.AddAccount("ada@example.com", "Ada", "UTC")
	if err != nil {
		b.Fatal(err)
	}
	if err := a.Primary().Fill(100000, 0, from, to); err != nil {
		b.Fatal(err)
	}
	token := s.tokenOf(b, a)
	for b.Loop() {
		for link, n := s.GraphURL()+"/me/calendarView/delta?"+window, 1; link != ""; n++ {
			req, _ := http.NewRequest("GET", link, nil)
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Prefer", `IdType="ImmutableId", odata.maxpagesize=200`)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			data, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			_, rest, _ := bytes.Cut(data, []byte(`"@odata.nextLink":"`))
			next, _, _ := bytes.Cut(rest, []byte(`"`))
			if link = string(next); link == "" && n != 500 {
				b.Fatalf("%d pages, want 500: %.300s", n, data)
			}
		}
	}
}

func (s *Server) tokenOf(b *testing.B, a *Account) string {
	b.Helper()
	req, _ := http.NewRequest("POST", s.LoginURL(), nil)
	req.PostForm = map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {a.RefreshToken}, "client_id": {ClientID}, "client_secret": {ClientSecret}}
	t, why := s.Grants.Exchange(req)
	if why != "" {
		b.Fatal(why)
	}
	return t.Access
}
