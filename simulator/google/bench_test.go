package google

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// The fake must not be what a benchmark measures.
func BenchmarkFullListOf100000(b *testing.B) {
	s, err := Start(polite())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	a, err := s.AddAccount("ada@example.com", "Ada", "UTC")
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	if err := a.Primary().Fill(90000, 10000, monday, monday.AddDate(0, 0, 60)); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(begin).Seconds(), "s/fill")
	resp, err := http.PostForm(s.TokenURL(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.RefreshToken}, "client_id": {ClientID}, "client_secret": {ClientSecret}})
	if err != nil {
		b.Fatal(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	json.NewDecoder(resp.Body).Decode(&token)
	resp.Body.Close()
	for b.Loop() {
		for page, n := "", 0; ; n++ {
			req, _ := http.NewRequest("GET", s.APIURL()+"calendars/primary/events?maxResults=2500&pageToken="+url.QueryEscape(page), nil)
			if page == "" {
				req.URL.RawQuery = "maxResults=2500"
			}
			req.Header.Set("Authorization", "Bearer "+token.AccessToken)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			data, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			page = nextOf(data)
			if page == "" {
				if n != 39 {
					b.Fatal(fmt.Sprint(n+1, " pages, want 40"))
				}
				break
			}
		}
	}
}

// nextOf cuts the page token out of an answer, without reading all of it.
func nextOf(data []byte) string {
	_, rest, _ := bytes.Cut(data[:min(len(data), 2000)], []byte(`"nextPageToken":"`))
	token, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(token)
}
