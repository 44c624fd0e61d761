package compose

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/internal/record/speakers"
)

// filmed reports whether the screen engine recorded. Its films are artifacts
// already, but for their container.
func (s *story) filmed() bool { return s.byName[screen.TrackID] != nil }

// finishFilmed puts the artifacts of a folder of films in place. Nobody has a
// track, so who spoke is what the page showed.
func (c *composer) finishFilmed(ctx context.Context) (Output, error) {
	films, err := screen.Files(c.Folder)
	if err != nil {
		return Output{}, fmt.Errorf("compose: %w", err)
	}
	for _, f := range films {
		if st, err := os.Stat(f); err == nil && st.Size() > 0 {
			c.seen = max(c.seen, st.ModTime().UnixMicro())
		}
	}
	c.at = c.end()
	us, _ := c.story.timeline().rec(c.at)
	turns, err := c.shown(us)
	if err != nil {
		return Output{}, err
	}
	people := c.story.participants(func(p *person) bool { return len(turns[p]) > 0 || p.name != "" })
	out := Output{Result: c.result(us, people, turns), EndSeq: c.story.endSeq}
	if err := c.fresh(); err != nil {
		return out, err
	}
	steps := []func() ([]journal.Artifact, error){
		func() ([]journal.Artifact, error) { return c.diarization(people, turns) },
		c.chat,
		func() ([]journal.Artifact, error) { return c.remux(ctx) },
	}
	for _, step := range steps {
		list, err := step()
		if err != nil {
			return out, err
		}
		out.Artifacts = append(out.Artifacts, list...)
	}
	return out, c.manifest(out)
}

// remux makes the files of the films.
func (c *composer) remux(ctx context.Context) ([]journal.Artifact, error) {
	mp4, flac := filepath.Join(c.work, "video.mp4.tmp"), filepath.Join(c.work, "output.flac.tmp")
	if c.Mode == bot.AudioOnly {
		mp4 = ""
	}
	if err := screen.Remux(ctx, c.FFmpeg, c.Folder, mp4, flac); err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	a, err := c.adopt(KindAudio, flac, "output.flac", "")
	if err != nil || mp4 == "" {
		return []journal.Artifact{a}, err
	}
	v, err := c.adopt(KindVideo, mp4, "video.mp4", "")
	return []journal.Artifact{a, v}, err
}

// shown turns what the page showed of who spoke into turns, up to the end of
// the recording. A process that died cannot say when somebody fell silent:
// its last word counts.
func (c *composer) shown(end int64) (map[*person][]speakers.Turn, error) {
	entries, err := journal.Read(c.Folder)
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	turns, since := map[*person][]speakers.Turn{}, map[*person]int64{}
	tl := c.story.timeline()
	stop := func(p *person, wall int64) {
		from, _ := tl.rec(since[p])
		to, _ := tl.rec(wall)
		delete(since, p)
		if from, to = max(from, 0), min(to, end); to > from {
			turns[p] = append(turns[p], speakers.Turn{From: from * rate / 1_000_000, To: to * rate / 1_000_000})
		}
	}
	var last int64
	for _, e := range entries {
		at := e.At.UnixMicro()
		if e.Session != nil {
			for p := range since {
				stop(p, last)
			}
		}
		last = at
		if e.Speech == nil {
			continue
		}
		p := c.story.byID[e.Speech.Person]
		_, on := since[p]
		switch {
		case p == nil || p.self:
		case e.Speech.On && !on:
			since[p] = at
		case !e.Speech.On && on:
			stop(p, at)
		}
	}
	for p := range since {
		stop(p, c.at)
	}
	for p, list := range turns {
		turns[p] = speakers.Union(list)
	}
	return turns, nil
}
