package compose

import (
	"fmt"
	"strings"

	"steno/internal/bot"
)

// The picture. Ticks are frames of the video, from recording time zero.
const (
	width, height = 1280, 720
	fps           = 25
	tickUS        = 1_000_000 / fps
	tickSamples   = rate / fps
)

const (
	dwell     = 45        // ticks that a speaker stays at least: 1.8 s
	greeting  = 2_000_000 // µs from the beginning in which people get known
	mostTiles = 16
	margin    = 8 // pixels between tiles
)

// tile is one person or screen in the picture.
type tile struct {
	x, y, w, h int
	name       string
	alias      string // if the name cannot be written
	order      int    // of the person, for the colour
	eye        *eye   // nil: no video
	plain      bool   // fills the picture: no corners, larger text
	screen     bool   // a shared screen
	speaking   bool   // is marked
	note       string // instead of a person: a message
}

// scene is what is to be seen at a tick.
type scene []tile

// layout tells scenes apart that need the canvas drawn anew; the marks of
// those who speak do not.
func (s scene) layout() string {
	var b strings.Builder
	for _, t := range s {
		id := ""
		if t.eye != nil {
			id = t.eye.t.ID
		}
		fmt.Fprintf(&b, "%d,%d,%d,%d|%s|%d|%s|%t|%s\n", t.x, t.y, t.w, t.h, t.name, t.order, id, t.screen, t.note)
	}
	return b.String()
}

func (s scene) marks() string {
	b := make([]byte, 0, len(s))
	for _, t := range s {
		if t.speaking {
			b = append(b, '1')
		} else {
			b = append(b, '0')
		}
	}
	return string(b)
}

// director decides who is seen, tick by tick. What it knows of each tick
// reaches one second ahead.
type director struct {
	mode  bot.RecordingMode
	story *story
	sound *sound
	eyes  func() []*eye

	cur   *person
	since int64
}

// scene decides tick n. It must be called for every tick in turn.
func (d *director) scene(n int64, tl timeline) scene {
	us := n * tickUS
	for _, g := range tl.within(d.story.gaps, never) {
		if us >= g.from && us < g.to {
			return scene{{w: width, h: height, plain: true, note: "Reconnecting…"}}
		}
	}
	here := d.here(tl.wall(us))
	if len(here) == 0 && us < greeting {
		here = d.here(tl.wall(greeting)) // they are there, only not known yet
	}
	eyes := map[*person]*eye{}
	var screen *eye
	for _, e := range d.eyes() {
		if !e.visible(us+tickUS/2, tl) {
			continue
		}
		if e.t.Screen {
			screen = e
			continue
		}
		if p := e.who(us+tickUS/2, d.story, tl); p != nil && eyes[p] == nil {
			eyes[p] = e
		}
	}
	if d.mode == bot.GalleryView {
		return d.gallery(n, tl, here, eyes, screen)
	}
	return d.speakerView(n, tl, here, eyes, screen)
}

func (d *director) here(wall int64) []*participant {
	return d.story.participants(func(p *person) bool { return p.hereAt(wall) && !p.mix })
}

func (d *director) speakerView(n int64, tl timeline, here []*participant, eyes map[*person]*eye, screen *eye) scene {
	p := d.speaker(n, tl, here, eyes)
	if screen != nil {
		name := "Shared screen"
		if by := screen.who(n*tickUS, d.story, tl); by != nil && by.name != "" {
			name = by.name + " is presenting"
		}
		return scene{{w: width, h: height, plain: true, screen: true, eye: screen, name: name}}
	}
	if p == nil {
		return scene{{w: width, h: height, plain: true, note: "Nobody else is here"}}
	}
	return scene{{w: width, h: height, plain: true, eye: eyes[p.person], name: p.name, alias: p.alias, order: p.order}}
}

// speaker chooses whom the speaker view shows: whoever begins to speak, when
// the one on screen has stopped and has been there for a while.
func (d *director) speaker(n int64, tl timeline, here []*participant, eyes map[*person]*eye) *participant {
	at := n * tickSamples
	soon := d.sound.speech(at, at+rate, tl)
	now := d.sound.speech(at-rate/4, at+rate/2, tl)
	var cur, best, first *participant
	for _, p := range here {
		if p.person == d.cur {
			cur = p
		}
		if now[p.person] > 0 && soon[p.person] > rate*3/10 && (best == nil || soon[p.person] > soon[best.person]) {
			best = p
		}
		if first == nil || eyes[first.person] == nil && eyes[p.person] != nil {
			first = p
		}
	}
	switch {
	case cur == nil && best == nil:
		best = first
	case cur != nil && (best == nil || now[cur.person] > 0 || n-d.since < dwell):
		return cur
	}
	if best != nil && best.person != d.cur {
		d.since = n
		if soon[best.person] == 0 { // shown for want of a speaker: anyone may follow
			d.since = n - dwell
		}
		d.cur = best.person
	}
	return best
}

func (d *director) gallery(n int64, tl timeline, here []*participant, eyes map[*person]*eye, screen *eye) scene {
	at := n * tickSamples
	now := d.sound.speech(at, at+rate/10, tl)
	if len(here) > mostTiles {
		here = d.busiest(here, eyes, now)
	}
	if len(here) == 0 && screen == nil {
		return scene{{w: width, h: height, plain: true, note: "Nobody else is here"}}
	}
	var s scene
	area := tile{w: width, h: height}
	cols := columns(len(here))
	if screen != nil {
		strip := 288
		s = append(s, tile{x: margin, y: margin, w: width - strip - 3*margin, h: height - 2*margin, eye: screen, screen: true, name: "Shared screen"})
		area = tile{x: width - strip - margin, w: strip + margin, h: height}
		cols = 1
		here = here[:min(len(here), 4)]
	}
	rows := (len(here) + cols - 1) / max(cols, 1)
	for i, p := range here {
		t := cell(area, i, len(here), cols, rows)
		t.name, t.alias, t.order, t.eye, t.speaking = p.name, p.alias, p.order, eyes[p.person], now[p.person] > 0
		s = append(s, t)
	}
	return s
}

// busiest keeps those who speak or show something, in their old order.
func (d *director) busiest(here []*participant, eyes map[*person]*eye, now map[*person]int64) []*participant {
	var list []*participant
	for _, want := range []bool{true, false} {
		for _, p := range here {
			if (now[p.person] > 0 || eyes[p.person] != nil) == want && len(list) < mostTiles {
				list = append(list, p)
			}
		}
	}
	return list
}

func columns(n int) int {
	c := 1
	for c*c < n {
		c++
	}
	return c
}

// cell is the place of tile i of n: 16:9, centred in its row, on even pixels.
func cell(area tile, i, n, cols, rows int) tile {
	w := (area.w - margin*(cols+1)) / cols
	h := (area.h - margin*(rows+1)) / rows
	if w*9 > h*16 {
		w = h * 16 / 9
	} else {
		h = w * 9 / 16
	}
	w, h = w&^1, h&^1
	inRow := min(cols, n-i/cols*cols)
	left := area.x + (area.w-inRow*w-(inRow-1)*margin)/2
	top := area.y + (area.h-rows*h-(rows-1)*margin)/2
	return tile{x: (left + i%cols*(w+margin)) &^ 1, y: (top + i/cols*(h+margin)) &^ 1, w: w, h: h}
}
