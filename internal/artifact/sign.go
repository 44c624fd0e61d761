package artifact

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
)

// How long a signed URL works, and one that v1 hands out (C35).
const (
	Lifetime   = 4 * time.Hour
	LifetimeV1 = 24 * time.Hour
)

// Route is the path below which artifacts are read.
const Route = "/artifacts/"

// Error codes of this package.
const (
	CodeBadSignature = "ARTIFACT_SIGNATURE_INVALID"
	CodeExpired      = "ARTIFACT_URL_EXPIRED"
)

// Signer makes and checks the URLs of artifacts. They look the same whatever
// the store is: the server reads S3 for the client, so that HEAD, ranges and
// CORS work the same, and the store needs no public address.
type Signer struct {
	base  string
	keys  [][]byte
	clock clock.Clock
	lives time.Duration
}

// NewSigner returns a Signer for URLs below publicURL. The first key signs, all
// are accepted; see seal.Sealer.Derive.
func NewSigner(publicURL string, keys [][]byte, c clock.Clock) (*Signer, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key to sign artifact URLs with")
	}
	return &Signer{base: strings.TrimSuffix(publicURL, "/"), keys: keys, clock: c, lives: Lifetime}, nil
}

// For returns a Signer whose URLs work for so long.
func (s *Signer) For(lifetime time.Duration) *Signer {
	other := *s
	other.lives = lifetime
	return &other
}

// SignerV1 makes URLs for API v1: they live longer, and mixed audio is WAV.
type SignerV1 struct{ *Signer }

// V1 returns a signer for API v1.
func (s *Signer) V1() SignerV1 { return SignerV1{s.For(LifetimeV1)} }

// URL returns a URL that reads the object.
func (s SignerV1) URL(ctx context.Context, key string) (string, error) {
	if dir, file := path.Split(key); file == files[Audio] {
		key = dir + AudioV1
	}
	return s.Signer.URL(ctx, key)
}

// URL returns a URL that reads the object for the Signer's lifetime.
func (s *Signer) URL(_ context.Context, key string) (string, error) {
	expires := s.clock.Now().Add(s.lives).Unix()
	where := (&url.URL{Path: Route + key}).EscapedPath()
	return fmt.Sprintf("%s%s?expires=%d&signature=%s", s.base, where, expires, signature(s.keys[0], key, expires)), nil
}

// Verify checks what a client sends: the key after Route and the two
// parameters of the query. It returns nil, or why the URL is refused.
func (s *Signer) Verify(key, expires, sig string) error {
	at, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || strconv.FormatInt(at, 10) != expires {
		return badSignature()
	}
	good := false
	for _, k := range s.keys {
		good = hmac.Equal([]byte(signature(k, key, at)), []byte(sig)) || good
	}
	if !good {
		return badSignature()
	}
	// Only a true signature is told that it is too late.
	if !s.clock.Now().Before(time.Unix(at, 0)) {
		return fail.New(fail.Forbidden, CodeExpired, "this URL has expired; ask for the bot's details to get a fresh one")
	}
	return nil
}

func badSignature() error {
	return fail.New(fail.Forbidden, CodeBadSignature, "this URL is not signed by this server")
}

// signature covers the key and the expiry; GET and HEAD share it. The label in
// front keeps it from being a signature of anything else.
func signature(secret []byte, key string, expires int64) string {
	m := hmac.New(sha256.New, secret)
	fmt.Fprintf(m, "steno artifact 1\nread\n%d\n%s", expires, key)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
