// Package zoomtest is a small Zoom for tests: POST /oauth/token and GET
// /v2/users/me, which refuse what Zoom refuses, in Zoom's words.
package zoomtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// User is who authorises an app.
type User struct {
	ID      string `json:"id"`
	Account string `json:"account_id"`
	Email   string `json:"email"`
	Display string `json:"display_name"`
}

// Zoom is the server. Its fields may be changed before it is called.
type Zoom struct {
	*httptest.Server
	ClientID, ClientSecret string // of the only app
	RedirectURI            string // registered with it
	Scopes                 string // granted, with spaces as Zoom writes them
	Down                   bool   // answers 503 to everything

	mu     sync.Mutex
	codes  map[string]User // unused ones
	tokens map[string]User
	// Exchanges counts the codes that were asked for.
	Exchanges int
}

// New starts a Zoom that ends with the test.
func New(t testing.TB) *Zoom {
	t.Helper()
	z := &Zoom{
		ClientID: "app-client-id", ClientSecret: "canary-zoom-client-secret", RedirectURI: "https://app.example/zoom/callback",
		Scopes: "user:read:user user:read:token", codes: map[string]User{}, tokens: map[string]User{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", z.token)
	mux.HandleFunc("GET /v2/users/me", z.me)
	z.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if z.Down {
			answer(w, http.StatusServiceUnavailable, map[string]string{"reason": "down"})
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(z.Close)
	return z
}

// API is the address of Zoom's API.
func (z *Zoom) API() string { return z.URL + "/v2" }

// Authorise returns a code that a user has given to the app. It works once.
func (z *Zoom) Authorise(code string, u User) string {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.codes[code] = u
	return code
}

func (z *Zoom) token(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.Exchanges++
	id, secret, ok := r.BasicAuth()
	if !ok || id != z.ClientID || secret != z.ClientSecret {
		refuse(w, http.StatusBadRequest, "invalid_client", "Invalid client_id or client_secret")
		return
	}
	if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.PostFormValue("grant_type") != "authorization_code" {
		refuse(w, http.StatusBadRequest, "unsupported_grant_type", "unsupported grant type")
		return
	}
	code := r.PostFormValue("code")
	u, ok := z.codes[code]
	if !ok {
		refuse(w, http.StatusBadRequest, "invalid_grant", "Invalid authorization code "+code)
		return
	}
	if r.PostFormValue("redirect_uri") != z.RedirectURI {
		refuse(w, http.StatusBadRequest, "invalid_request", "Redirect URI mismatch")
		return
	}
	delete(z.codes, code)
	access := "canary-zoom-access-" + code
	z.tokens[access] = u
	answer(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "bearer", "refresh_token": "canary-zoom-refresh-" + code, "expires_in": 3599, "scope": z.Scopes,
	})
}

func (z *Zoom) me(w http.ResponseWriter, r *http.Request) {
	z.mu.Lock()
	defer z.mu.Unlock()
	u, ok := z.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case !ok:
		answer(w, http.StatusUnauthorized, map[string]any{"code": 124, "message": "Invalid access token."})
	case !strings.Contains(z.Scopes, "user:read:user"):
		answer(w, http.StatusBadRequest, map[string]any{"code": 4711, "message": "Invalid access token, does not contain scopes:[user:read:user]."})
	default:
		answer(w, http.StatusOK, u)
	}
}

func refuse(w http.ResponseWriter, status int, code, reason string) {
	answer(w, status, map[string]string{"error": code, "reason": reason})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
