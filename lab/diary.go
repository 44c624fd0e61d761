package lab

import (
	"sync"
	"time"

	"steno/lab/footage"
	"steno/lab/media"
)

// diary collects the Truth of a meeting while it happens.
type diary struct {
	mu     sync.Mutex
	truth  Truth
	people []*TruePerson
	saying []*Utterance
	films  []*VideoRun
	lines  []TrueCaption // by number, from 1
}

func (d *diary) snapshot() Truth {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.truth
	for _, p := range d.people {
		t.People = append(t.People, *p)
	}
	for _, u := range d.saying {
		c := *u
		c.Activity = append([]Span(nil), u.Activity...)
		t.Said = append(t.Said, c)
	}
	t.Captions = append(t.Captions, d.lines...)
	for _, v := range d.films {
		t.Video = append(t.Video, *v)
	}
	return t
}

func (d *diary) begun(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.truth.BeginUS = us(at)
}

func (d *diary) ended(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.truth.EndUS == 0 {
		d.truth.EndUS = us(at)
	}
}

func (d *diary) joined(p *person, at time.Time) *TruePerson {
	d.mu.Lock()
	defer d.mu.Unlock()
	tp := &TruePerson{ID: p.id, Name: p.Name, JoinUS: us(at)}
	if p.video != nil {
		tp.Camera = p.Camera
	}
	d.people = append(d.people, tp)
	return tp
}

func (d *diary) left(tp *TruePerson, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tp.LeaveUS = us(at)
}

func (d *diary) late(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.truth.MaxLateUS = max(d.truth.MaxLateUS, by.Microseconds())
}

// says notes an utterance that begins at a moment, as if it were said to its
// end; said corrects that.
func (d *diary) says(p *person, c *media.Clip, at time.Time) *Utterance {
	start := us(at)
	sample := func(n int) int64 { return start + int64(n)*1e6/media.SampleRate }
	u := &Utterance{Person: p.id, Name: p.Name, Clip: c.Name, StartUS: start, EndUS: sample(c.Samples())}
	for _, a := range c.Activity {
		u.Activity = append(u.Activity, Span{sample(a.Start), sample(a.End)})
	}
	u.FirstUS, u.LastUS = u.Activity[0].FromUS, u.Activity[len(u.Activity)-1].ToUS
	d.mu.Lock()
	defer d.mu.Unlock()
	d.saying = append(d.saying, u)
	return u
}

// said cuts an utterance that ended before its clip.
func (d *diary) said(u *Utterance, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	end := us(at)
	if end >= u.EndUS {
		return
	}
	u.EndUS, u.LastUS = end, min(u.LastUS, end)
	var kept []Span
	for _, s := range u.Activity {
		if s.ToUS = min(s.ToUS, end); s.ToUS > s.FromUS {
			kept = append(kept, s)
		}
	}
	u.Activity = kept
}

// endOf is when an utterance ends, as far as is known now.
func (d *diary) endOf(u *Utterance) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return u.EndUS
}

// captioned notes how a line of captions stands.
func (d *diary) captioned(l caption, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.lines) < l.ID {
		d.lines = append(d.lines, TrueCaption{FromUS: us(at)})
	}
	c := &d.lines[l.ID-1]
	c.Person, c.Name, c.Text, c.ToUS = l.From, l.Name, l.Text, us(at)
}

func (d *diary) filming(p *person, at time.Time) *VideoRun {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := &VideoRun{Person: p.id, Camera: p.Camera, StartUS: us(at), FPS: footage.FPS, Loop: len(p.film)}
	d.films = append(d.films, v)
	return v
}

func (d *diary) filmed(v *VideoRun, at time.Time) {
	if v == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	v.EndUS = us(at)
}
