// Package platform says what the bot needs from a meeting platform: the flow
// from the page to being in the call, and what is seen there. A folder each
// implements it (meet, galene, …); package all lists them.
//
// An adapter drives a page. It does not record, keeps no files and decides
// nothing about leaving: it reports, the session decides.
package platform

import (
	"context"
	"errors"
	"time"

	"steno/internal/bot"
)

// Page is the browser page as an adapter sees it. Implemented by package
// browser.
type Page interface {
	// Navigate opens a URL and returns when the document is loaded.
	Navigate(ctx context.Context, url string) error
	// Eval runs a JavaScript expression (a promise is awaited) and decodes its
	// JSON value into out, which may be nil.
	Eval(ctx context.Context, expression string, out any) error
	// Click clicks the middle of the first element that the CSS selector finds
	// by mouse events. ErrNoElement if there is none that is visible.
	Click(ctx context.Context, selector string) error
	// Type focuses the element, replaces its text by key events.
	Type(ctx context.Context, selector, text string) error
	// AddScript adds JavaScript that runs in every document before its own
	// scripts.
	AddScript(ctx context.Context, source string) error
	// Screenshot returns a PNG of the viewport.
	Screenshot(ctx context.Context) ([]byte, error)
}

// ErrNoElement is returned by Page methods when nothing visible matches.
var ErrNoElement = errors.New("no visible element matches the selector")

// ErrStrange is returned by Enter, wrapped, when the page is there but shows
// nothing that is known, for as long as the bot may try: nobody has said no.
var ErrStrange = errors.New("the page shows neither a way in nor a refusal")

// ErrNoChat is returned by Say, possibly wrapped, when the meeting has no chat
// or does not let the bot write in it.
var ErrNoChat = errors.New("the meeting has no chat that the bot may write in")

// Stage is how far a bot has come, as the page shows it.
type Stage string

// The stages. They are reported in any order; the session ignores what does
// not change anything.
const (
	StageJoining    Stage = "joining"     // page open, before or after the join button
	StageLobby      Stage = "lobby"       // asked to join, waiting for somebody
	StageHostAbsent Stage = "host_absent" // waiting for somebody who may begin the meeting
	StageInCall     Stage = "in_call"
	StageEnded      Stage = "ended" // out of the call; Code says why
)

// Person is a participant in the roster.
type Person struct {
	ID      string // the platform's id, stable within the meeting
	Name    string
	Picture string
	Self    bool // the bot
	Bot     bool // known to be another bot
}

// Binding says that a media track carries that person. MediaID is the id of
// the MediaStreamTrack as the page sees it.
type Binding struct {
	MediaID string
	Person  string
	Screen  bool
}

// Source says that an RTP contributing source is that person.
type Source struct {
	CSRC   uint32
	Person string
}

// Turn says that the page showed that somebody began, or ceased, to speak.
type Turn struct {
	Person string
	On     bool
	At     time.Time
}

// Message is a chat message.
type Message struct {
	ID     string
	Sender string
	Text   string
	Self   bool
	SentAt time.Time
}

// Caption is a line of the platform's captions, as it stands now. ID tells the
// line from others of this page; Person is empty when the page shows a name only.
type Caption struct {
	ID       string
	Person   string
	Name     string
	Text     string
	Language string // BCP 47; empty when the page does not tell
	Final    bool   // no more words come
}

// Observation is one look at the page. Roster and Bindings are complete lists,
// nil when unknown at this look.
type Observation struct {
	Stage    Stage
	Code     bot.EndCode // with StageEnded
	Reason   string      // with StageEnded: what was seen, for people
	Roster   []Person
	Bindings []Binding
	// Speaking lists the ids of people whom the page shows as speaking; nil
	// when the page does not tell.
	Speaking []string
	// Turns lists how that has changed since the last look, when the page tells.
	Turns []Turn
	// Sources lists what is known of contributing sources. Of numbers that are
	// none, nothing follows.
	Sources  []Source
	Messages []Message // those that the adapter has not reported before
	// Captions lists the lines of the platform's captions that are new or have
	// changed since the last look.
	Captions []Caption
	// Signals are what Stage rests on, for the evidence of an end. They hold
	// nothing that people wrote.
	Signals []string
}

// Join is what an adapter needs to enter.
type Join struct {
	URL  string
	Name string
	// Account is how the page calls the bot if it is signed in; then nobody asks
	// for a name. Empty: the bot is a guest.
	Account string
	Mode    bot.RecordingMode
	Rejoin  bool // the bot was in this call before
	// Captions has the platform's captions switched on, if it can be, and read.
	Captions bool
	// Knock is called when all is ready and the next click asks to be let in; it
	// returns when the time has come, or ctx's error. May be nil.
	Knock func(ctx context.Context) error
}

// Adapter is one meeting platform. An Adapter value serves one page.
type Adapter interface {
	// Scripts returns JavaScript to be installed before the page loads, beside
	// that of the engine.
	Scripts(join Join) []string
	// Enter goes from nothing to having asked for admission or being in the
	// call. An *Refusal tells that the platform said no.
	Enter(ctx context.Context, page Page, join Join) error
	// Observe looks at the page once. It is called every second or so.
	Observe(ctx context.Context, page Page) (Observation, error)
	// Say posts a chat message.
	Say(ctx context.Context, page Page, text string) error
	// Leave leaves the call, or withdraws the request to join.
	Leave(ctx context.Context, page Page) error
}

// Chooser is an Adapter that knows which engine its pages need.
type Chooser interface {
	// Engine is empty where either does.
	Engine() bot.Engine
}

// Speaker is an Adapter that can switch the bot's microphone in the call. Both
// methods may be called when the switch is where it should be.
type Speaker interface {
	Unmute(ctx context.Context, page Page) error
	Mute(ctx context.Context, page Page) error
}

// Camera is an Adapter that can switch on the bot's camera in the call, which may
// be on.
type Camera interface {
	ShowCamera(ctx context.Context, page Page) error
}

// Busy is an Adapter that goes through menus of the page while it observes. As long as
// one of them is open, nothing is posted.
type Busy interface {
	Busy() bool
}

// Refusal is a typed end of Enter: the meeting cannot be entered, and why.
type Refusal struct {
	Code    bot.EndCode
	Reason  string
	Signals []string // as in Observation
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }
