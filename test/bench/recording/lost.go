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
	worst := 0.0
	for _, kind := range []string{"audio", "video"} {
		if kind == "video" && s.mode == string(bot.AudioOnly) || kind == "audio" && s.mode == filmed {
			continue
		}
		var missing, all int64
		for _, id := range s.ids {
			folder := s.BotFolder(id)
			entries, err := journal.Read(folder)
			if err != nil {
				return 0, err
			}
			m, a := int64(0), int64(0)
			if s.mode == filmed {
				if m, a, err = unfilmed(folder, since, entries); err != nil {
					return 0, err
				}
			} else {
				m, a = holes(folder, since, entries, kind)
			}
			if a == 0 {
				return 100, nil // a bot without media
			}
			missing, all = missing+m, all+a
		}
		worst = max(worst, 100*float64(missing)/float64(all))
	}
	return worst, nil
}

// Units of a track's RTP clock between two frames: every participant of the benchmark
// sends an Opus packet each 20 ms, and pictures at the rate of the lab's.
const (
	packet  = 960
	picture = 90000 / footage.FPS
)

// holes counts the holes in the RTP clock of each track of a kind, in frames.
func holes(folder string, since time.Time, entries []journal.Entry, kind string) (missing, all int64) {
	length := int64(packet)
	if kind == "video" {
		length = picture
	}
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
					missing += (step+length/2)/length - 1
					all += (step+length/2)/length - 1
				}
				all++
				last, first = fr.RTP, false
			}
			r.Close()
		}
	}
	return missing, all
}

// filmRate is how many pictures a second a film should have.
const filmRate = 25

// unfilmed counts the pictures that the last film lacks.
func unfilmed(folder string, since time.Time, entries []journal.Entry) (missing, all int64, err error) {
	films, err := screen.Files(folder)
	if err != nil || len(films) == 0 {
		return 0, 0, errors.Join(err, errors.New("there is no film"))
	}
	var epoch int64
	for _, e := range entries {
		if e.Epoch != nil {
			epoch = e.Epoch.UnixMicro
		}
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", films[len(films)-1]).Output()
	if err != nil {
		return 0, 0, fmt.Errorf("look at film: %w", err)
	}
	var from, to float64
	for line := range strings.Lines(string(out)) {
		at, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		if err != nil || epoch+int64(at*1e6) < since.UnixMicro() {
			continue
		}
		if all++; all == 1 {
			from = at
		}
		to = at
	}
	want := int64((to-from)*filmRate+0.5) + 1
	return max(want-all, 0), max(want, all), nil
}
