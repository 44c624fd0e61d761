package meet

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"steno/internal/bot"
)

//go:embed pack.json
var packJSON []byte

//go:embed look.js
var lookScript string

// pack is what changes when the page changes, kept as data. Lists are in the
// order in which they are tried. Texts are lower case with plain apostrophes,
// but for those of buttons.
type pack struct {
	Version       int      `json:"version"`
	SignalsNeeded int      `json:"signals_needed"`
	LoginHosts    []string `json:"login_hosts"`
	BlockedHosts  []string `json:"blocked_hosts"`
	Outs          []outRow `json:"outs"`
}

// outRow is a heading that says that the bot is not, or no longer, in.
type outRow struct {
	Text string      `json:"text"`
	Code bot.EndCode `json:"code"`
}

var current = mustParse(packJSON)

func mustParse(data []byte) pack {
	p, err := parsePack(data)
	if err != nil {
		panic(err) // embedded; the tests parse it
	}
	return p
}

func parsePack(data []byte) (pack, error) {
	var p pack
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("meet: pack.json: %w", err)
	}
	if p.SignalsNeeded < 2 || len(p.Outs) == 0 {
		return p, fmt.Errorf("meet: pack.json: too few signals or no end texts")
	}
	for _, o := range p.Outs {
		if o.Text != strings.ToLower(o.Text) || strings.ContainsAny(o.Text, "‘’") {
			return p, fmt.Errorf("meet: pack.json: text %q can never match", o.Text)
		}
	}
	return p, nil
}

// lookExpression is the one expression that an observation evaluates.
var lookExpression = "(" + strings.TrimSpace(lookScript) + ")(" + string(packJSON) + ")"
