// Package account is the room of teams and API keys: who may call, on whose
// behalf, and what a key is allowed to do. It knows no SQL and no HTTP.
package account

import (
	"time"

	"steno/internal/fail"
)

// Team owns everything that the API stores. Nothing crosses teams.
type Team struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// Permission is what a key may do.
type Permission string

// The permissions: everything, or sending bots only (digest 1.2).
const (
	Full    Permission = "full"
	Sending Permission = "sending"
)

// Valid reports whether p is a permission.
func (p Permission) Valid() bool { return p == Full || p == Sending }

// Scope is what an operation needs: any key, or one with full access.
type Scope string

// The scopes.
const (
	ScopeSend Scope = "send" // creating bots
	ScopeFull Scope = "full" // everything else
)

// Allows reports whether a key with this permission may call an operation.
func (p Permission) Allows(s Scope) bool { return p == Full || (p == Sending && s == ScopeSend) }

// Key is an API key as it is stored: never the key itself.
type Key struct {
	ID         string
	TeamID     string
	Name       string
	Permission Permission
	Hash       string // SHA-256, hex
	Hint       string // its first characters, to tell keys apart
	CreatedAt  time.Time
	LastUsedAt *time.Time
	RevokedAt  *time.Time
	ExpiresAt  *time.Time // nil: never
}

// NewKey is what a key is made of.
type NewKey struct {
	TeamID     string
	Name       string
	Permission Permission
	ExpiresAt  *time.Time // nil: never
}

// good reports whether the key opens anything at a time.
func (k Key) good(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}

// Caller is who a request comes from.
type Caller struct {
	TeamID     string
	KeyID      string
	Permission Permission
}

// The codes of a refused key (decision C30).
const (
	CodeUnauthorized = "FST_ERR_UNAUTHORIZED"
	CodeForbidden    = "FST_ERR_FORBIDDEN"
)

// May returns nil, or the error that says that the key lacks the permission.
func (c Caller) May(s Scope) error {
	if c.Permission.Allows(s) {
		return nil
	}
	return fail.New(fail.Forbidden, CodeForbidden, "this API key may only create bots; use a key with full access")
}
