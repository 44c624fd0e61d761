package lab

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"steno/lab/media"
	"steno/lab/timecode"
)

// Duration is a time.Duration that reads and writes as text: "1.5s".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes the duration as Go prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Door says what happens to somebody who wants to come in.
type Door string

// The doors.
const (
	DoorOpen    Door = "open"    // "Join now", nobody is asked
	DoorAuto    Door = "auto"    // admitted from the lobby after Wait
	DoorManual  Door = "manual"  // waits until Admit or Deny, or the platform's own time-out
	DoorDeny    Door = "deny"    // denied after Wait
	DoorBlocked Door = "blocked" // "You can't join this video call"
	DoorLogin   Door = "login"   // only for people who are signed in
	DoorHost    Door = "host"    // nobody has begun the meeting; as DoorManual
	DoorCaptcha Door = "captcha" // only for people, by a riddle
	DoorHang    Door = "hang"    // whoever has asked to join is never answered, and not in a lobby either
	DoorStrange Door = "strange" // a page that says something that nobody has seen before
)

// Begin says what starts the clock of the script.
type Begin string

// The beginnings.
const (
	BeginGuest Begin = "guest" // when media flow to the first guest
	BeginOpen  Begin = "open"  // when the meeting opens
)

// Scenario is a meeting with everything that happens in it. The times At, Join
// and Leave count from the beginning of the script.
type Scenario struct {
	Code string `yaml:"code" json:"code"` // abc-defg-hij
	// Platform is whose page the meeting has: meet (default), teams or zoom.
	// That of zoom decodes media by itself, without RTCPeerConnection.
	Platform string `yaml:"platform" json:"platform"`
	// Skin "old" is the page with the other names for things that packs know.
	Skin string `yaml:"skin" json:"skin"`
	// Tracks says what media come on: "shared" (meet only, and default there),
	// three for audio and three for video that pass from one to another, with
	// contributing sources; or "own", a track for each person and kind.
	Tracks string `yaml:"tracks" json:"tracks"`
	// NoCollections leaves the data channel silent that says whose the
	// contributing sources are.
	NoCollections bool `yaml:"no_collections" json:"no_collections"`
	// Layers has cameras change between two sizes of picture so often, as a
	// server does that chooses among layers of simulcast; 0: never.
	Layers Duration `yaml:"layers" json:"layers"`
	// Mixed sends one track with everybody's audio in place of one for each.
	Mixed  bool `yaml:"mixed" json:"mixed"`
	NoChat bool `yaml:"no_chat" json:"no_chat"` // guests may not write
	// DeadChat: the button that opens the chat does nothing.
	DeadChat bool `yaml:"dead_chat" json:"dead_chat"`
	// NoCaptions is a meeting that has none.
	NoCaptions bool     `yaml:"no_captions" json:"no_captions"`
	Door       Door     `yaml:"door" json:"door"` // default open
	Wait       Duration `yaml:"wait" json:"wait"`
	Begin      Begin    `yaml:"begin" json:"begin"` // default guest
	// NoResponse is how long the lobby lasts before the platform itself gives
	// up; default 10 minutes as on the real one.
	NoResponse Duration `yaml:"no_response" json:"no_response"`
	Consent    bool     `yaml:"consent" json:"consent"` // a recording consent dialog after admission
	// OwnVideo lets the page take the encoded frames of videos itself, as one
	// with end-to-end encryption does, so that nobody else gets them.
	OwnVideo bool          `yaml:"own_video" json:"own_video"`
	People   []Participant `yaml:"people" json:"people"`
	Turns    []Turn        `yaml:"turns" json:"turns"`
	// Repeat says the turns again from the first, Pause of the first turn
	// after the last one, until the meeting ends.
	Repeat bool    `yaml:"repeat" json:"repeat"`
	Events []Event `yaml:"events" json:"events"`
	Net    Net     `yaml:"net" json:"net"`
}

// Participant is a scripted person.
type Participant struct {
	Name   string   `yaml:"name" json:"name"`
	Join   Duration `yaml:"join" json:"join"`   // 0: there when the meeting opens
	Leave  Duration `yaml:"leave" json:"leave"` // 0: stays
	NoMic  bool     `yaml:"no_mic" json:"no_mic"`
	NoCam  bool     `yaml:"no_cam" json:"no_cam"`
	DTX    bool     `yaml:"dtx" json:"dtx"`       // silence is not sent, but for a packet every 400 ms
	Camera int      `yaml:"camera" json:"camera"` // number in the timecode; 0: the position in People, from 1
}

// Turn is something said: a clip of package media. Without At it begins Pause
// after the end of the turn before; a negative Pause is crosstalk.
type Turn struct {
	Who   string    `yaml:"who" json:"who"`
	Clip  string    `yaml:"clip" json:"clip"`
	At    *Duration `yaml:"at" json:"at,omitempty"`
	Pause Duration  `yaml:"pause" json:"pause"`
}

// Event happens to the guests, or in the chat. Do is admit, deny, remove, end,
// freeze, crash, hush (no audio comes any more, of one or of all), trouble (a
// banner in the place of the call), back, strange (a page that nobody has seen
// before in its place), toast, popup (a box with a button "Got it" over the call)
// or chat.
type Event struct {
	At   Duration `yaml:"at" json:"at"`
	Do   string   `yaml:"do" json:"do"`
	Who  string   `yaml:"who" json:"who"`   // chat: the sender; hush: who, empty is all
	Text string   `yaml:"text" json:"text"` // of toast, popup and chat
}

var deeds = []string{"admit", "deny", "remove", "end", "freeze", "crash", "hush", "trouble", "back", "strange", "toast", "popup", "chat"}

// Net spoils the way from the lab to the guests.
type Net struct {
	Loss   float64  `yaml:"loss" json:"loss"`     // share of packets that never leave, 0…1
	Jitter Duration `yaml:"jitter" json:"jitter"` // each packet is late by 0…Jitter; order may change
	Seed   uint64   `yaml:"seed" json:"seed"`
}

// ParseScenario reads a scenario file (YAML; JSON is YAML). Unknown fields are
// errors.
func ParseScenario(data []byte) (Scenario, error) {
	var s Scenario
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("read scenario: %w", err)
	}
	s.defaults()
	if err := s.check(); err != nil {
		return s, fmt.Errorf("read scenario: %w", err)
	}
	return s, nil
}

func (s *Scenario) defaults() {
	if s.Door == "" {
		s.Door = DoorOpen
	}
	if s.Platform == "" {
		s.Platform = Meet
	}
	if s.Tracks == "" {
		s.Tracks = TracksOwn
		if s.Platform == Meet && !s.Mixed {
			s.Tracks = TracksShared
		}
	}
	if s.Begin == "" {
		s.Begin = BeginGuest
	}
	if s.NoResponse == 0 {
		s.NoResponse = Duration(10 * time.Minute)
	}
	s.People = append([]Participant(nil), s.People...)
	for i := range s.People {
		if s.People[i].Camera == 0 {
			s.People[i].Camera = i%timecode.MaxParticipant + 1
		}
	}
}

// The platforms whose pages there are.
const (
	Meet  = "meet"
	Teams = "teams"
	Zoom  = "zoom"
)

// What media come on.
const (
	TracksOwn    = "own"
	TracksShared = "shared"
)

var codeShape = regexp.MustCompile(`^[a-z]{3}-[a-z]{4}-[a-z]{3}$`)

func (s *Scenario) check() error {
	if !codeShape.MatchString(s.Code) {
		return fmt.Errorf("code %q is not like abc-defg-hij", s.Code)
	}
	switch s.Door {
	case DoorOpen, DoorAuto, DoorManual, DoorDeny, DoorBlocked, DoorLogin, DoorHost, DoorCaptcha, DoorHang, DoorStrange:
	default:
		return fmt.Errorf("unknown door %q", s.Door)
	}
	if s.Platform != Meet && s.Platform != Teams && s.Platform != Zoom {
		return fmt.Errorf("unknown platform %q", s.Platform)
	}
	switch {
	case s.Tracks != TracksOwn && s.Tracks != TracksShared:
		return fmt.Errorf("unknown tracks %q", s.Tracks)
	case s.Tracks == TracksShared && (s.Platform != Meet || s.Mixed):
		return errors.New("only on the page of meet people share tracks, and not when all is mixed")
	case s.Layers < 0:
		return errors.New("layers change after a negative time")
	}
	if s.Begin != BeginGuest && s.Begin != BeginOpen {
		return fmt.Errorf("unknown begin %q", s.Begin)
	}
	names := map[string]bool{}
	for _, p := range s.People {
		if p.Name == "" || names[p.Name] {
			return fmt.Errorf("participant %q is there twice or has no name", p.Name)
		}
		names[p.Name] = true
	}
	return errors.Join(s.checkTurns(names), s.checkEvents())
}

func (s *Scenario) checkTurns(names map[string]bool) error {
	clips, err := media.Clips()
	if err != nil {
		return err
	}
	for i, t := range s.Turns {
		if !names[t.Who] {
			return fmt.Errorf("turn %d: nobody is called %q", i+1, t.Who)
		}
		if clips[t.Clip] == nil {
			return fmt.Errorf("turn %d: there is no clip %q", i+1, t.Clip)
		}
	}
	return nil
}

func (s *Scenario) checkEvents() error {
	for i, e := range s.Events {
		if !slices.Contains(deeds, e.Do) {
			return fmt.Errorf("event %d: unknown %q; there are %s", i+1, e.Do, strings.Join(deeds, ", "))
		}
	}
	return nil
}
