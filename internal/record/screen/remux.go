package screen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"steno/internal/child"
)

// ErrNoFilm is returned when a folder holds nothing that can be played.
var ErrNoFilm = errors.New("nothing was filmed")

// piece is a film that can be played, and where it lies after the epoch.
type piece struct {
	path  string
	start time.Duration
}

// Remux makes the artifacts of a folder's films: an MP4 whose picture is
// copied as it was filmed, the first one standing from time zero on, and a FLAC
// of its sound. Time in both counts from
// the epoch that Record was given, also behind an interruption. Empty paths
// are left out. It works on what a killed process left behind.
func Remux(ctx context.Context, ffmpeg, folder, mp4, flac string) error {
	pieces, err := playable(ctx, ffmpeg, folder)
	if err != nil {
		return fmt.Errorf("remux films: %w", err)
	}
	if len(pieces) == 0 {
		return fmt.Errorf("remux films of %s: %w", folder, ErrNoFilm)
	}
	list, err := writeList(pieces)
	if err != nil {
		return fmt.Errorf("remux films: %w", err)
	}
	defer os.Remove(list)
	input := []string{"-f", "concat", "-safe", "0", "-i", list}
	start := fmt.Sprintf("%.6f", pieces[0].start.Seconds())
	if mp4 != "" {
		args := append(slices.Clip(input), "-map", "0:v", "-map", "0:a?", "-c", "copy",
			// The first picture stands from time zero on: programs that take the
			// beginning of a file for zero would be off otherwise.
			"-bsf:v", "setts=ts=if(eq(N\\,0)\\,0\\,TS+"+start+"/TB)", "-bsf:a", "setts=ts=TS+"+start+"/TB", "-movflags", "+faststart", "-f", "mp4", "-y", mp4)
		if _, err := run(ctx, ffmpeg, args...); err != nil {
			return fmt.Errorf("remux films: %w", err)
		}
	}
	if flac != "" {
		args := append(slices.Clip(input), "-map", "0:a", "-af", "asetpts=PTS+"+start+"/TB,aresample=async=1:first_pts=0", "-c:a", "flac", "-f", "flac", "-y", flac)
		if _, err := run(ctx, ffmpeg, args...); err != nil {
			return fmt.Errorf("sound of films: %w", err)
		}
	}
	return nil
}

var startLine = regexp.MustCompile(`Duration: .*start: ([0-9.]+)`)

// playable looks at each film. One that was killed at once has no picture.
func playable(ctx context.Context, ffmpeg, folder string) ([]piece, error) {
	films, err := Files(folder)
	if err != nil {
		return nil, err
	}
	var pieces []piece
	for _, f := range films {
		said, err := run(ctx, ffmpeg, "-v", "info", "-i", f, "-map", "0:v", "-frames:v", "1", "-f", "null", "-")
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		m := startLine.FindStringSubmatch(said)
		if err != nil || m == nil {
			continue
		}
		start, err := time.ParseDuration(m[1] + "s")
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, piece{f, start})
	}
	return pieces, nil
}

// writeList writes the list of files that ffmpeg's concat reads. The duration
// of each is the distance to the next, so that gaps stay.
func writeList(pieces []piece) (string, error) {
	var b strings.Builder
	for i, p := range pieces {
		path, err := filepath.Abs(p.path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "file '%s'\n", strings.ReplaceAll(path, "'", `'\''`))
		if i+1 < len(pieces) {
			fmt.Fprintf(&b, "duration %.6f\n", (pieces[i+1].start - p.start).Seconds())
		}
	}
	list := filepath.Join(filepath.Dir(pieces[0].path), "list.txt")
	return list, os.WriteFile(list, []byte(b.String()), 0o600)
}

// run runs ffmpeg and returns what it said.
func run(ctx context.Context, ffmpeg string, args ...string) (string, error) {
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	cmd := exec.Command(ffmpeg, append([]string{"-nostdin", "-hide_banner", "-nostats", "-v", "error"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	proc, err := child.Start(cmd)
	if err != nil {
		return "", err
	}
	defer context.AfterFunc(ctx, proc.Kill)()
	if err := proc.Wait(); err != nil {
		return "", fmt.Errorf("ffmpeg: %w: %s", errors.Join(ctx.Err(), err), bytes.TrimSpace(said.Bytes()))
	}
	return said.String(), nil
}
