// Package zoom joins Zoom through its web client as a guest: package guest with a
// pack of its own.
//
// The web client decodes media in WebAssembly, out of reach of the track
// engine: the pack has its page filmed. Nothing of it
// was proven against the live service: the pack and the lab's page are written
// from the same published facts.
package zoom

import (
	"steno/internal/meeting"
	"steno/internal/platform/guest"
	"steno/internal/platform/pack"
)

// New returns an adapter for one page, with the built-in pack.
func New() *guest.Adapter { return guest.New(pack.Builtin(meeting.Zoom)) }
