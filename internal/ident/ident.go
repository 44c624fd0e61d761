// Package ident makes the ids of the program: UUIDv7, lower case, so that ids
// sort by creation time and pass the id pattern of the API (digest 1.8).
package ident

import "github.com/google/uuid"

// New returns a fresh UUIDv7 as text.
func New() string { return uuid.Must(uuid.NewV7()).String() }

// Valid reports whether s is an id that the API accepts: a UUID in the
// 8-4-4-4-12 form, version 1 to 8, or the nil or max UUID.
func Valid(s string) bool {
	if len(s) != 36 {
		return false
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return false
	}
	if u == uuid.Nil || u == uuid.Max {
		return true
	}
	return u.Version() >= 1 && u.Version() <= 8 && u.Variant() == uuid.RFC4122
}
