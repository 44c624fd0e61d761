package transcript

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// A cue is what is shown at a time: two lines that can be read.
const (
	cueLength = 7 * time.Second
	cueRunes  = 84
)

// cues cuts an utterance into what can be shown at a time.
func cues(u Utterance) []Utterance {
	var list []Utterance
	from, runes := 0, 0
	cut := func(to int) {
		if to > from {
			c := u
			c.Words = u.Words[from:to]
			c.Start, c.End = c.Words[0].Start, c.Words[len(c.Words)-1].End
			if c.End <= c.Start { // a cue of no length is not shown
				c.End = c.Start + 100*time.Millisecond
			}
			list = append(list, c)
		}
		from, runes = to, 0
	}
	for i, w := range u.Words {
		n := utf8.RuneCountInString(w.Text) + 1
		if i > from && (runes+n > cueRunes || w.End-u.Words[from].Start > cueLength) {
			cut(i)
		}
		runes += n
	}
	cut(len(u.Words))
	return list
}

// clockTime is a time of a cue; mark stands before the milliseconds.
func clockTime(t time.Duration, mark string) string {
	ms := t.Round(time.Millisecond).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, mark, ms%1000)
}

// oneLine leaves no line ends, which would end a cue, and no other control
// characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
}

// vttText keeps what was said from being read as markup, or as the arrow
// between times.
var vttText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

type vtt struct {
	w     io.Writer
	begun bool
}

// NewVTT returns a sink that writes WebVTT, with the speakers as voices.
func NewVTT(w io.Writer) Sink { return &vtt{w: w} }

func (v *vtt) begin() (err error) {
	if !v.begun {
		v.begun = true
		_, err = io.WriteString(v.w, "WEBVTT\n")
	}
	return err
}

func (v *vtt) Put(u Utterance) error {
	err := v.begin()
	for _, c := range cues(u) {
		if err != nil {
			break
		}
		_, err = fmt.Fprintf(v.w, "\n%s --> %s\n<v %s>%s</v>\n", clockTime(c.Start, "."), clockTime(c.End, "."),
			vttText.Replace(oneLine(c.Speaker)), vttText.Replace(oneLine(c.Text())))
	}
	return wrote("WebVTT", err)
}

func (v *vtt) Close(Totals) error { return wrote("WebVTT", v.begin()) }

type srt struct {
	w io.Writer
	n int
}

// NewSRT returns a sink that writes SubRip subtitles, each with its speaker.
func NewSRT(w io.Writer) Sink { return &srt{w: w} }

func (s *srt) Put(u Utterance) error {
	for _, c := range cues(u) {
		s.n++
		if _, err := fmt.Fprintf(s.w, "%d\n%s --> %s\n%s: %s\n\n", s.n, clockTime(c.Start, ","), clockTime(c.End, ","), oneLine(c.Speaker), oneLine(c.Text())); err != nil {
			return wrote("SRT", err)
		}
	}
	return nil
}

func (s *srt) Close(Totals) error { return nil }

type plain struct {
	w       io.Writer
	speaker string
	begun   bool
}

// NewText returns a sink that writes plain text: a paragraph for each turn, with
// the time and the speaker before it.
func NewText(w io.Writer) Sink { return &plain{w: w} }

func (p *plain) Put(u Utterance) (err error) {
	text := oneLine(u.Text())
	switch {
	case p.begun && p.speaker == u.Speaker:
		_, err = fmt.Fprintf(p.w, " %s", text)
	case p.begun:
		_, err = fmt.Fprintf(p.w, "\n\n[%s] %s: %s", clockTime(u.Start, ".")[:8], oneLine(u.Speaker), text)
	default:
		_, err = fmt.Fprintf(p.w, "[%s] %s: %s", clockTime(u.Start, ".")[:8], oneLine(u.Speaker), text)
	}
	p.begun, p.speaker = true, u.Speaker
	return wrote("text", err)
}

func (p *plain) Close(Totals) (err error) {
	if p.begun {
		_, err = io.WriteString(p.w, "\n")
	}
	return wrote("text", err)
}

func wrote(what string, err error) error {
	if err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}
