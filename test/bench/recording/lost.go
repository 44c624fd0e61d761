package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/internal/record/segment"
	"steno/lab/footage"
)

// lost is the share of media, in percent, that is missing since a moment: of audio or
// of pictures, whichever is more.
func (s *stage) lost(since time.Time) (float64, error) {
	all := map[string]tally{}
	for _, id := range s.ids {
		folder := s.BotFolder(id)
		entries, err := journal.Read(folder)
		if err != nil {
			return 0, err
		}
		own := map[string]tally{}
		if s.mode == filmed {
			if own["video"], err = unfilmed(folder, since, entries); err != nil {
				return 0, err
			}
		} else {
			own["audio"] = holes(folder, since, entries, "audio", packet)
			if s.mode != string(bot.AudioOnly) {
				own["video"] = holes(folder, since, entries, "video", picture)
			}
		}
		for kind, t := range own {
			if t.all == 0 {
				return 100, nil // a bot without media
			}
			all[kind] = tally{all[kind].missing + t.missing, all[kind].all + t.all}
		}
	}
	worst := 0.0
	for _, t := range all {
		worst = max(worst, 100*float64(t.missing)/float64(t.all))
	}
	return worst, nil
}

// tally counts frames, and how many of them are missing.
type tally struct{ missing, all int64 }

// Units of a track's RTP clock between two frames: every participant of the benchmark
// sends an Opus packet each 20 ms, and pictures at the rate of the lab's.
const (
	packet  = 960
	picture = 90000 / footage.FPS
)

// holes counts the holes in the RTP clock of each track of a kind, whose frames are so
// long.
func holes(folder string, since time.Time, entries []journal.Entry, kind string, length int64) (t tally) {
	for _, e := range entries {
		if e.Track == nil || e.Track.Kind != kind || e.Track.Ended {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(folder, segment.Dir, e.Track.ID, "*.seg"))
		last, first := uint32(0), true
		for _, file := range files {
			r, err := segment.Open(file)
			if err != nil {
				continue // just begun
			}
			for fr, err := r.Next(); err == nil; fr, err = r.Next() {
				if fr.Arrival < since.UnixMicro() {
					continue
				}
				if step := int64(int32(fr.RTP - last)); !first && step > length {
					gone := (step+length/2)/length - 1
					t.missing, t.all = t.missing+gone, t.all+gone
				}
				t.all++
				last, first = fr.RTP, false
			}
			r.Close()
		}
	}
	return t
}

// filmRate is how many pictures a second a film should have.
const filmRate = 25

// unfilmed counts the pictures that the last film lacks.
func unfilmed(folder string, since time.Time, entries []journal.Entry) (t tally, err error) {
	films, err := screen.Files(folder)
	if err != nil || len(films) == 0 {
		return t, errors.Join(err, errors.New("there is no film"))
	}
	var epoch int64
	for _, e := range entries {
		if e.Epoch != nil {
			epoch = e.Epoch.UnixMicro
		}
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", films[len(films)-1]).Output()
	if err != nil {
		return t, fmt.Errorf("look at film: %w", err)
	}
	var have int64
	var from, to float64
	for line := range strings.Lines(string(out)) {
		at, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		if err != nil || epoch+int64(at*1e6) < since.UnixMicro() {
			continue
		}
		if have++; have == 1 {
			from = at
		}
		to = at
	}
	want := int64((to-from)*filmRate+0.5) + 1
	return tally{max(want-have, 0), max(want, have)}, nil
}
