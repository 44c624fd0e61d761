package meetings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/lab"
)

// scenario is a file: a meeting, and what a bot must make of it.
type scenario struct {
	name    string
	meeting lab.Scenario
	card
	// composeAfter holds the composer back, so that it takes no processor time
	// from a film.
	composeAfter time.Duration
}

// card is the second document of a file.
type card struct {
	Bot    settings `yaml:"bot"`
	Do     []order  `yaml:"do"`
	Expect outcome  `yaml:"expect"`
}

// settings are what a bot is given. Times that are not named are a minute.
type settings struct {
	Name string            `yaml:"name"`
	Mode bot.RecordingMode `yaml:"mode"` // default audio_only
	// Engine is tracks by default, which need no window; pack: that of the platform.
	Engine       bot.Engine   `yaml:"engine"`
	EntryMessage string       `yaml:"entry_message"`
	Query        string       `yaml:"query"` // behind the meeting's URL
	Captions     bool         `yaml:"captions"`
	Screenshots  lab.Duration `yaml:"screenshots"`
	WaitingRoom  lab.Duration `yaml:"waiting_room"`
	NoOneJoined  lab.Duration `yaml:"no_one_joined"`
	Silence      lab.Duration `yaml:"silence"`
	Grace        lab.Duration `yaml:"grace"` // default none
	EveryoneLeft lab.Duration `yaml:"everyone_left"`
	MaxRecording lab.Duration `yaml:"max_recording"`
	// Enter and Tries are the bot's own patience with a page that does not let it
	// ask to join (session.Limits).
	Enter lab.Duration `yaml:"enter"`
	Tries int          `yaml:"tries"`
}

// order is what the bot is told, so long after it has come to a status, and after
// so many gaps: leave, or a bot.CommandKind.
type order struct {
	In    bot.Status   `yaml:"in"`
	Gaps  int          `yaml:"gaps"`
	After lab.Duration `yaml:"after"`
	Tell  string       `yaml:"tell"`
	Text  string       `yaml:"text"`
}

// outcome is what must come of it.
type outcome struct {
	Statuses []bot.Status `yaml:"statuses"` // all, in order, with the last
	End      bot.EndCode  `yaml:"end"`
	Says     string       `yaml:"says"` // in the message of the end, or a note of the journal
	// Artifacts are the kinds of the files, in alphabetical order; "participant_audio 2"
	// is two of a kind, "screenshot +" one or more.
	Artifacts []string `yaml:"artifacts"`
	// Content holds what was recorded against what really happened.
	Content bool `yaml:"content"`
	// Words has it transcribed and holds every word against what was said; it goes
	// with Content.
	Words bool `yaml:"words"`
	// Speakers must be named, and nobody else.
	Speakers []string `yaml:"speakers"`
	Captions int      `yaml:"captions"` // the least number of the platform's lines that are kept
	Gaps     []string `yaml:"gaps"`     // the reasons, in order
	Chat     []string `yaml:"chat"`     // the texts of the chat's file
	Posted   []string `yaml:"posted"`   // what the others got from the bot
	Knocks   int      `yaml:"knocks"`   // how often the bot asked to join; default once
	// Stays is the least time from having been let in to the end.
	Stays    lab.Duration `yaml:"stays"`
	Evidence bool         `yaml:"evidence"` // signals and a picture are kept
}

func readScenarios(t *testing.T) []scenario {
	t.Helper()
	files, err := filepath.Glob("../../lab/scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var list []scenario
	codes := map[string]string{}
	for _, file := range files {
		s, err := readScenario(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if other := codes[s.meeting.Code]; other != "" {
			t.Fatalf("%s has the code of %s", s.name, other)
		}
		codes[s.meeting.Code] = s.name
		list = append(list, s)
	}
	return list
}

func readScenario(file string) (s scenario, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	s.name = strings.TrimSuffix(filepath.Base(file), ".yaml")
	if s.meeting, err = lab.ParseScenario(data); err != nil {
		return s, err
	}
	docs := yaml.NewDecoder(bytes.NewReader(data))
	var first any
	if err := docs.Decode(&first); err != nil {
		return s, err
	}
	docs.KnownFields(true)
	if err := docs.Decode(&s.card); errors.Is(err, io.EOF) {
		return s, errors.New("there is no second document: what a bot must make of it")
	} else if err != nil {
		return s, fmt.Errorf("read what a bot must make of it: %w", err)
	}
	return s, nil
}

// spec is the bot that goes to the meeting at that address.
func (s *scenario) spec(page, host string) bot.Spec {
	b := s.Bot
	spec := bot.Spec{
		BotID: s.name, Name: b.Name, Platform: meeting.Platform(s.meeting.Platform), URL: page, Mode: b.Mode, Engine: b.Engine,
		Captions: b.Captions, EntryMessage: b.EntryMessage, Screenshots: time.Duration(b.Screenshots), Reach: bot.Reach{Hosts: []string{host}},
		Timeouts: bot.Timeouts{
			WaitingRoom: minute(b.WaitingRoom), NoOneJoined: minute(b.NoOneJoined), Silence: minute(b.Silence),
			Grace: time.Duration(b.Grace), EveryoneLeft: minute(b.EveryoneLeft), MaxRecording: minute(b.MaxRecording),
		},
	}
	switch spec.Engine {
	case "":
		spec.Engine = bot.TrackEngine
	case "pack":
		spec.Engine = ""
	}
	if spec.Name == "" {
		spec.Name = "Steno Notes"
	}
	if spec.Mode == "" {
		spec.Mode = bot.AudioOnly
	}
	return spec
}

func minute(d lab.Duration) time.Duration {
	if d == 0 {
		return time.Minute
	}
	return time.Duration(d)
}
