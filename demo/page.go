package demo

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// colours of the people in the timeline, in their order.
var colours = []string{"#7cb7ff", "#ffb27c", "#8fdc9c", "#d7a3ff", "#ffd66e", "#7fe0dc"}

// Player is what the page shows: a recording beside its speaker timeline.
type Player struct {
	Title, Subtitle string
	Video, Audio    string // file names beside the page; Video may be empty
	Duration        time.Duration
	People          []Voice
	Gaps            []Span
	Said            []Line
	Facts           []Fact
	Files           []Fact
}

// Voice is a participant with what they said.
type Voice struct {
	Name  string
	File  string // their own audio, if any
	Turns []Span
}

// Span is a stretch of the recording, measured from its beginning.
type Span struct {
	From, To time.Duration
	Label    string
}

// Line is a line of the transcript.
type Line struct {
	At        time.Duration
	Who, Text string
}

// Fact is a line of a table.
type Fact struct{ Name, Value string }

type bar struct {
	Left, Width float64 // per cent of the duration
	Label       string
	Colour      string
}

type jsSpan struct {
	Who  string  `json:"who"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

type lineView struct {
	Line
	Seconds       float64
	Stamp, Colour string
}

type personView struct {
	Name, File, Talk, Colour string
	Turns                    []bar
}

type pageView struct {
	Player
	People  []personView
	Gaps    []bar
	Said    []lineView
	Ticks   []bar
	Seconds float64
	Spans   []jsSpan
}

// Write renders the page. It needs no network and no other file than those it
// names.
func (p Player) Write(w io.Writer) error {
	v := pageView{Player: p, Seconds: p.Duration.Seconds()}
	for i, person := range p.People {
		colour := colours[i%len(colours)]
		pv := personView{Name: person.Name, File: person.File, Colour: colour}
		var talk time.Duration
		for _, t := range person.Turns {
			talk += t.To - t.From
			b := p.bar(t)
			b.Colour = colour
			pv.Turns = append(pv.Turns, b)
			v.Spans = append(v.Spans, jsSpan{person.Name, t.From.Seconds(), t.To.Seconds()})
		}
		pv.Talk = stamp(talk)
		v.People = append(v.People, pv)
	}
	for _, g := range p.Gaps {
		v.Gaps = append(v.Gaps, p.bar(g))
	}
	for _, l := range p.Said {
		colour := ""
		for _, person := range v.People {
			if person.Name == l.Who {
				colour = person.Colour
			}
		}
		v.Said = append(v.Said, lineView{l, l.At.Seconds(), stamp(l.At), colour})
	}
	step := max(p.Duration/8, time.Second).Round(5 * time.Second)
	for at := time.Duration(0); step > 0 && at <= p.Duration; at += step {
		v.Ticks = append(v.Ticks, bar{Left: p.percent(at), Label: stamp(at)})
	}
	return page.Execute(w, v)
}

func (p Player) bar(s Span) bar {
	return bar{Left: p.percent(s.From), Width: p.percent(s.To) - p.percent(s.From), Label: s.Label}
}

func (p Player) percent(at time.Duration) float64 {
	if p.Duration <= 0 {
		return 0
	}
	return 100 * at.Seconds() / p.Duration.Seconds()
}

func stamp(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
