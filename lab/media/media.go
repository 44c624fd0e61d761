// Package media holds the sounds of the lab: spoken sentences of three clearly
// different voices and a beep, as Opus packets of 20 ms, with the exact
// intervals in which somebody speaks. The files are made by ./generate.
//
// It only reads what is embedded: it plays nothing and keeps no state.
package media

import (
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync"
)

//go:generate go run ./generate

//go:embed clips
var files embed.FS

// Packet timing of every clip.
const (
	SampleRate    = 48000
	PacketSamples = 960 // 20 ms
)

// Silence is an Opus packet of 20 ms of digital silence (RFC 6716: fullband
// CELT, one frame, nothing coded).
var Silence = []byte{0xf8, 0xff, 0xfe}

// Interval is a span in samples at 48 kHz of the sound that was encoded, end
// exclusive: sample 0 is the first that went into the first packet, the one
// that the packet's RTP timestamp names. A decoder gives it out PreSkip samples
// later; a recorder that is exact takes that back.
type Interval struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Clip is one sound.
type Clip struct {
	Name  string `json:"name"`  // "ada-1"
	Voice string `json:"voice"` // "ada"; "beep" for the beep
	Text  string `json:"text"`
	File  string `json:"file"`
	// Activity lists when there is sound: stretches above the threshold of
	// speech, with gaps below 100 ms closed.
	Activity []Interval `json:"activity"`
	// Levels is base64: a byte per packet, its level in -dBov (0 loudest, 127
	// silence) as in RFC 6464.
	Levels string `json:"levels"`

	Packets [][]byte `json:"-"`
	Level   []byte   `json:"-"` // Levels decoded
}

// Samples is the length of the clip in samples at 48 kHz.
func (c *Clip) Samples() int { return len(c.Packets) * PacketSamples }

// Speech returns the span from the first to the last sample of activity.
func (c *Clip) Speech() Interval {
	return Interval{c.Activity[0].Start, c.Activity[len(c.Activity)-1].End}
}

// Word is a word of a clip's text and when it is said.
type Word struct {
	Text string
	Interval
}

// Words shares the clip's time of speech out among the words of its text, by their
// letters.
func (c *Clip) Words() []Word {
	texts := strings.Fields(c.Text)
	letters := len(strings.Join(texts, ""))
	voiced := 0
	for _, a := range c.Activity {
		voiced += a.End - a.Start
	}
	words := make([]Word, len(texts))
	heard := 0
	for i, text := range texts {
		from := c.atVoiced(voiced * heard / letters)
		heard += len(text)
		words[i] = Word{text, Interval{from, c.atVoiced(voiced * heard / letters)}}
	}
	return words
}

// atVoiced is the sample at which so many samples of speech are over.
func (c *Clip) atVoiced(n int) int {
	for _, a := range c.Activity {
		if n <= a.End-a.Start {
			return a.Start + n
		}
		n -= a.End - a.Start
	}
	return c.Samples()
}

// Ogg returns the clip's Ogg file, for decoders.
func (c *Clip) Ogg() ([]byte, error) { return files.ReadFile("clips/" + c.File) }

var load = sync.OnceValues(func() (map[string]*Clip, error) {
	raw, err := files.ReadFile("clips/manifest.json")
	if err != nil {
		return nil, fmt.Errorf("read clip manifest: %w", err)
	}
	var list []*Clip
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("read clip manifest: %w", err)
	}
	clips := map[string]*Clip{}
	for _, c := range list {
		if err := c.read(); err != nil {
			return nil, fmt.Errorf("read clip %s: %w", c.Name, err)
		}
		clips[c.Name] = c
	}
	return clips, nil
})

func (c *Clip) read() error {
	data, err := c.Ogg()
	if err != nil {
		return err
	}
	if c.Packets, err = OggPackets(data); err != nil {
		return err
	}
	if c.Level, err = base64.StdEncoding.DecodeString(c.Levels); err != nil {
		return err
	}
	if len(c.Activity) == 0 || len(c.Level) != len(c.Packets) {
		return fmt.Errorf("manifest does not fit the file: %d levels, %d packets", len(c.Level), len(c.Packets))
	}
	return nil
}

// Clips returns all clips by name. They are shared: do not change them.
func Clips() (map[string]*Clip, error) { return load() }

// Voice returns the clips of one voice, in order of their names.
func Voice(name string) ([]*Clip, error) {
	all, err := load()
	if err != nil {
		return nil, err
	}
	var list []*Clip
	for _, c := range all {
		if c.Voice == name {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// Voices lists the names of the speaking voices.
func Voices() []string { return []string{"ada", "ben", "cora"} }
