package compose

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"steno/internal/record/speakers"
)

// late is how much later than the rest a packet may arrive and still be heard,
// µs; lookahead of it is needed to know the time of the others.
const late = 6_000_000

// idleAfter is the silence, in samples, after which a decoder is closed.
const idleAfter = 60 * rate

// sound makes everything that is heard: the mix, the people's own files, and
// who speaks when.
type sound struct {
	folder, work, ffmpeg string
	log                  *slog.Logger
	story                *story

	voices []*voice
	byID   map[string]*voice
	mix    *mixer
	files  map[*person]*oggFile
	raws   map[*person]*rawFile
	lags   map[*track]lags // of what the page shows, once all is known

	ahead []owned // packets for the people's files that are not settled yet
}

// owned is a packet with the track that it came on.
type owned struct {
	t *track
	p packet
}

// newSound makes a mix with the encoders of m.
func newSound(o Options, s *story, work string, m *mixer) *sound {
	return &sound{
		folder: o.Folder, work: work, ffmpeg: o.FFmpeg, log: o.Log, story: s,
		byID: map[string]*voice{}, mix: m, files: map[*person]*oggFile{}, raws: map[*person]*rawFile{},
		lags: map[*track]lags{},
	}
}

// step settles all sound up to a wall time. What arrived up to late after it
// is taken into account.
func (s *sound) step(ctx context.Context, until int64) error {
	s.join()
	tl := s.story.timeline()
	us, _ := tl.rec(until)
	to := max(us, 0) * rate / 1_000_000
	for _, v := range s.voices {
		if err := s.voice(ctx, v, until, to, tl); err != nil {
			return err
		}
	}
	if err := s.write(until); err != nil {
		return err
	}
	return s.mix.settle(to)
}

// write puts the packets up to a wall time into the people's files, in order: a
// person may pass from track to track.
func (s *sound) write(until int64) error {
	slices.SortStableFunc(s.ahead, func(a, b owned) int { return cmp.Compare(a.p.wall, b.p.wall) })
	n := 0
	for n < len(s.ahead) && s.ahead[n].p.wall <= until {
		if err := s.keep(s.ahead[n].t, &s.ahead[n].p); err != nil {
			return err
		}
		n++
	}
	s.ahead = slices.Delete(s.ahead, 0, n)
	return nil
}

// join adds the tracks that are new.
func (s *sound) join() {
	for _, t := range s.story.tracks {
		if t.Kind != "audio" || s.byID[t.ID] != nil {
			continue
		}
		v := newVoice(s.folder, t)
		s.byID[t.ID] = v
		if !strings.EqualFold(t.Codec, "opus") && !v.raw {
			s.log.Warn("audio track left out", "track", t.ID, "codec", t.Codec)
			continue
		}
		s.voices = append(s.voices, v)
	}
}

func (s *sound) voice(ctx context.Context, v *voice, until, to int64, tl timeline) error {
	if err := v.read(until + late); err != nil {
		return fmt.Errorf("read track %s: %w", v.t.ID, err)
	}
	v.place(until+late-lookahead, tl, func(p *packet) { s.ahead = append(s.ahead, owned{v.t, *p}) })
	var werr error
	err := v.decode(ctx, s.log, s.ffmpeg)
	if err == nil {
		err = v.push(to)
	}
	if err == nil {
		err = v.take(ctx, to, func(at int64, pcm []int16, p *packet) {
			s.mix.add(at, pcm)
			if v.t.Screen {
				return
			}
			v.hear(at, pcm, p)
			if v.raw && werr == nil {
				werr = s.keepRaw(ctx, v.t, at, pcm, p)
			}
		})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if werr != nil {
		return werr
	}
	if err != nil {
		// One voice that cannot be decoded must not take the others with it.
		s.log.Error("decoder failed; its sound of these seconds is missing", "track", v.t.ID, "err", err)
		v.reset()
	}
	v.settle(to, false)
	if v.dec != nil && v.idle() && to-v.cursor > idleAfter {
		v.reset()
	}
	return nil
}

// keep writes a packet to the file of the person who said it.
func (s *sound) keep(t *track, p *packet) error {
	if t.Screen || t.Codec == "pcm" {
		return nil
	}
	who := s.story.who(t, p.wall, source(p.CSRCs))
	if who == nil || who.self {
		return nil
	}
	f := s.files[who]
	if f == nil {
		channels := 1
		if p.Payload[0]&4 != 0 {
			channels = 2
		}
		var err error
		f, err = newOggFile(filepath.Join(s.work, fmt.Sprintf("person-%d.opus", who.order)), channels)
		if err != nil {
			return err
		}
		s.files[who] = f
	}
	return f.put(t, p)
}

// keepRaw writes samples to the file of the person who said them.
func (s *sound) keepRaw(ctx context.Context, t *track, at int64, pcm []int16, p *packet) error {
	who := s.speaker(t, source(p.CSRCs), p.wall)
	if who == nil {
		return nil
	}
	f := s.raws[who]
	if f == nil {
		var err error
		f, err = newRawFile(ctx, s.log, s.ffmpeg, filepath.Join(s.work, fmt.Sprintf("person-%d-raw.opus", who.order)))
		if err != nil {
			return err
		}
		s.raws[who] = f
	}
	return f.put(at, pcm)
}

// hasFile reports whether a person has a file of their own.
func (s *sound) hasFile(p *person) bool {
	return !p.mix && (s.files[p] != nil || s.raws[p] != nil)
}

// speech adds up how long each person speaks within a stretch of recording
// time, in samples, of the turns that are known and of those that go on.
func (s *sound) speech(from, to int64, tl timeline) map[*person]int64 {
	sum := map[*person]int64{}
	for _, v := range s.voices {
		for _, vt := range v.turns {
			n := overlap(vt, from, to)
			if n == 0 {
				continue
			}
			who := s.speaker(v.t, vt.csrc, tl.wall(from*1_000_000/rate))
			if who == nil {
				continue
			}
			if said := s.mixture(v.t, who, vt.within(from, to), tl); said != nil {
				for p, list := range said {
					for _, t := range list {
						sum[p] += max(min(t.To, to)-max(t.From, from), 0)
					}
				}
				continue
			}
			sum[who] += n
		}
	}
	return sum
}

func overlap(vt *voiceTurns, from, to int64) (n int64) {
	for _, t := range vt.within(from, to) {
		n += min(t.To, to) - max(t.From, from)
	}
	return n
}

// within lists the turns that reach into a stretch of time, the one that goes
// on among them.
func (vt *voiceTurns) within(from, to int64) (list []speakers.Turn) {
	if open, ok := vt.det.Open(); ok && open.From < to && open.To > from {
		list = append(list, open)
	}
	for i := len(vt.done) - 1; i >= 0 && vt.done[i].To > from; i-- {
		if vt.done[i].From < to {
			list = append(list, vt.done[i])
		}
	}
	return list
}

func (s *sound) speaker(t *track, csrc uint32, wall int64) *person {
	if p := s.story.who(t, wall, csrc); p != nil && !p.self {
		return p
	}
	return nil
}

// turns returns who spoke when in the whole recording, in samples.
func (s *sound) turns(end int64) map[*person][]speakers.Turn {
	tl := s.story.timeline()
	all := map[*person][]speakers.Turn{}
	for _, v := range s.voices {
		v.settle(end, true)
		if !v.t.Screen && v.turns[0] != nil && len(v.t.binds) == 0 {
			s.lags[v.t] = s.measureLags(v.turns[0].done, tl)
		}
		s.adopt(v, tl)
		for _, vt := range v.turns {
			for _, t := range vt.done {
				for _, part := range v.split(vt.csrc, t, s.story, end) {
					who := s.speaker(v.t, vt.csrc, tl.wall(part.From*1_000_000/rate))
					if who == nil {
						continue
					}
					said := s.mixture(v.t, who, []speakers.Turn{part}, tl)
					if said == nil {
						said = map[*person][]speakers.Turn{who: {part}}
					}
					for p, list := range said {
						all[p] = append(all[p], list...)
					}
				}
			}
		}
	}
	for p, list := range all {
		all[p] = speakers.Union(list)
	}
	return all
}

func (s *sound) close() {
	for _, v := range s.voices {
		v.close()
	}
	if s.mix.c != nil {
		s.mix.c.kill()
	}
	for _, f := range s.files {
		f.f.Close()
	}
	for _, f := range s.raws {
		f.c.kill()
	}
}

// misattributed lists those whose files are wrong because a binding came late:
// who has packets of another's, and whose they are.
func (s *sound) misattributed() map[*person]bool {
	wrong := map[*person]bool{}
	for p, f := range s.files {
		for _, r := range f.runs {
			for _, at := range []int64{r.from, r.to} {
				if other := s.speaker(r.t, r.csrc, at); other != p {
					wrong[p], wrong[other] = true, true
				}
			}
		}
	}
	return wrong
}

// rewrite makes a person's file anew from the segments: the slow way, for
// bindings that came late. Nil if there is nothing of them.
func (s *sound) rewrite(who *person, end int64) (*oggFile, error) {
	if f := s.files[who]; f != nil {
		f.f.Close()
		delete(s.files, who)
	}
	tl := s.story.timeline()
	for _, old := range s.voices {
		if !s.mayCarry(old.t, who) {
			continue
		}
		v := newVoice(s.folder, old.t)
		var rerr error
		for at := s.story.epoch; at < end+late && rerr == nil; at += stepW {
			if rerr = v.read(at + late); rerr == nil {
				v.place(at+late-lookahead, tl, func(p *packet) {
					if s.speaker(v.t, source(p.CSRCs), p.wall) == who {
						s.ahead = append(s.ahead, owned{v.t, *p})
					}
				})
			}
			v.stamped = v.stamped[:0]
		}
		v.close()
		if rerr != nil {
			return nil, rerr
		}
	}
	if err := s.write(never); err != nil {
		return nil, err
	}
	return s.files[who], nil
}

func (s *sound) mayCarry(t *track, who *person) bool {
	if t.Screen {
		return false
	}
	if t.shared() || len(t.binds) == 0 {
		return true
	}
	for _, p := range t.unknown {
		if p == who {
			return true
		}
	}
	for _, b := range t.binds {
		if s.story.byID[b.id] == who {
			return true
		}
	}
	return false
}
