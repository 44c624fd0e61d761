// Package meet joins Google Meet as a guest: package guest with a
// pack of its own.
package meet

import (
	"steno/internal/meeting"
	"steno/internal/platform/guest"
	"steno/internal/platform/pack"
)

// New returns an adapter for one page, with the built-in pack.
func New() *guest.Adapter { return guest.New(pack.Builtin(meeting.Meet)) }
