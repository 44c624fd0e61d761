package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// SecretPrefix begins every signing secret.
const SecretPrefix = "whsec_"

// RotationWindow is how long the old secret signs beside the new one.
const RotationWindow = 24 * time.Hour

// NewSecret returns a fresh signing secret: whsec_ and 32 random bytes in
// base64.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, by its contract
	return SecretPrefix + base64.StdEncoding.EncodeToString(key)
}

// Sign returns the headers that sign a message: webhook-id, -timestamp and
// -signature as in the Standard Webhooks specification, and the same under
// svix-. Each secret adds one signature, separated by spaces, so that a
// receiver with either secret accepts the message.
func Sign(id string, at time.Time, body []byte, secrets ...string) (http.Header, error) {
	signatures := make([]string, 0, len(secrets))
	for _, s := range secrets {
		w, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			return nil, fmt.Errorf("the signing secret is not base64") // the cause may quote it
		}
		one, err := w.Sign(id, at, body)
		if err != nil {
			return nil, fmt.Errorf("sign message %s: %w", id, err)
		}
		signatures = append(signatures, one)
	}
	h := make(http.Header, 6)
	for _, prefix := range []string{"webhook-", "svix-"} {
		h.Set(prefix+"id", id)
		h.Set(prefix+"timestamp", strconv.FormatInt(at.Unix(), 10))
		h.Set(prefix+"signature", strings.Join(signatures, " "))
	}
	return h, nil
}

// Verify checks what a receiver was sent: that the body was signed with the
// secret and is not older than five minutes. It reads the webhook- headers, or
// the svix- ones if those are missing.
func Verify(secret string, headers http.Header, body []byte) error {
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("the signing secret is not base64")
	}
	if headers.Get(standardwebhooks.HeaderWebhookID) == "" {
		as := make(http.Header, 3)
		for _, part := range []string{"id", "timestamp", "signature"} {
			as.Set("webhook-"+part, headers.Get("svix-"+part))
		}
		headers = as
	}
	return w.Verify(body, headers)
}
