package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"steno/internal/account"
)

// From the flags to the answer: a server that trusts an issuer lets in whom the
// issuer sends, as the team that the token names, and nobody else.
func TestTokensOfATrustedIssuerOpenTheCalendar(t *testing.T) {
	open, closed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: open, KeyID: "k1", Algorithm: string(jose.EdDSA), Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(t, t.TempDir(), "")
	operator, hashed := account.NewAdminKey()
	o.AdminKey = []string{hashed}
	o.Tokens.JWTIssuer, o.Tokens.JWTAudience, o.Tokens.JWTKeys, o.Tokens.JWTTeamClaim = "https://id.example", []string{"steno"}, file, "team"
	r := start(t, o)
	if status, body := call(t, http.MethodPost, r.url+"/admin/v1/teams", operator, `{"name":"red"}`); status != http.StatusCreated {
		t.Fatalf("create a team: %d %s", status, body)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: closed, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := func(team, audience string, life time.Duration) string {
		now := time.Now()
		text, err := jwt.Signed(signer).Claims(map[string]any{
			"iss": "https://id.example", "aud": audience, "iat": now.Unix(), "exp": now.Add(life).Unix(), "team": team,
		}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := token("red", "steno", time.Hour)
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + "."
	for name, c := range map[string]struct {
		bearer string
		status int
	}{
		"as it should be":  {good, http.StatusOK},
		"of another team":  {token("blue", "steno", time.Hour), http.StatusUnauthorized},
		"another audience": {token("red", "other", time.Hour), http.StatusUnauthorized},
		"expired":          {token("red", "steno", -time.Hour), http.StatusUnauthorized},
		"not signed":       {unsigned, http.StatusUnauthorized},
		"changed":          {good[:len(good)-4] + "AAAA", http.StatusUnauthorized},
	} {
		if status, body := call(t, http.MethodGet, r.url+"/api/v2/calendar/events", c.bearer, ""); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, body, c.status)
		}
	}
	// Tokens are for the calendar only.
	if status, body := call(t, http.MethodGet, r.url+"/calendars", good, ""); status != http.StatusUnauthorized {
		t.Errorf("API v1 with a token: %d %s", status, body)
	}
}

func call(t *testing.T, method, url, bearer, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
