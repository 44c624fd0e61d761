package stream

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// dialect is how one service is spoken to.
type dialect interface {
	// dial returns what is opened, and with which headers. base is another address
	// than the real one, or empty; partial wants sentences that go on told, too.
	dial(base, key string, partial bool) (string, map[string][]string)
	listen() listening
	// bye says that no more audio comes.
	bye() string
	// why turns the end of a connection into errTold, errRefused or what may pass.
	why(err error) error
}

// listening takes the messages of one connection.
type listening interface {
	// take returns what was said, if the message completes it; told: the service has
	// told all.
	take(message []byte) (s *said, told bool)
	// soFar is what was said and not completed; nil: nothing.
	soFar() *said
	// rest is that of it which the service will not take back, at the end of the
	// connection.
	rest() *said
}

// pending is what was said and not completed.
type pending struct{ open *said }

func (p *pending) soFar() *said { return p.open }

func (p *pending) rest() *said {
	s := p.open
	p.open = nil
	return s
}

var dialects = map[string]dialect{"deepgram": deepgram{}, "assemblyai": assemblyai{}}

func address(base, real, path string, query url.Values) string {
	if base == "" {
		base = real
	}
	return "ws" + strings.TrimPrefix(strings.TrimRight(base, "/"), "http") + path + "?" + query.Encode()
}

// deepgram is Deepgram's Live Audio, as developers.deepgram.com/reference/
// speech-to-text/listen-streaming describes it.
type deepgram struct{}

func (deepgram) dial(base, key string, partial bool) (string, map[string][]string) {
	q := url.Values{
		"model": {"nova-3"}, "language": {"multi"}, "smart_format": {"true"}, "endpointing": {"500"},
		"encoding": {"linear16"}, "sample_rate": {strconv.Itoa(earRate)}, "channels": {"1"},
	}
	if partial {
		q.Set("interim_results", "true")
	}
	return address(base, "https://api.deepgram.com", "/v1/listen", q), map[string][]string{"Authorization": {"Token " + key}}
}

func (deepgram) bye() string       { return `{"type":"CloseStream"}` }
func (deepgram) listen() listening { return &deepgramEar{} }
func (deepgram) why(err error) error {
	if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
		return errTold
	}
	return err
}

// deepgramEar gathers final results until somebody pauses.
type deepgramEar struct {
	pending
	guess *said // what the service hears behind them so far
}

func (d *deepgramEar) soFar() *said {
	if d.open == nil || d.guess == nil {
		return cmp.Or(d.open, d.guess)
	}
	return &said{text: d.open.text + " " + d.guess.text, language: cmp.Or(d.guess.language, d.open.language), from: d.open.from, to: d.guess.to}
}

func (d *deepgramEar) take(message []byte) (*said, bool) {
	var m struct {
		Type        string  `json:"type"`
		Start       float64 `json:"start"`
		Duration    float64 `json:"duration"`
		IsFinal     bool    `json:"is_final"`
		SpeechFinal bool    `json:"speech_final"`
		Channel     struct {
			Alternatives []struct {
				Transcript string   `json:"transcript"`
				Languages  []string `json:"languages"`
				Words      []struct {
					Start float64 `json:"start"`
					End   float64 `json:"end"`
				} `json:"words"`
			} `json:"alternatives"`
		} `json:"channel"`
	}
	if json.Unmarshal(message, &m) != nil || m.Type != "Results" {
		return nil, m.Type == "Metadata" // after CloseStream it is the last message
	}
	d.guess = nil
	if list := m.Channel.Alternatives; len(list) > 0 && list[0].Transcript != "" {
		from, to := m.Start, m.Start+m.Duration
		if w := list[0].Words; len(w) > 0 {
			from, to = w[0].Start, w[len(w)-1].End
		}
		d.guess = &said{text: list[0].Transcript, from: seconds(from), to: seconds(to)}
		if len(list[0].Languages) > 0 {
			d.guess.language = list[0].Languages[0]
		}
	}
	if !m.IsFinal {
		return nil, false
	}
	d.open, d.guess = d.soFar(), nil
	if m.SpeechFinal || d.open != nil && d.open.to-d.open.from > 20*time.Second {
		return d.rest(), false
	}
	return nil, false
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// assemblyai is AssemblyAI's Universal Streaming (v3), as assemblyai.com/docs/
// streaming describes it.
type assemblyai struct{}

func (assemblyai) dial(base, key string, _ bool) (string, map[string][]string) {
	q := url.Values{
		"speech_model": {"universal-streaming-multilingual"}, "format_turns": {"true"}, "language_detection": {"true"},
		"encoding": {"pcm_s16le"}, "sample_rate": {strconv.Itoa(earRate)},
	}
	// Streams have hosts of their own, one for each region.
	base = strings.Replace(base, "://api.", "://streaming.", 1)
	return address(base, "https://streaming.assemblyai.com", "/v3/ws", q), map[string][]string{"Authorization": {key}}
}

func (assemblyai) bye() string       { return `{"type":"Terminate"}` }
func (assemblyai) listen() listening { return &assemblyEar{} }

// why: 1008 is an account that may not do this, or that has too many sessions,
// which passes.
func (assemblyai) why(err error) error {
	var closed websocket.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	switch {
	case closed.Code == websocket.StatusNormalClosure:
		return errTold
	case closed.Code == websocket.StatusPolicyViolation && !strings.Contains(closed.Reason, "concurrent"):
		return fmt.Errorf("%w: %s", errRefused, closed.Reason)
	}
	return fmt.Errorf("closed with %d: %s", closed.Code, closed.Reason)
}

// assemblyEar waits for turns in their final form.
type assemblyEar struct{ pending }

func (a *assemblyEar) take(message []byte) (*said, bool) {
	var m struct {
		Type       string `json:"type"`
		EndOfTurn  bool   `json:"end_of_turn"`
		Formatted  bool   `json:"turn_is_formatted"`
		Transcript string `json:"transcript"`
		Language   string `json:"language_code"`
		Words      []struct {
			Start int64 `json:"start"`
			End   int64 `json:"end"`
		} `json:"words"`
	}
	if json.Unmarshal(message, &m) != nil || m.Type != "Turn" {
		return nil, m.Type == "Termination"
	}
	a.open = nil
	if len(m.Words) == 0 || m.Transcript == "" {
		return nil, false
	}
	a.open = &said{text: m.Transcript, language: m.Language,
		from: time.Duration(m.Words[0].Start) * time.Millisecond, to: time.Duration(m.Words[len(m.Words)-1].End) * time.Millisecond}
	if m.EndOfTurn && m.Formatted {
		return a.rest(), false
	}
	return nil, false
}
