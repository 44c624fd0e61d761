package scribe

import (
	"encoding/json"

	"steno/internal/transcript"
)

// Provider is a service as the operator has set it up.
type Provider struct {
	transcript.Service
	Key    string
	Custom json.RawMessage // for bots that bring no options of their own and no key
	// Ready says that bots may use it without a key of their own.
	Ready bool
}

// Services are those of a server. It implements bot.Services.
type Services struct {
	ByName  map[string]Provider
	Default string // of ByName, or FromCaptions
}

// standard is the contract's own service: that of whoever brings a key and names
// none, and the name by which clients ask for any.
const standard = "gladia"

// Choose implements bot.Services. Who asks for the contract's own service gets
// the default one where the operator has no key of it.
func (s Services) Choose(asked string, ownKey bool) (string, bool) {
	if asked == FromCaptions || asked == "" && !ownKey {
		if asked == "" {
			asked = s.Default
		}
		return asked, true
	}
	if asked == "" {
		asked = standard
	}
	p, known := s.ByName[asked]
	switch {
	case known && (ownKey || p.Ready):
		return asked, true
	case asked == standard:
		return s.Default, true
	}
	return asked, false
}

func (s Services) of(name string) (Provider, bool) {
	p, ok := s.ByName[name]
	return p, ok
}
