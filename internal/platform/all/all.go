// Package all lists the meeting platforms that this program can join. A new
// one is a folder beside this one and a line here.
package all

import (
	"steno/internal/meeting"
	"steno/internal/platform"
	"steno/internal/platform/galene"
	"steno/internal/platform/meet"
)

var adapters = map[meeting.Platform]func() platform.Adapter{
	meeting.Galene: func() platform.Adapter { return galene.New() },
	meeting.Meet:   func() platform.Adapter { return meet.New() },
}

// Adapter returns a fresh adapter of the platform, or nil if there is none.
func Adapter(p meeting.Platform) platform.Adapter {
	if make := adapters[p]; make != nil {
		return make()
	}
	return nil
}
