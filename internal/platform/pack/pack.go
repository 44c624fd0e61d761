// Package pack holds what a vendor can change overnight about its meeting
// page, as data: where things are, what they say in which language, which
// address to open, which dialogs to answer. A pack is a YAML file; one for each
// platform is built in, and an operator can lay another over it without a new
// program.
//
// It knows no page and no browser: package guest reads the page by a pack.
package pack

import (
	"regexp"
	"slices"
	"strings"

	"steno/internal/bot"
	"steno/internal/meeting"
)

// Format is the version of the schema that this program reads.
const Format = 1

// Pack describes the page of one platform. Lists are in the order in which
// they are tried.
type Pack struct {
	Format   int              `yaml:"format"` // of this schema
	Platform meeting.Platform `yaml:"platform"`
	Version  string           `yaml:"version"` // of the pack: a date and a number
	Tested   string           `yaml:"tested"`  // when and against what, for people

	Pages     []Page    `yaml:"pages"`
	Selectors Selectors `yaml:"selectors"`
	// Attributes name where the page keeps what is no text.
	Attributes Attributes `yaml:"attributes"`
	// Signals of being in the call, each by a selector of its own.
	Signals map[string]string `yaml:"signals"`
	// SignalsNeeded of them, with a tile, are the call.
	SignalsNeeded int   `yaml:"signals_needed"`
	Texts         Texts `yaml:"texts"`

	PasscodeParams []string `yaml:"passcode_params"` // of the URL
	LoginHosts     []string `yaml:"login_hosts"`
	BlockedHosts   []string `yaml:"blocked_hosts"`
	ChatLimit      int      `yaml:"chat_limit"` // characters of a message
	// Engine is the one to begin with where the page keeps its media to itself;
	// optional, tracks.
	Engine bot.Engine `yaml:"engine"`
	// RosterChannels are the labels of data channels that tell the page who is
	// who among the contributing sources.
	RosterChannels []string `yaml:"roster_channels"`

	// Layouts lead to the page's view of a recording mode; optional.
	Layouts map[bot.RecordingMode][]Step `yaml:"layouts"`
	Dialogs []Dialog                     `yaml:"dialogs"`
	Outs    []Out                        `yaml:"outs"`

	text string // the file
}

// Page rewrites a meeting's URL to what is opened: the first one that matches.
type Page struct {
	Match string `yaml:"match"` // regular expression
	Open  string `yaml:"open"`  // with $1, $2, …

	re *regexp.Regexp
}

// Selectors are lists of CSS selectors.
type Selectors struct {
	NameField     []string `yaml:"name_field"`
	PasscodeField []string `yaml:"passcode_field"`
	JoinButton    []string `yaml:"join_button"` // beside texts.join
	MicOn         []string `yaml:"mic_on"`      // the switch while the device is on
	MicOff        []string `yaml:"mic_off"`     // the same while it is off; without, the bot cannot speak
	CamOn         []string `yaml:"cam_on"`
	CamOff        []string `yaml:"cam_off"` // without, the bot cannot show a picture
	Leave         []string `yaml:"leave"`   // also takes back the request to join
	LeaveConfirm  []string `yaml:"leave_confirm"`
	Lobby         []string `yaml:"lobby"` // there only while somebody waits
	LoginField    []string `yaml:"login_field"`
	Captcha       []string `yaml:"captcha"` // a puzzle for people, in the way; bots solve none

	PeopleOpen   []string `yaml:"people_open"` // what shows the list of people, if tiles do not
	Tile         []string `yaml:"tile"`        // a person
	TileName     []string `yaml:"tile_name"`
	TileSelf     []string `yaml:"tile_self"`
	TileSpeaking []string `yaml:"tile_speaking"`
	SpeakerName  []string `yaml:"speaker_name"` // the name of who speaks, outside tiles

	ChatOpen      []string `yaml:"chat_open"`
	Chat          []string `yaml:"chat"` // all that people write; nothing in it steers the bot
	ChatField     []string `yaml:"chat_field"`
	ChatDisabled  []string `yaml:"chat_disabled"` // in the place of the field
	ChatSend      []string `yaml:"chat_send"`     // none: the Enter key sends
	Message       []string `yaml:"message"`
	MessageBlock  []string `yaml:"message_block"` // around the message; default its parent
	MessageSender []string `yaml:"message_sender"`
	MessageText   []string `yaml:"message_text"` // default the message itself

	// CaptionsOn leads to captions: first the switch itself while they are off,
	// then what opens the menu that it is in, then what opens that one.
	CaptionsOn  []string `yaml:"captions_on"`
	Captions    []string `yaml:"captions"`     // around all lines; nothing in it steers the bot
	CaptionLine []string `yaml:"caption_line"` // in it; the oldest first
	CaptionName []string `yaml:"caption_name"` // in the line; none: whoever the page shows as speaking
	CaptionText []string `yaml:"caption_text"` // in the line; default the line itself

	OutTitle []string `yaml:"out_title"` // headings that say that the bot is out
	OutModal []string `yaml:"out_modal"` // the same, over the call; the platform alone makes these
	Dialog   []string `yaml:"dialog"`
}

// Attributes are lists of names of attributes.
type Attributes struct {
	TileID      []string `yaml:"tile_id"`
	TileName    []string `yaml:"tile_name"` // when no tile_name is there
	MessageID   []string `yaml:"message_id"`
	MessageTime []string `yaml:"message_time"` // of the block, in Unix milliseconds
}

// Words are texts by language ("en").
type Words map[string][]string

// All lists the texts, English first.
func (w Words) All() []string {
	langs := make([]string, 0, len(w))
	for l := range w {
		langs = append(langs, l)
	}
	slices.SortFunc(langs, func(a, b string) int {
		switch {
		case a == "en":
			return -1
		case b == "en":
			return 1
		}
		return strings.Compare(a, b)
	})
	var all []string
	for _, l := range langs {
		all = append(all, w[l]...)
	}
	return all
}

// Texts are what the page says. Those of buttons are written as the page
// writes them, all others in lower case with plain apostrophes.
type Texts struct {
	Join       Words `yaml:"join"` // buttons
	Lobby      Words `yaml:"lobby"`
	HostAbsent Words `yaml:"host_absent"` // waiting, for somebody who may begin
	Reconnect  Words `yaml:"reconnect"`
	LoginTitle Words `yaml:"login_title"` // a heading that is exactly this, with …
	Login      Words `yaml:"login"`       // … this text: a page to sign in
	Self       Words `yaml:"self"`        // how the page calls the viewer: sender of own messages, mark behind the own name
	NameMarks  Words `yaml:"name_marks"`  // behind a name, not part of it
	Bots       Words `yaml:"bots"`        // words in the names of other bots, who are no company
}

// Moment is when a dialog is answered.
type Moment string

// The moments.
const (
	Joining Moment = "joining" // until the bot has asked to be let in
	Staying Moment = "staying" // in the lobby and in the call
)

// Dialog says how a dialog, or a button of the page, is answered.
type Dialog struct {
	Name string   `yaml:"name"`
	When []Moment `yaml:"when"`
	// Text: one of these is in the dialog. Without, any dialog fits, and when
	// none is open, the page itself.
	Text   Words    `yaml:"text"`
	Press  Words    `yaml:"press"`  // a button with this text …
	Click  []string `yaml:"click"`  // … or an element that one of these selectors finds
	Unless []string `yaml:"unless"` // one of these selectors finds something
}

// Step is something to be clicked on the way to a view.
type Step struct {
	Press Words    `yaml:"press"` // what has this text …
	Click []string `yaml:"click"` // … or what one of these selectors finds
}

// Out is a text that says that the bot is not, or no longer, in.
type Out struct {
	Text Words       `yaml:"text"`
	Code bot.EndCode `yaml:"code"`
	Why  string      `yaml:"why"` // in our words, if the page's are not enough
}

// Open returns the address to open for a meeting's URL.
func (p *Pack) Open(url string) string {
	for _, r := range p.Pages {
		if m := r.re.FindStringSubmatchIndex(url); m != nil {
			return strings.TrimRight(string(r.re.ExpandString(nil, r.Open, url, m)), "?&")
		}
	}
	return url
}

// Text returns the pack's file; of no pack, nothing.
func (p *Pack) Text() string {
	if p == nil {
		return ""
	}
	return p.text
}

// CSS returns every selector of the pack with its place in the file.
func (p *Pack) CSS() map[string]string {
	all := map[string]string{}
	p.eachSelector(func(place, selector string) { all[place] = selector })
	return all
}

// rank orders ends in the order that avoids false ones: denied, blocked,
// login, and then what is said to somebody who was in.
func (o Out) rank() int {
	switch o.Code {
	case bot.EndNotAccepted, bot.EndTimeoutWaiting:
		return 0
	case bot.EndCannotJoin, bot.EndInvalidURL:
		return 1
	case bot.EndLoginRequired:
		return 2
	}
	return 3
}
