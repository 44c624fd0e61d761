// Package teams joins Microsoft Teams, business and consumer alike, as a guest: package guest with a
// pack of its own.
//
// Nothing of it was proven against the live service: the pack and the lab's page
// are written from the same published facts.
package teams

import (
	"steno/internal/meeting"
	"steno/internal/platform/guest"
	"steno/internal/platform/pack"
)

// New returns an adapter for one page, with the built-in pack.
func New() *guest.Adapter { return guest.New(pack.Builtin(meeting.Teams)) }
