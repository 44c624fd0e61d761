package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"steno/internal/netguard"
)

const (
	callTime  = 5 * time.Second // of one call: a request may be waiting
	maxAnswer = 512 << 10
	discovery = "/.well-known/openid-configuration"
)

// source is where the keys are.
type source struct {
	file   string // or
	url    string // or
	issuer string // whose configuration names the URL

	named *netguard.Service // to what the operator named
	guard *netguard.Guard   // to where the issuer's configuration leads
}

func newSource(o Options) (*source, error) {
	s := &source{}
	switch {
	case o.Keys == "":
		s.issuer = o.Issuer
	case strings.HasPrefix(o.Keys, "http://") || strings.HasPrefix(o.Keys, "https://"):
		s.url = o.Keys
	default:
		s.file = o.Keys
		return s, nil
	}
	var err error
	if s.named, err = netguard.NewService(o.Net, s.url+s.issuer); err != nil {
		return nil, fmt.Errorf("address of the token issuer: %w", err)
	}
	s.guard = netguard.New(o.Net)
	return s, nil
}

func (s *source) close() {
	if s.named != nil {
		s.named.Close()
		s.guard.Close()
	}
}

// read returns the keys as they are now.
func (s *source) read(ctx context.Context) ([]jose.JSONWebKey, error) {
	if s.file != "" {
		text, err := os.ReadFile(s.file)
		if err != nil {
			return nil, fmt.Errorf("read the keys of the token issuer: %w", err)
		}
		return parse(text)
	}
	where, client := s.url, s.named.Client()
	if s.issuer != "" {
		var err error
		if where, err = s.discover(ctx); err != nil {
			return nil, err
		}
		if !sameOrigin(where, s.issuer) {
			client = s.guard.Client()
		}
	}
	text, err := get(ctx, client, where)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

// discover asks the issuer where its keys are (OpenID Connect Discovery 1.0, 4).
func (s *source) discover(ctx context.Context) (string, error) {
	where := strings.TrimSuffix(s.issuer, "/") + discovery
	text, err := get(ctx, s.named.Client(), where)
	if err != nil {
		return "", err
	}
	var doc struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return "", fmt.Errorf("%s is not JSON: %w", where, err)
	}
	switch {
	case doc.Issuer != s.issuer:
		return "", fmt.Errorf("%s calls itself %q, and not %q as configured", where, doc.Issuer, s.issuer)
	case !sameOrigin(doc.Keys, s.issuer) && !strings.HasPrefix(doc.Keys, "https://"):
		return "", fmt.Errorf("%s has no jwks_uri with https://", where)
	}
	return doc.Keys, nil
}

func sameOrigin(a, b string) bool {
	x, err := url.Parse(a)
	y, err2 := url.Parse(b)
	return err == nil && err2 == nil && x.Scheme == y.Scheme && x.Host == y.Host
}

func get(ctx context.Context, client *http.Client, where string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", where, res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", where, err)
	}
	if len(text) > maxAnswer {
		return nil, fmt.Errorf("%s is larger than %d bytes", where, maxAnswer)
	}
	return text, nil
}

// parse reads a key set. Keys of an unknown kind are passed over (RFC 7517, 5),
// and so are those that are no public keys.
func parse(text []byte) ([]jose.JSONWebKey, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("the keys of the token issuer are no JWK Set: %w", err)
	}
	var set []jose.JSONWebKey
	for _, r := range raw.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(r) == nil && k.IsPublic() {
			set = append(set, k)
		}
	}
	if len(set) == 0 {
		return nil, errors.New("the keys of the token issuer are a JWK Set without a public key that can be used")
	}
	return set, nil
}
