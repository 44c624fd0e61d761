package guest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/platform/pack"
)

// snapshot is what look.js saw. All texts but those of people and messages are
// lower case with plain apostrophes.
type snapshot struct {
	Host       string    `json:"host"`
	Titles     []string  `json:"titles"` // headings outside chat, tiles and dialogs
	Modals     []string  `json:"modals"` // the platform's own, over the call
	Login      bool      `json:"login"`
	Captcha    string    `json:"captcha"`     // the selector that finds one
	Lobby      string    `json:"lobby"`       // the text that says so
	LobbyMark  string    `json:"lobby_mark"`  // the selector of what is there only in the lobby
	HostAbsent string    `json:"host_absent"` // the text that says so
	Reconnect  string    `json:"reconnect"`   // the same
	Signals    []string  `json:"signals"`     // of being in the call
	People     []tile    `json:"people"`
	Turns      []turn    `json:"turns"`    // who began and ceased to be marked as speaking, since the last look
	Channels   [][]byte  `json:"channels"` // messages of the pack's data channels, since the last look
	Speaker    string    `json:"speaker"`  // the name of who speaks, if the page writes it somewhere
	Messages   []chatMsg `json:"messages"`
	Name       *field    `json:"name"`
	Passcode   *field    `json:"passcode"`
	Mic        string    `json:"mic"`     // selector of the switch while it is on
	MicOff     string    `json:"mic_off"` // the same while it is off
	Cam        string    `json:"cam"`     // the same of the camera
	CamOff     string    `json:"cam_off"`
	Join       *button   `json:"join"`
	Answers    []reply   `json:"answers"` // buttons of dialogs that are open
	Layout     *button   `json:"layout"`  // the next step towards a layout
	Leave      string    `json:"leave"`
	Confirm    string    `json:"leave_confirm"`
	PeopleOpen string    `json:"people_open"`
	ChatOpen   string    `json:"chat_open"`
	ChatField  string    `json:"chat_field"`
	ChatSend   string    `json:"chat_send"`
	ChatOff    string    `json:"chat_disabled"`

	Captions      []captionSeen `json:"captions"`
	CaptionsShown bool          `json:"captions_shown"` // the place for lines is there
	CaptionsOn    string        `json:"captions_on"`    // selector of what is to be clicked next
}

// reply is a button that answers a dialog of the pack.
type reply struct {
	button
	Name string        `json:"name"`
	When []pack.Moment `json:"when"`
}

type tile struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Picture  string  `json:"picture"`
	Self     bool    `json:"self"` // marked as the viewer's own
	Speaking bool    `json:"speaking"`
	Media    []media `json:"media"`
}

type turn struct {
	ID string `json:"id"`
	On bool   `json:"on"`
	At int64  `json:"at"` // Unix milliseconds
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

// verdict is what a snapshot means by itself, without what was before. Signals
// are what it rests on.
type verdict struct {
	stage   platform.Stage
	code    bot.EndCode
	reason  string
	signals []string
}

func ended(code bot.EndCode, reason string, signals ...string) verdict {
	return verdict{platform.StageEnded, code, reason, signals}
}

// judge is the one place that says what a page means. It goes in the order
// that avoids false admissions: denied or out, blocked, login, waiting, in the
// call. Each state rests on two independent signals, or on one that is part of
// the structure of the page and of nothing else: a heading counts while the
// call is not to be seen, a text of the lobby while the form to join is gone,
// controls (which are in lobbies, too) together with a person. inCall tells
// that the bot was in the call before: then a text as in the lobby is about
// somebody else.
func judge(p *pack.Pack, s snapshot, inCall bool) verdict {
	if v, out := s.out(p); out {
		return v
	}
	switch {
	case slices.Contains(p.BlockedHosts, s.Host):
		return ended(bot.EndCannotJoin, "the page was sent on to "+s.Host, "host: "+s.Host)
	case slices.Contains(p.LoginHosts, s.Host):
		return ended(bot.EndLoginRequired, "the page asks to sign in", "host: "+s.Host)
	case s.Login:
		return ended(bot.EndLoginRequired, "the page asks to sign in", "form to sign in")
	case s.Captcha != "" && !inCall:
		return ended(bot.EndCannotJoin, "the page asks for proof that a person joins (CAPTCHA), which a bot does not give", "captcha: "+s.Captcha)
	}
	if v, waits := s.waiting(); waits && !inCall {
		return v
	}
	if s.shows(p) && s.Name == nil {
		return verdict{stage: platform.StageInCall, reason: strings.Join(s.Signals, ", "), signals: append([]string{fmt.Sprintf("people: %d", len(s.People))}, s.Signals...)}
	}
	return verdict{stage: platform.StageJoining, signals: s.Signals}
}

// shows tells that the call is to be seen. Where people are in a list that has
// to be opened first, the signals are enough.
func (s snapshot) shows(p *pack.Pack) bool {
	return len(s.Signals) >= p.SignalsNeeded && (len(s.People) > 0 || len(p.Selectors.PeopleOpen) > 0)
}

// out looks for a text that says that the bot is not, or no longer, in.
func (s snapshot) out(p *pack.Pack) (verdict, bool) {
	gone := !s.shows(p)
	for _, o := range p.Outs {
		for _, text := range o.Text.All() {
			for _, t := range s.Modals {
				if strings.Contains(t, text) {
					return ended(o.Code, reason(o, t), "modal: "+t), true
				}
			}
			for _, t := range s.Titles {
				if gone && strings.Contains(t, text) {
					return ended(o.Code, reason(o, t), "heading: "+t, "the call is not to be seen"), true
				}
			}
		}
	}
	return verdict{}, false
}

// reason says in words why the bot is out.
func reason(o pack.Out, said string) string {
	if o.Why == "" {
		return "the page says: " + said
	}
	return o.Why + "; the page says: " + said
}

// waiting looks for the lobby.
func (s snapshot) waiting() (verdict, bool) {
	mark := "form to join is gone"
	switch {
	case s.LobbyMark != "":
		mark = s.LobbyMark
	case s.Name != nil || s.Join != nil && !s.Join.Disabled:
		return verdict{}, false
	}
	switch {
	case s.HostAbsent != "":
		return verdict{stage: platform.StageHostAbsent, reason: s.HostAbsent, signals: []string{"text: " + s.HostAbsent, mark}}, true
	case s.Lobby != "":
		return verdict{stage: platform.StageLobby, reason: s.Lobby, signals: []string{"text: " + s.Lobby, mark}}, true
	}
	return verdict{}, false
}

// self finds the viewer's own tile: the only one marked, or among several the
// one with the bot's name. A page that marks none is asked for the name alone.
func (s snapshot) self(name string, marks bool) string {
	marked := ""
	for _, t := range s.People {
		switch {
		case !t.Self && (marks || t.Name != name):
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

// roster turns tiles into people, track bindings and who speaks. Bots are those
// with one of the words in their name, and others of the bot's own name.
func (s snapshot) roster(name string, marks bool, bots []string) (people []platform.Person, binds []platform.Binding, speaking []string) {
	people, binds, speaking = []platform.Person{}, []platform.Binding{}, []string{}
	self := s.self(name, marks)
	seen := map[string]bool{}
	for _, t := range s.People {
		if t.ID == "" || t.Name == "" {
			continue // a tile in the making
		}
		if !seen[t.ID] {
			p := platform.Person{ID: t.ID, Name: t.Name, Picture: t.Picture, Self: t.ID == self}
			p.Bot = !p.Self && (t.Name == name || slices.ContainsFunc(bots, func(word string) bool { return holds(t.Name, word) }))
			people = append(people, p)
		}
		seen[t.ID] = true
		for _, m := range t.Media {
			binds = append(binds, platform.Binding{MediaID: m.ID, Person: t.ID})
		}
		if (t.Speaking || t.Name == s.Speaker) && !slices.Contains(speaking, t.ID) {
			speaking = append(speaking, t.ID)
		}
	}
	return people, binds, speaking
}

// holds tells that a name has a word in it as a whole, in whatever case.
func holds(name, word string) bool {
	letter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	before, after, ok := strings.Cut(strings.ToLower(name), word)
	last, _ := utf8.DecodeLastRuneInString(before)
	first, _ := utf8.DecodeRuneInString(after)
	return ok && !letter(last) && !letter(first)
}
