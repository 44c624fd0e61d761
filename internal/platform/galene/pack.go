package galene

import (
	_ "embed"
	"encoding/json"
	"strings"

	"steno/internal/bot"
)

//go:embed hook.js
var hookScript string

//go:embed look.js
var lookScript string

//go:embed pack.json
var packJSON []byte

// pack is what may change with another version of Galène, kept as data.
type pack struct {
	NameField     string    `json:"name_field"`
	ConnectButton string    `json:"connect_button"`
	Refusals      []refusal `json:"refusals"`
}

// refusal classifies what the server says when it does not let somebody in.
// Wait: the group may open later, so that the bot stays and asks again.
type refusal struct {
	Text string      `json:"text"`
	Wait bool        `json:"wait"`
	Code bot.EndCode `json:"code"`
}

var current = mustParse(packJSON)

func mustParse(b []byte) pack {
	var p pack
	if err := json.Unmarshal(b, &p); err != nil {
		panic("galene: pack.json: " + err.Error()) // embedded; the tests parse it
	}
	return p
}

// classify finds what a refusal's words mean. Words that nobody knows are a
// plain no.
func (p pack) classify(text string) refusal {
	low := strings.ToLower(text)
	for _, r := range p.Refusals {
		if strings.Contains(low, r.Text) {
			return r
		}
	}
	return refusal{Text: text, Code: bot.EndNotAccepted}
}

// snapshot is what look.js returns.
type snapshot struct {
	Form   bool    `json:"form"`
	Login  bool    `json:"login"`
	Title  string  `json:"title"`
	Open   bool    `json:"open"`
	Users  []user  `json:"users"`
	Tracks []track `json:"tracks"`
	Joined *string `json:"joined"`
	Failed *struct {
		Error string `json:"error"`
		Text  string `json:"text"`
	} `json:"failed"`
	Kicked *struct {
		By   string `json:"by"`
		Text string `json:"text"`
	} `json:"kicked"`
	Error  *string `json:"error"`
	Closed *struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	} `json:"closed"`
	Chat      []message `json:"chat"`
	ChatCount int       `json:"chatCount"`
}

type user struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Self   bool   `json:"self"`
	System bool   `json:"system"` // the server's own recorder
}

type track struct {
	Media  string `json:"media"`
	Person string `json:"person"`
	Screen bool   `json:"screen"`
}

type message struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Name   string `json:"name"`
	Text   string `json:"text"`
	TimeMS int64  `json:"time"`
	Old    bool   `json:"old"` // from before the bot came
}
