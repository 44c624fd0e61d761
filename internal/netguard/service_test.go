package netguard

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAServiceReachesItsOriginOnly(t *testing.T) {
	called := 0
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called++
		io.WriteString(w, r.URL.Path)
	}))
	defer own.Close()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a foreign server was called")
	}))
	defer other.Close()
	s, err := NewService(Options{}, own.URL+"/v1.0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	host := strings.TrimPrefix(own.URL, "http://")
	for _, c := range []struct {
		name, url string
		ok        bool
	}{
		{"own origin", own.URL + "/v1.0/me", true},
		{"own origin, another path", own.URL + "/elsewhere", true},
		{"another port", other.URL + "/v1.0/me", false},
		{"another scheme", "https://" + host + "/v1.0/me", false},
		{"own host as user name", "http://" + host + "@" + strings.TrimPrefix(other.URL, "http://") + "/v1.0/me", false},
		{"user name in front of own host", "http://user:pw@" + host + "/", false},
		{"own host as a label of another", "http://127.0.0.1.evil.example/v1.0", false},
		{"public host", "http://graph.example.com/v1.0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := s.Client().Do(req)
			if err == nil {
				res.Body.Close()
			}
			if c.ok != (err == nil) {
				t.Fatalf("%s: err %v, want allowed %v", c.url, err, c.ok)
			}
			var r *Refusal
			if !c.ok && (!errors.As(err, &r) || r.Rule != RuleOrigin) {
				t.Errorf("refused with %v, want rule origin", err)
			}
		})
	}
	if called != 2 {
		t.Errorf("the own server was called %d times, want 2", called)
	}
}

func TestAServiceFollowsNoRedirect(t *testing.T) {
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/other", http.StatusFound)
	}))
	defer own.Close()
	s, err := NewService(Options{}, own.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	res, err := s.Client().Get(own.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Errorf("status %d, want the redirect itself", res.StatusCode)
	}
}

func TestAServiceIsNotBuiltOfNonsense(t *testing.T) {
	for _, base := range []string{"", "graph.example.com", "ftp://x", "http://user@host/", "://"} {
		if _, err := NewService(Options{}, base); err == nil {
			t.Errorf("%q is taken for a base URL", base)
		}
	}
}
