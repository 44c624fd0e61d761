package transcript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
)

// Head stands at the beginning of both transcription files.
type Head struct {
	BotID     string
	Provider  string
	CreatedAt time.Time
}

// seconds is a time as the files have it.
type seconds time.Duration

func (s seconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%g", math.Round(time.Duration(s).Seconds()*1000)/1000), nil
}

type wordJSON struct {
	Word       string  `json:"word"`
	Start      seconds `json:"start"`
	End        seconds `json:"end"`
	Confidence float64 `json:"confidence"`
}

type utteranceJSON struct {
	Text       string     `json:"text"`
	Language   string     `json:"language"`
	Start      seconds    `json:"start"`
	End        seconds    `json:"end"`
	Confidence float64    `json:"confidence"`
	Channel    int        `json:"channel"`
	Speaker    any        `json:"speaker"` // a name; in the raw file the service's number
	Words      []wordJSON `json:"words"`
}

func toJSON(u Utterance, speaker any) utteranceJSON {
	out := utteranceJSON{Text: u.Text(), Language: u.Language, Start: seconds(u.Start), End: seconds(u.End),
		Confidence: certainty(u.Confidence), Channel: u.Channel, Speaker: speaker, Words: make([]wordJSON, len(u.Words))}
	for i, w := range u.Words {
		out.Words[i] = wordJSON{w.Text, seconds(w.Start), seconds(w.End), certainty(w.Confidence)}
	}
	return out
}

// certainty is a confidence that JSON can hold.
func certainty(c float64) float64 {
	if !(c > 0) { // also NaN
		return 0
	}
	return math.Round(min(c, 1)*10000) / 10000
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// list writes a JSON document that has one long list in it.
type list struct {
	w   io.Writer
	n   int
	err error
}

func (l *list) text(format string, args ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format, args...)
	}
}

func (l *list) value(v any) {
	b, err := encode(v)
	if l.err == nil {
		l.err = err
	}
	l.text("%s", b)
}

func (l *list) item(v any) {
	if l.n++; l.n > 1 {
		l.text(",\n")
	}
	l.value(v)
}

func (l *list) done(what string) error {
	if l.err != nil {
		return fmt.Errorf("write %s: %w", what, l.err)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// processed writes output_transcription.json.
type processed struct{ list }

// NewProcessed returns the sink that writes the transcription artifact.
func NewProcessed(w io.Writer, h Head) Sink {
	p := &processed{list{w: w}}
	p.text(`{"bot_id":`)
	p.value(h.BotID)
	p.text(`,"provider":`)
	p.value(h.Provider)
	p.text(`,"created_at":"%s","result":{"utterances":[`, stamp(h.CreatedAt))
	return p
}

func (p *processed) Put(u Utterance) error {
	p.item(toJSON(u, u.Speaker))
	return p.done("transcription")
}

func (p *processed) Close(t Totals) error {
	p.text(`],"languages":`)
	p.value(append([]string{}, t.Languages...))
	p.text(`,"total_utterances":%d,"total_duration":`, t.Utterances)
	p.value(seconds(t.Duration))
	p.text("}}\n")
	return p.done("transcription")
}

// Raw writes raw_transcription.json: what the service said of each chunk, with
// its own times, and under "source" whose audio it was and where its pieces lie
// in the recording.
type Raw struct{ list }

// NewRaw begins the file.
func NewRaw(w io.Writer, h Head) *Raw {
	r := &Raw{list{w: w}}
	r.text(`{"bot_id":`)
	r.value(h.BotID)
	r.text(`,"created_at":"%s","transcriptions":[`, stamp(h.CreatedAt))
	return r
}

type pieceJSON struct {
	At   seconds `json:"at"`
	From seconds `json:"from"`
	To   seconds `json:"to"`
}

type sourceJSON struct {
	Channel int         `json:"channel"`
	Speaker *string     `json:"speaker"`
	Pieces  []pieceJSON `json:"pieces"`
}

// Put adds the answer about a chunk. raw is an object, as in Result.Raw.
func (r *Raw) Put(s Source, c Clock, raw json.RawMessage) error {
	src := sourceJSON{Channel: s.Channel, Pieces: make([]pieceJSON, len(c))}
	if s.Speaker != "" {
		src.Speaker = &s.Speaker
	}
	for i, p := range c {
		src.Pieces[i] = pieceJSON{seconds(p.At), seconds(p.From), seconds(p.To)}
	}
	b, err := encode(src)
	if err != nil {
		return fmt.Errorf("write raw transcription: %w", err)
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '{' || raw[len(raw)-1] != '}' {
		return fmt.Errorf("write raw transcription: the service's answer is no object")
	}
	if r.n++; r.n > 1 {
		r.text(",\n")
	}
	r.text(`{"source":%s`, b)
	if rest := bytes.TrimSpace(raw[1:]); rest[0] != '}' {
		r.text(",")
	}
	r.text("%s", raw[1:])
	return r.done("raw transcription")
}

// Close ends the file.
func (r *Raw) Close() error {
	r.text("]}\n")
	return r.done("raw transcription")
}

// RawOf writes a result in the form of the raw file's entries, for services
// that have another. payload is the service's own answer.
func RawOf(res Result, took time.Duration, payload json.RawMessage) (json.RawMessage, error) {
	type metadata struct {
		Duration seconds `json:"audio_duration"`
		Channels int     `json:"number_of_distinct_channels"`
		Billed   seconds `json:"billing_time"`
		Took     seconds `json:"transcription_time"`
	}
	type transcription struct {
		Text       string          `json:"full_transcript"`
		Languages  []string        `json:"languages"`
		Utterances []utteranceJSON `json:"utterances"`
	}
	t := transcription{Languages: append([]string{}, res.Languages...), Utterances: []utteranceJSON{}}
	put := func(u Utterance, ok bool) {
		if !ok {
			return
		}
		one := toJSON(u, max(u.Words[0].Voice, 0))
		if t.Text != "" {
			t.Text += " "
		}
		t.Text += one.Text
		t.Utterances = append(t.Utterances, one)
	}
	s := splitter{}
	for _, w := range res.Words {
		put(s.add(w, fmt.Sprint(w.Voice)))
	}
	put(s.end())
	return encode(struct {
		Metadata      metadata        `json:"metadata"`
		Transcription transcription   `json:"transcription"`
		Payload       json.RawMessage `json:"payload"`
	}{metadata{seconds(res.Duration), 1, seconds(res.Duration), seconds(took)}, t, payload})
}
