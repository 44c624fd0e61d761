// Package all knows the meeting platforms that this program can join. A new one
// is a pack of its own, if it is joined as a guest through a web page, else a
// line here.
package all

import (
	"fmt"

	"steno/internal/meeting"
	"steno/internal/platform"
	"steno/internal/platform/galene"
	"steno/internal/platform/guest"
	"steno/internal/platform/pack"
)

// Adapter returns a fresh adapter of the platform, or nil and no error if there
// is none. override is the text of a pack that the operator put in the place of the
// built-in one; empty: none.
func Adapter(p meeting.Platform, override string) (platform.Adapter, error) {
	if p == meeting.Galene {
		return galene.New(), nil
	}
	if !pack.Has(p) {
		return nil, nil
	}
	if override == "" {
		return guest.New(pack.Builtin(p)), nil
	}
	own, err := pack.Parse(string(p)+" pack of the operator", []byte(override))
	if err != nil {
		return nil, fmt.Errorf("read pack: %w", err)
	}
	return guest.New(own), nil
}
