package issuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/provider/issuer"
)

const audience = "https://steno.example"

var keysOnce = sync.OnceValue(func() map[string]any {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	return map[string]any{"rsa": rsaKey, "weak": weak, "p256": p256, "p521": p521, "ed": ed, "stranger": stranger, "oct": []byte(strings.Repeat("k", 32))}
})

// stand is an issuer on the loopback with a verifier that trusts it.
type stand struct {
	t     *testing.T
	url   string
	now   atomic.Int64
	set   atomic.Value // []byte
	down  atomic.Bool
	reads atomic.Int64
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t}
	s.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	s.publish("rsa", "weak", "p256", "p521", "ed", "oct")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": s.url, "jwks_uri": s.url + "/keys"})
		case r.URL.Path == "/keys":
			s.reads.Add(1)
			_, _ = w.Write(s.set.Load().([]byte))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

func public(key any) any {
	if k, ok := key.(interface{ Public() any }); ok {
		return k.Public()
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k.Public()
	case *ecdsa.PrivateKey:
		return k.Public()
	case ed25519.PrivateKey:
		return k.Public()
	}
	return key
}

// publish sets the issuer's keys; the set always holds one of a kind that
// nobody knows.
func (s *stand) publish(names ...string) {
	list := []any{map[string]string{"kty": "AKP", "kid": "later", "alg": "ML-DSA-65", "pub": "AAAA"}}
	for _, n := range names {
		list = append(list, jose.JSONWebKey{Key: public(keysOnce()[n]), KeyID: n})
	}
	text, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		s.t.Fatal(err)
	}
	s.set.Store(text)
}

func (s *stand) clock() clock.Clock {
	return clock.Func(func() time.Time { return time.UnixMilli(s.now.Load()).UTC() })
}

func (s *stand) pass(d time.Duration) { s.now.Add(d.Milliseconds()) }

func (s *stand) options() issuer.Options {
	return issuer.Options{Issuer: s.url, Audience: []string{"other", audience}, TeamClaim: "team", Clock: s.clock()}
}

func (s *stand) verifier(o issuer.Options) *issuer.Verifier {
	s.t.Helper()
	v, err := issuer.New(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(v.Close)
	return v
}

func (s *stand) claims() map[string]any {
	now := s.now.Load() / 1000
	return map[string]any{"iss": s.url, "aud": []string{audience}, "exp": now + 600, "nbf": now, "iat": now, "sub": "ada", "team": "blue"}
}

// sign makes a token; key is also its key id.
func (s *stand) sign(key string, alg jose.SignatureAlgorithm, claims map[string]any, more ...func(*jose.SignerOptions)) string {
	s.t.Helper()
	o := (&jose.SignerOptions{}).WithHeader("kid", key)
	for _, m := range more {
		m(o)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: keysOnce()[key]}, o)
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func TestTokensOfEveryPublicKeyAlgorithmAreAccepted(t *testing.T) {
	s := newStand(t)
	v := s.verifier(s.options())
	for alg, key := range map[jose.SignatureAlgorithm]string{jose.RS256: "rsa", jose.RS512: "rsa", jose.PS256: "rsa", jose.ES256: "p256", jose.ES512: "p521", jose.EdDSA: "ed"} {
		if team, err := v.Verify(t.Context(), s.sign(key, alg, s.claims())); err != nil || team != "blue" {
			t.Errorf("%s: %q, %v", alg, team, err)
		}
	}
	noID := s.sign("ed", jose.EdDSA, s.claims(), func(o *jose.SignerOptions) { delete(o.ExtraHeaders, "kid") })
	if _, err := v.Verify(t.Context(), noID); err != nil {
		t.Errorf("without key id: %v", err)
	}
	if n := s.reads.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
}

func TestTokensThatDoNotCountAreRefused(t *testing.T) {
	s := newStand(t)
	v := s.verifier(s.options())
	good := s.sign("ed", jose.EdDSA, s.claims())
	part := strings.Split(good, ".")
	b64 := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	with := func(name string, value any) string {
		c := s.claims()
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return s.sign("ed", jose.EdDSA, c)
	}
	der, _ := x509.MarshalPKIXPublicKey(public(keysOnce()["rsa"]))
	asSecret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	hmacSigner, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: asSecret}, (&jose.SignerOptions{}).WithHeader("kid", "rsa"))
	if err != nil {
		t.Fatal(err)
	}
	hmacToken, _ := jwt.Signed(hmacSigner).Claims(s.claims()).Serialize()
	now := s.now.Load() / 1000
	tests := map[string]struct{ token, says string }{
		"no token at all":               {"a.b.c", "cannot be read"},
		"alg none":                      {b64(`{"alg":"none"}`) + "." + part[1] + ".", "EdDSA"},
		"alg NonE":                      {b64(`{"alg":"NonE"}`) + "." + part[1] + "." + part[2], "EdDSA"},
		"HMAC with the public key":      {hmacToken, "EdDSA"},
		"HMAC with a symmetric key":     {s.sign("oct", jose.HS256, s.claims()), "EdDSA"},
		"unknown key":                   {s.sign("stranger", jose.EdDSA, s.claims()), "not signed"},
		"known id, other key":           {s.sign("stranger", jose.EdDSA, s.claims(), func(o *jose.SignerOptions) { o.WithHeader("kid", "ed") }), "not signed"},
		"brings its own key":            {s.sign("stranger", jose.EdDSA, s.claims(), func(o *jose.SignerOptions) { o.EmbedJWK = true }), "not signed"},
		"another kind of key's id":      {s.sign("p256", jose.ES256, s.claims(), func(o *jose.SignerOptions) { o.WithHeader("kid", "rsa") }), "not signed"},
		"short RSA key":                 {s.sign("weak", jose.RS256, s.claims()), "not signed"},
		"changed claims":                {part[0] + "." + b64(`{"team":"red"}`) + "." + part[2], "not signed"},
		"signature cut off":             {part[0] + "." + part[1] + ".", "not signed"},
		"critical header nobody knows":  {s.sign("ed", jose.EdDSA, s.claims(), func(o *jose.SignerOptions) { o.WithHeader("crit", []string{"exp"}) }), "not signed"},
		"wrong issuer":                  {with("iss", s.url+"/"), "issuer"},
		"no issuer":                     {with("iss", nil), "issuer"},
		"wrong audience":                {with("aud", "https://steno.example/x"), "another service"},
		"no audience":                   {with("aud", nil), "another service"},
		"expired":                       {with("exp", now-31), "expired"},
		"never expires":                 {with("exp", nil), "exp"},
		"expires in words":              {with("exp", "tomorrow"), "cannot be read"},
		"not yet valid":                 {with("nbf", now+31), "not valid yet"},
		"issued in the future":          {with("iat", now+31), "not valid yet"},
		"no team":                       {with("team", nil), "claim team"},
		"empty team":                    {with("team", ""), "claim team"},
		"two teams":                     {with("team", []string{"blue", "red"}), "claim team"},
		"team in a claim of other case": {s.sign("ed", jose.EdDSA, func() map[string]any { c := s.claims(); delete(c, "team"); c["Team"] = "blue"; return c }()), "claim team"},
		"longer than anybody's":         {good + strings.Repeat("A", 20<<10), "longer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			team, err := v.Verify(t.Context(), tt.token)
			if !fail.Is(err, fail.Unauthorized) || team != "" {
				t.Fatalf("got %q, %v", team, err)
			}
			message := fail.As(err).Message
			if !strings.Contains(message, tt.says) {
				t.Errorf("says %q", message)
			}
			if strings.Contains(message, s.url) || strings.Contains(message, audience) || strings.Contains(message, "blue") {
				t.Errorf("tells too much: %q", message)
			}
		})
	}
	for name, token := range map[string]string{"expired within the leeway": with("exp", now-29), "valid within the leeway": with("nbf", now+29), "one audience as text": with("aud", "other"), "a list of one team": with("team", []string{"blue"})} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheConfiguredScopeIsAskedFor(t *testing.T) {
	s := newStand(t)
	o := s.options()
	o.Scope = "calendar"
	v := s.verifier(o)
	for _, tt := range []struct {
		name  string
		value any
		ok    bool
	}{
		{"scope", "openid calendar", true}, {"scp", []string{"calendar"}, true}, {"scp", "calendar", true},
		{"scope", "calendars", false}, {"scope", nil, false}, {"scp", []string{"openid calendar"}, false},
	} {
		c := s.claims()
		c[tt.name] = tt.value
		if _, err := v.Verify(t.Context(), s.sign("ed", jose.EdDSA, c)); (err == nil) != tt.ok {
			t.Errorf("%s %v: %v", tt.name, tt.value, err)
		}
	}
}

func TestANewKeyIsFoundAndStrangersCauseNoCalls(t *testing.T) {
	s := newStand(t)
	s.publish("rsa")
	v := s.verifier(s.options())
	verify := func(key string, alg jose.SignatureAlgorithm) error {
		_, err := v.Verify(t.Context(), s.sign(key, alg, s.claims()))
		return err
	}
	if err := verify("rsa", jose.RS256); err != nil {
		t.Fatal(err)
	}
	s.publish("rsa", "ed")
	for range 50 {
		if err := verify("ed", jose.EdDSA); !fail.Is(err, fail.Unauthorized) {
			t.Fatalf("just after a reading: %v", err)
		}
	}
	if n := s.reads.Load(); n != 1 {
		t.Errorf("unknown keys had the set read %d times", n)
	}
	s.pass(31 * time.Second)
	if err := verify("ed", jose.EdDSA); err != nil {
		t.Errorf("new key: %v", err)
	}
	s.publish("ed")
	s.pass(59 * time.Minute)
	if err := verify("rsa", jose.RS256); err != nil {
		t.Errorf("withdrawn key within the hour: %v", err)
	}
	s.pass(2 * time.Minute)
	if err := verify("rsa", jose.RS256); !fail.Is(err, fail.Unauthorized) {
		t.Errorf("withdrawn key after an hour: %v", err)
	}
}

func TestWhenTheIssuerIsAwayOldKeysStayAndNewOnesAreNobodysFault(t *testing.T) {
	s := newStand(t)
	s.publish("rsa")
	s.down.Store(true)
	v := s.verifier(s.options())
	verify := func(key string, alg jose.SignatureAlgorithm) error {
		_, err := v.Verify(t.Context(), s.sign(key, alg, s.claims()))
		return err
	}
	if err := verify("rsa", jose.RS256); !fail.Is(err, fail.Unavailable) {
		t.Errorf("no keys at all: %v", err)
	}
	s.down.Store(false)
	s.pass(6 * time.Second)
	if err := verify("rsa", jose.RS256); err != nil {
		t.Fatalf("back again: %v", err)
	}
	s.down.Store(true)
	s.pass(48 * time.Hour)
	if err := verify("rsa", jose.RS256); err != nil {
		t.Errorf("known key: %v", err)
	}
	if err := verify("ed", jose.EdDSA); !fail.Is(err, fail.Unavailable) {
		t.Errorf("unknown key: %v", err)
	}
}

// A client that goes away while its token has the keys read must not leave the
// others without them.
func TestAClientThatGoesAwayDoesNotSpoilTheReading(t *testing.T) {
	s := newStand(t)
	v := s.verifier(s.options())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = v.Verify(gone, s.sign("ed", jose.EdDSA, s.claims()))
	if _, err := v.Verify(t.Context(), s.sign("ed", jose.EdDSA, s.claims())); err != nil {
		t.Error(err)
	}
}

func TestManyTokensAtOnceReadTheKeysOnce(t *testing.T) {
	s := newStand(t)
	v := s.verifier(s.options())
	token := s.sign("ed", jose.EdDSA, s.claims())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.reads.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
}

func TestKeysComeFromAFileOrAnAddress(t *testing.T) {
	s := newStand(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, s.set.Load().([]byte), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{file, s.url + "/keys"} {
		o := s.options()
		o.Keys = where
		if _, err := s.verifier(o).Verify(t.Context(), s.sign("ed", jose.EdDSA, s.claims())); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
	for _, text := range []string{"", "{}", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := s.options()
		o.Keys = file
		if _, err := issuer.New(t.Context(), o); err == nil {
			t.Errorf("%q is taken for keys", text)
		}
	}
}

func TestAnIssuerThatCallsItselfOtherwiseIsNotBelieved(t *testing.T) {
	s := newStand(t)
	o := s.options()
	o.Issuer += "/realm/.." // the same server
	if _, err := s.verifier(o).Verify(t.Context(), s.sign("ed", jose.EdDSA, s.claims())); !fail.Is(err, fail.Unavailable) {
		t.Error(err)
	}
}
