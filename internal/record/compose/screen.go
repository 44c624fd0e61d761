package compose

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/internal/record/speakers"
)

// filmed reports whether the screen engine recorded, if only from some moment
// on. Its films are artifacts already, but for their container.
func (s *story) filmed() bool { return s.byName[screen.TrackID] != nil }

// filmsSettle is the distance that the picture which is composed keeps from
// the first film, µs: the film is moved a little ahead.
const filmsSettle = 500_000

// composed is the length of what precedes the first film, µs of recording time.
func (s *story) composed() int64 {
	us, _ := s.timeline().rec(s.byName[screen.TrackID].at - filmsSettle)
	return max(us, 0)
}

// onlyFilmed reports whether nothing worth a picture precedes the first film.
func (s *story) onlyFilmed() bool { return s.filmed() && s.composed() < 1_000_000 }

// finishFilmed puts the artifacts of a folder in place whose picture is a
// film, at least from some moment on. People whose audio was recorded beside
// the film have files of their own, as without one.
func (c *composer) finishFilmed(ctx context.Context) (Output, error) {
	us, _ := c.story.timeline().rec(c.at)
	samples := us * rate / 1_000_000
	if err := c.sound.write(never); err != nil {
		return Output{}, err
	}
	turns := c.sound.turns(samples)
	if err := c.fresh(); err != nil {
		return Output{}, err
	}
	films, err := c.remux(ctx, samples)
	if err != nil {
		return Output{}, err
	}
	if err := c.whoSpoke(ctx, turns, us); err != nil {
		return Output{}, err
	}
	people := c.story.participants(func(p *person) bool {
		return len(turns[p]) > 0 || c.sound.hasFile(p) || p.name != ""
	})
	out := Output{Result: c.result(us, people, turns), EndSeq: c.story.endSeq}
	steps := []func() ([]journal.Artifact, error){
		func() ([]journal.Artifact, error) { return c.diarization(people, turns) },
		func() ([]journal.Artifact, error) { return c.voices(people, samples) },
		func() ([]journal.Artifact, error) { return c.chat(people) },
	}
	for _, step := range steps {
		list, err := step()
		if err != nil {
			return out, err
		}
		out.Artifacts = append(out.Artifacts, list...)
	}
	out.Artifacts = append(out.Artifacts, films...)
	return out, c.manifest(out)
}

// whoSpoke adds to the turns that were heard in people's own audio, as long as
// there was any, those of the film: the page says whose they are, and where they
// begin and end the sound knows better.
func (c *composer) whoSpoke(ctx context.Context, turns map[*person][]speakers.Turn, us int64) error {
	var heard int64 // when the last audio of a track came
	for _, t := range c.story.tracks {
		if t.Kind != "audio" {
			continue
		}
		at, err := lastArrival(c.Folder, t.ID)
		if err != nil {
			return fmt.Errorf("compose: %w", err)
		}
		heard = max(heard, at)
	}
	from := int64(0)
	if heard > 0 {
		if heard > c.story.byName[screen.TrackID].at {
			return nil
		}
		from, _ = c.story.timeline().rec(heard)
	}
	said := c.shown(from, us)
	if heard == 0 { // else some have audio of their own, and a mix is that of the others
		filmed, err := c.filmTurns(ctx)
		if err != nil {
			return err
		}
		if list := c.sound.shared(filmed); len(list) > 0 {
			said = list
		}
	}
	for p, list := range said {
		turns[p] = speakers.Union(append(turns[p], list...))
	}
	return nil
}

// filmTurns lists when anybody is to be heard in the sound of the films.
func (c *composer) filmTurns(ctx context.Context) ([]speakers.Turn, error) {
	p, err := spawn(ctx, c.Log, c.FFmpeg, "hear who speaks in the films", pipes{out: true},
		"-i", filepath.Join(c.Folder, OutDir, "output.flac"), "-ac", "1", "-ar", strconv.Itoa(rate), "-f", "s16le", "pipe:1")
	if err != nil {
		return nil, err
	}
	p.in.Close()
	ear, pcm := speakers.NewDetector(), make([]int16, rate/10)
	for at := int64(0); ; at += int64(len(pcm)) {
		if err = binary.Read(p.out, binary.LittleEndian, pcm); err != nil {
			break // the rest is less than a tenth of a second
		}
		ear.Add(at, pcm)
	}
	ear.Close()
	return ear.Turns(), p.wait()
}

// remux makes the files of the films, behind what was composed before them, with so
// much sound.
func (c *composer) remux(ctx context.Context, samples int64) ([]journal.Artifact, error) {
	mix := c.sound.mix
	if err := mix.finish(samples); err != nil {
		return nil, err
	}
	before, err := c.before(ctx)
	if err != nil {
		return nil, err
	}
	mp4, flac := filepath.Join(c.work, "video.mp4.tmp"), filepath.Join(c.work, "output.flac.tmp")
	plan := screen.Plan{MP4: mp4, FLAC: flac, Before: before, Place: c.place}
	if c.Mode == bot.AudioOnly {
		mp4, plan.MP4 = "", ""
	}
	ahead, whole, err := c.compareSound(ctx)
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	plan.Ahead = ahead
	if whole {
		flac, plan.FLAC = mix.temp[0], ""
		if mp4 != "" {
			plan.Sound = mix.temp[1]
		}
	}
	err = screen.Remux(ctx, c.FFmpeg, c.Folder, plan)
	if errors.Is(err, screen.ErrNoFilm) && before != "" {
		// The bot died before there was a film: all that is there was composed.
		flac, mp4 = mix.temp[0], before
		if c.Mode == bot.AudioOnly {
			mp4 = ""
		}
	} else if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	a, err := c.adopt(KindAudio, flac, "output.flac", "")
	if err != nil || mp4 == "" {
		return []journal.Artifact{a}, err
	}
	v, err := c.adopt(KindVideo, mp4, "video.mp4", "")
	return []journal.Artifact{a, v}, err
}

// place turns time since the epoch into recording time.
func (c *composer) place(since time.Duration) time.Duration {
	us, _ := c.story.timeline().rec(c.story.epoch + since.Microseconds())
	return time.Duration(us) * time.Microsecond
}

// before makes the file of what precedes the first film. Empty if nothing
// does.
func (c *composer) before(ctx context.Context) (string, error) {
	if c.story.onlyFilmed() {
		return "", nil
	}
	us := c.story.composed()
	if c.film != nil {
		return c.join("before.mp4.tmp", us)
	}
	// In the codec of the films.
	temp := filepath.Join(c.work, "before.m4a.tmp")
	p, err := spawn(ctx, c.Log, c.FFmpeg, "encode what precedes the films", pipes{},
		"-y", "-i", c.sound.mix.temp[0], "-t", fmt.Sprintf("%dus", us), "-c:a", "aac", "-f", "mp4", temp)
	if err != nil {
		return "", err
	}
	p.in.Close()
	return temp, p.wait()
}

// compareSound compares the films with the tracks that were recorded beside them. It
// tells how much earlier the films have to lie to sound together with those, 0 if that
// cannot be told; and whether the tracks have all that the films have, so that their
// sound, which did not pass a browser that may be busy, is that of the recording.
func (c *composer) compareSound(ctx context.Context) (ahead time.Duration, whole bool, err error) {
	tracks := c.sound.mix.loud
	if tracks == nil || len(c.sound.voices) == 0 {
		return 0, false, nil
	}
	var films []*levels
	err = screen.Sounds(ctx, c.FFmpeg, c.Folder, rate, func(start time.Duration) io.Writer {
		films = append(films, &levels{from: c.place(start).Microseconds() * rate / 1_000_000})
		return films[len(films)-1]
	})
	if err != nil || len(films) == 0 {
		return 0, false, err
	}
	samples, alike := lag(films[0].between(lagSettle, lagListen), tracks)
	missed := 0
	for _, film := range films {
		missed += beyond(film, tracks)
	}
	ahead, whole = time.Duration(samples)*time.Second/rate, missed <= mostBeyond
	if whole && !alike {
		ahead = screen.Held
	}
	c.Log.Info("films and tracks compared", "lag_ms", samples*1000/rate, "alike", alike, "only_in_films_ms", missed*1000*levelStep/rate)
	return ahead, whole, nil
}

// shown turns what the page showed of who spoke into turns, within a stretch of
// recording time in µs. A process that died cannot say when somebody fell
// silent: its last word counts.
func (c *composer) shown(begin, end int64) map[*person][]speakers.Turn {
	turns := map[*person][]speakers.Turn{}
	tl := c.story.timeline()
	for p, spans := range c.story.shown {
		if p.self {
			continue
		}
		for _, s := range spans {
			from, _ := tl.rec(s.from)
			to, _ := tl.rec(min(s.to, c.at))
			if from, to = max(from, begin), min(to, end); to > from {
				turns[p] = append(turns[p], speakers.Turn{From: from * rate / 1_000_000, To: to * rate / 1_000_000})
			}
		}
		turns[p] = speakers.Union(turns[p])
	}
	return turns
}
