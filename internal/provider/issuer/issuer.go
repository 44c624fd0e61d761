// Package issuer checks the tokens (JWT, RFC 7519) of an issuer that the
// operator trusts, as RFC 8725 advises: signatures with public keys only, and
// only those that the issuer publishes; issuer, audience and time always.
//
// It logs nothing, and its errors repeat nothing of a token.
package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	strict "github.com/go-jose/go-jose/v4/json" // minds the case of names, refuses a name twice
	"github.com/go-jose/go-jose/v4/jwt"

	"steno/internal/account"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/netguard"
)

const (
	// leeway is by how much the clocks of issuer and server may differ.
	leeway = 30 * time.Second
	// maxToken is the longest token that is looked at, in bytes.
	maxToken = 16 << 10
	// minRSA is how many bits an RSA key has at least (RFC 7518, 3.3).
	minRSA = 2048
)

// algorithms are those of public keys. "none" and HMAC are not among them: the
// key of an HMAC would be one that everybody can read.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Options of a Verifier. All but Keys, Scope and Net are required.
type Options struct {
	Issuer   string   // the claim iss, to the letter
	Audience []string // one of them must be in the claim aud
	// Keys is the URL or the file of the issuer's keys (JWK Set, RFC 7517);
	// empty: the issuer's OpenID configuration says where they are.
	Keys      string
	TeamClaim string
	Scope     string // that a token must have; empty: none
	Net       netguard.Options
	Clock     clock.Clock
}

// Verifier implements account.Verifier. It is safe for concurrent use.
type Verifier struct {
	o    Options
	ring *ring
}

// New returns a verifier. It calls nobody: the issuer may come up later. Keys
// in a file are read at once.
func New(ctx context.Context, o Options) (*Verifier, error) {
	src, err := newSource(o)
	if err != nil {
		return nil, err
	}
	v := &Verifier{o: o, ring: newRing(src, o.Clock)}
	if src.file != "" {
		if err := v.ring.refresh(ctx); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Close ends idle connections.
func (v *Verifier) Close() { v.ring.source.close() }

// Verify returns what the team claim of a token says.
func (v *Verifier) Verify(ctx context.Context, token string) (team string, err error) {
	if len(token) > maxToken {
		return "", refuse(nil, "the token is longer than %d bytes", maxToken)
	}
	parsed, err := jwt.ParseSigned(token, algorithms)
	var algorithm *jose.ErrUnexpectedSignatureAlgorithm
	switch {
	case errors.As(err, &algorithm):
		return "", refuse(err, "tokens must be signed with RS256, PS256, ES256 (or 384, 512) or EdDSA; have the issuer use one of these")
	case err != nil:
		return "", refuse(err, "the token cannot be read; send a signed JWT as the issuer gave it")
	}
	payload, err := v.signed(ctx, parsed)
	if err != nil {
		return "", err
	}
	var std jwt.Claims
	var all map[string]any
	if err := errors.Join(strict.Unmarshal(payload, &std), strict.Unmarshal(payload, &all)); err != nil {
		return "", refuse(err, "the claims of the token cannot be read; send a JWT as the issuer gave it")
	}
	if err := v.check(std); err != nil {
		return "", err
	}
	if v.o.Scope != "" && !hasScope(all, v.o.Scope) {
		return "", refuse(nil, "the token lacks the scope that this server asks for; ask the issuer for one with the scope %s", v.o.Scope)
	}
	team = text(all[v.o.TeamClaim])
	if team == "" {
		return "", refuse(nil, "the token does not say for which team it speaks; have the issuer put the team's name or id into the claim %s", v.o.TeamClaim)
	}
	return team, nil
}

// signed returns the claims of a token if one of the issuer's keys has signed
// it. Where none has, the issuer may have a new one.
func (v *Verifier) signed(ctx context.Context, t *jwt.JSONWebToken) (payload strict.RawMessage, err error) {
	kid, alg := t.Headers[0].KeyID, jose.SignatureAlgorithm(t.Headers[0].Algorithm)
	known := false
	for _, anew := range []bool{false, true} {
		set, err := v.ring.keys(ctx, anew)
		if err != nil {
			return nil, err
		}
		for _, k := range set {
			if (kid != "" && k.KeyID != "" && k.KeyID != kid) || !fits(k, alg) {
				continue
			}
			known = true
			if t.Claims(k.Key, &payload) == nil {
				return payload, nil
			}
		}
	}
	if !known {
		if err := v.ring.unknown(); err != nil {
			return nil, err
		}
	}
	return nil, refuse(nil, "the token is not signed with a key of the issuer that this server trusts; ask that issuer for a new one")
}

// fits reports whether a key may be used with an algorithm: a key is for what
// its kind and its description say, not for what a token says.
func fits(k jose.JSONWebKey, alg jose.SignatureAlgorithm) bool {
	if (k.Use != "" && k.Use != "sig") || (k.Algorithm != "" && k.Algorithm != string(alg)) {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA && slices.Contains(algorithms[:6], alg)
	case *ecdsa.PublicKey:
		return map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()}[alg] == key.Curve
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}

// check looks at issuer, audience and time.
func (v *Verifier) check(c jwt.Claims) error {
	if c.Expiry == nil {
		return refuse(nil, "the token has no time at which it expires (exp); ask the issuer for one that has")
	}
	err := c.ValidateWithLeeway(jwt.Expected{Issuer: v.o.Issuer, AnyAudience: v.o.Audience, Time: v.o.Clock.Now()}, leeway)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return refuse(err, "the token comes from an issuer that this server does not trust (iss)")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return refuse(err, "the token was issued for another service (aud); ask the issuer for one for this server")
	case errors.Is(err, jwt.ErrExpired):
		return refuse(err, "the token has expired; ask the issuer for a new one")
	}
	return refuse(err, "the token is not valid yet (nbf, iat); wait, or set the clocks of issuer and server")
}

// hasScope looks where issuers put scopes: scope, a text with spaces (RFC
// 8693), or scp, the same or a list.
func hasScope(claims map[string]any, want string) bool {
	for _, name := range []string{"scope", "scp"} {
		switch v := claims[name].(type) {
		case string:
			if slices.Contains(strings.Fields(v), want) {
				return true
			}
		case []any:
			if slices.Contains(v, any(want)) {
				return true
			}
		}
	}
	return false
}

// text returns a claim that is a text, or a list of one.
func text(claim any) string {
	if list, ok := claim.([]any); ok && len(list) == 1 {
		claim = list[0]
	}
	s, _ := claim.(string)
	return s
}

func refuse(cause error, format string, args ...any) error {
	return fail.Wrap(cause, fail.Unauthorized, account.CodeUnauthorized, format, args...)
}
