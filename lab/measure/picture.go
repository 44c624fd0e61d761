package measure

import (
	"context"
	"math"

	"steno/lab"
	"steno/lab/timecode"
)

const (
	// A tile that stands still for longer is frozen.
	holdLimit = 0.15
	// A frame cannot be this far from its time: the code was misread.
	absurd = 5.0
	// How often a picture without any known code is searched, in frames, and
	// how often one with some.
	searchBlind, searchSeen = 5, 90
)

// seen is the first appearance of a camera's frame in the video.
type seen struct {
	at    float64 // in the file, seconds
	name  string
	delay float64 // seconds
}

// watcher follows the tiles through the video.
type watcher struct {
	m      *measurer
	report *Picture
	places []timecode.Place
	firsts []seen
	tiles  map[int]*tileState // by participant number
	n      int
	last   int // frame of the last search
	prev   float64
	end    float64
	frozen float64
	shown  float64
}

type tileState struct {
	frame int
	since float64 // when that frame appeared
	at    float64 // when the tile was last seen
}

func (m *measurer) video(ctx context.Context, r *Report) error {
	if m.rec.Video == "" {
		return nil
	}
	w := &watcher{m: m, report: &Picture{ShownS: map[string]float64{}}, tiles: map[int]*tileState{}, last: -searchBlind, prev: -1}
	if err := m.decoder.video(ctx, m.rec.Video, w.look); err != nil {
		return err
	}
	p := w.finish()
	r.Video = p
	pcm, err := m.decoder.audio(ctx, m.rec.Video)
	if err != nil {
		return err
	}
	m.until(r, seconds(math.Max(w.end, float64(len(pcm))/rate)))
	sound, hits, err := m.sound(ctx, pcm, "", m.end(r))
	if err != nil {
		return err
	}
	p.Sound = sound
	p.AV = sync(hits, w.firsts, m.rec.EpochUS)
	return nil
}

// look reads the codes of one frame.
func (w *watcher) look(s shot) error {
	found := w.read(s.pic)
	if w.n++; len(found) > 0 {
		w.report.Coded++
	}
	for id, f := range found {
		w.note(id, f.Frame, s.at)
	}
	w.prev, w.end = s.at, s.at
	return nil
}

func (w *watcher) read(pic timecode.Picture) map[int]timecode.Found {
	found := map[int]timecode.Found{}
	for _, p := range w.places {
		if c, ok := pic.Read(p); ok {
			found[c.Participant] = timecode.Found{Code: c, Place: p}
		}
	}
	age := w.n - w.last
	if age < searchBlind || len(found) > 0 && age < searchSeen {
		return found
	}
	w.last = w.n
	for _, f := range pic.Locate(0.19, 1.6) {
		if _, known := found[f.Participant]; !known {
			w.places = append(w.places, f.Place)
			found[f.Participant] = f
		}
	}
	return found
}

// note takes a reading into account.
func (w *watcher) note(participant, frame int, at float64) {
	run, ok := w.run(participant, at)
	now := w.m.rec.EpochUS + int64(at*1e6)
	if !ok || now < w.m.o.FromUS || w.m.o.ToUS != 0 && now >= w.m.o.ToUS {
		return
	}
	sent, ok := run.FrameTime(frame, now+int64(run.Loop)*1e6/int64(run.FPS)/2)
	delay := float64(now-sent) / 1e6
	if !ok || math.Abs(delay) > absurd {
		return
	}
	name := w.m.nameOf(run.Person)
	t := w.tiles[participant]
	gap := at - w.prev
	if t == nil || at-t.at > 0.5 {
		w.tiles[participant] = &tileState{frame, at, at}
		return // it may have been there in an earlier frame of the loop
	}
	w.report.ShownS[name] += gap
	w.shown += gap
	if t.frame != frame {
		w.firsts = append(w.firsts, seen{at, name, delay})
		t.frame, t.since = frame, at
	} else if at-t.since > holdLimit {
		w.frozen += gap
		if at-t.since-gap <= holdLimit {
			w.frozen += holdLimit
		}
	}
	t.at = at
}

// run finds the stretch of video that a camera was sending at a time.
func (w *watcher) run(participant int, at float64) (lab.VideoRun, bool) {
	now := w.m.rec.EpochUS + int64(at*1e6)
	for _, v := range w.m.truth.Video {
		if v.Camera == participant && v.StartUS <= now+1e6 && (v.EndUS == 0 || v.EndUS+2e6 >= now) {
			return v, true
		}
	}
	return lab.VideoRun{}, false
}

func (m *measurer) nameOf(id string) string {
	for _, p := range m.truth.People {
		if p.ID == id {
			return p.Name
		}
	}
	return id
}

func (w *watcher) finish() *Picture {
	p := w.report
	p.Frames = w.n
	if w.end > 0 && w.n > 1 {
		p.FPS = float64(w.n-1) / w.end
		w.end += 1 / p.FPS
	}
	var delays []float64
	for _, s := range w.firsts {
		delays = append(delays, s.delay*1000)
	}
	if len(delays) > 0 {
		p.OffsetMS = median(delays)
	}
	if w.shown > 0 {
		p.FrozenRatio = w.frozen / w.shown
	}
	return p
}

// sync compares picture and sound around each utterance.
func sync(hits []hit, firsts []seen, epochUS int64) *Sync {
	var x, y []float64
	for _, h := range hits {
		if !h.found {
			continue
		}
		from, to := float64(h.said.StartUS-epochUS)/1e6, float64(h.said.EndUS-epochUS)/1e6
		var delays []float64
		for _, s := range firsts {
			if s.at >= from && s.at < to {
				delays = append(delays, s.delay)
			}
		}
		if len(delays) >= 5 {
			x, y = append(x, from), append(y, (median(delays)-h.offset)*1000)
		}
	}
	if len(y) == 0 {
		return nil
	}
	s := &Sync{Samples: len(y), MedianMS: median(y), DriftMS: drift(x, y)}
	for _, v := range y {
		s.MaxMS = math.Max(s.MaxMS, math.Abs(v))
	}
	return s
}
