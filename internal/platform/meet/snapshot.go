package meet

import (
	"slices"
	"strings"

	"steno/internal/bot"
	"steno/internal/platform"
)

// snapshot is what look.js saw. All texts but those of people and messages are
// lower case with plain apostrophes.
type snapshot struct {
	Host      string    `json:"host"`
	Titles    []string  `json:"titles"` // headings outside chat, tiles and dialogs
	Login     bool      `json:"login"`
	Lobby     string    `json:"lobby"`     // the text that says so
	Reconnect string    `json:"reconnect"` // the same
	Signals   []string  `json:"signals"`   // of being in the call
	People    []tile    `json:"people"`
	Messages  []chatMsg `json:"messages"`
	Name      *field    `json:"name"`
	Mic       string    `json:"mic"`     // selector of the switch while it is on
	MicOff    string    `json:"mic_off"` // the same while it is off
	Cam       string    `json:"cam"`
	Intro     *button   `json:"intro"`
	Join      *button   `json:"join"`
	Consent   *button   `json:"consent"`
	Info      *button   `json:"info"`
	Leave     string    `json:"leave"`
	ChatOpen  string    `json:"chat_open"`
	ChatField string    `json:"chat_field"`
	ChatSend  string    `json:"chat_send"`
}

type tile struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Picture  string  `json:"picture"`
	Self     bool    `json:"self"` // marked as the viewer's own
	Speaking bool    `json:"speaking"`
	Media    []media `json:"media"`
}

type media struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
}

type chatMsg struct {
	ID     string `json:"id"`
	Sender string `json:"sender"`
	Text   string `json:"text"`
	SentMS int64  `json:"sent_ms"`
}

type field struct {
	Selector string `json:"selector"`
	Value    string `json:"value"`
}

type button struct {
	Selector string `json:"selector"`
	Text     string `json:"text"`
	Disabled bool   `json:"disabled"`
}

// verdict is what a snapshot means by itself, without what was before.
type verdict struct {
	stage  platform.Stage
	code   bot.EndCode
	reason string
}

// judge reads a snapshot in the order that avoids false admissions: denied or
// out, blocked, login, waiting, in the call. The call's controls are in the
// lobby too, so they prove nothing alone. inCall tells that the bot was in the
// call before: then a text as in the lobby is about somebody else.
func (p pack) judge(s snapshot, inCall bool) verdict {
	for _, o := range p.Outs {
		for _, t := range s.Titles {
			if strings.Contains(t, o.Text) {
				return verdict{platform.StageEnded, o.Code, "the page says: " + t}
			}
		}
	}
	switch {
	case slices.Contains(p.BlockedHosts, s.Host):
		return verdict{platform.StageEnded, bot.EndCannotJoin, "the page was sent on to " + s.Host}
	case slices.Contains(p.LoginHosts, s.Host), s.Login:
		return verdict{platform.StageEnded, bot.EndLoginRequired, "the page asks to sign in"}
	case s.Lobby != "" && !inCall:
		return verdict{platform.StageLobby, "", s.Lobby}
	case len(s.Signals) >= p.SignalsNeeded && len(s.People) > 0 && s.Name == nil:
		return verdict{platform.StageInCall, "", strings.Join(s.Signals, ", ")}
	}
	return verdict{stage: platform.StageJoining}
}

// self finds the viewer's own tile: the only one marked, or among several the
// one with the bot's name.
func (s snapshot) self(name string) string {
	marked := ""
	for _, t := range s.People {
		switch {
		case !t.Self:
		case t.Name == name:
			return t.ID
		case marked == "":
			marked = t.ID
		default:
			marked = "-" // several, none with the name so far
		}
	}
	if marked == "-" {
		return ""
	}
	return marked
}

// roster turns tiles into people, track bindings and who speaks.
func (s snapshot) roster(name string) (people []platform.Person, binds []platform.Binding, speaking []string) {
	people, binds, speaking = []platform.Person{}, []platform.Binding{}, []string{}
	self := s.self(name)
	seen := map[string]bool{}
	for _, t := range s.People {
		if t.ID == "" || t.Name == "" {
			continue // a tile in the making
		}
		if !seen[t.ID] {
			people = append(people, platform.Person{ID: t.ID, Name: t.Name, Picture: t.Picture, Self: t.ID == self})
		}
		seen[t.ID] = true
		for _, m := range t.Media {
			binds = append(binds, platform.Binding{MediaID: m.ID, Person: t.ID})
		}
		if t.Speaking && !slices.Contains(speaking, t.ID) {
			speaking = append(speaking, t.ID)
		}
	}
	return people, binds, speaking
}
