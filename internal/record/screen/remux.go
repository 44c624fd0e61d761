package screen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/internal/child"
	"steno/internal/record/segment"
)

// ErrNoFilm is returned when a folder holds nothing that can be played.
var ErrNoFilm = errors.New("nothing was filmed")

// piece is a film that can be played, and where it lies after the epoch.
type piece struct {
	path  string
	start time.Duration
	// fromZero: time zero of the file is its beginning, although the encoder of
	// its sound needed a run-up before that.
	fromZero bool
}

// Plan says what Remux makes. Empty paths are left out.
type Plan struct {
	MP4, FLAC string
	// Sound is a file of the sound of MP4, from time zero on. Empty: that of the films.
	Sound string
	// Before is a file that precedes the films, from time zero on, with the
	// same size of picture and mono sound.
	Before string
	// Ahead is how much earlier than they were filmed the films shall lie.
	Ahead time.Duration
	// Place turns a time that counts from the epoch into one of the artifacts,
	// which leave pauses out. Nil: they are the same.
	Place func(time.Duration) time.Duration
}

// Remux makes the artifacts of a folder's films: an MP4 whose picture is
// copied as it was filmed, the first one standing from time zero on, and a FLAC
// of its sound. Time in both counts from the epoch that Record was given, also
// behind an interruption, but for what Place leaves out. It works on what a killed process left behind.
func Remux(ctx context.Context, ffmpeg, folder string, plan Plan) error {
	pieces, err := playable(ctx, ffmpeg, folder)
	if err != nil {
		return fmt.Errorf("remux films: %w", err)
	}
	if len(pieces) == 0 {
		return fmt.Errorf("remux films of %s: %w", folder, ErrNoFilm)
	}
	for i, p := range pieces {
		if plan.Place != nil {
			p.start = plan.Place(p.start)
		}
		pieces[i].start = p.start - plan.Ahead
	}
	if plan.Before != "" {
		pieces = slices.Insert(pieces, 0, piece{path: plan.Before, fromZero: true})
	}
	list, err := writeList(filepath.Join(folder, segment.Dir, TrackID, "list.txt"), pieces)
	if err != nil {
		return fmt.Errorf("remux films: %w", err)
	}
	defer os.Remove(list)
	input := []string{"-f", "concat", "-safe", "0", "-i", list}
	start := fmt.Sprintf("%.6f", pieces[0].start.Seconds())
	if plan.MP4 != "" {
		sound := []string{"-map", "0:a?", "-bsf:a", "setts=ts=TS+" + start + "/TB,noise=drop=lt(pts\\,0)"}
		if plan.Sound != "" {
			sound = []string{"-i", plan.Sound, "-map", "1:a"}
		}
		args := slices.Concat(input, sound, []string{"-map", "0:v", "-c", "copy",
			// The first picture stands from time zero on: programs that take the
			// beginning of a file for zero would be off otherwise. Of what lies before
			// zero the pictures are needed by those that follow, and pass at once.
			"-bsf:v", "setts=ts=if(eq(N\\,0)\\,0\\,max(N\\,TS+" + start + "/TB))",
			"-movflags", "+faststart", "-f", "mp4", "-y", plan.MP4})
		if _, err := run(ctx, ffmpeg, args...); err != nil {
			return fmt.Errorf("remux films: %w", err)
		}
	}
	if plan.FLAC != "" {
		args := append(slices.Clip(input), "-map", "0:a", "-af", "asetpts=PTS+"+start+"/TB,aresample=async=1:first_pts=0", "-c:a", "flac", "-f", "flac", "-y", plan.FLAC)
		if _, err := run(ctx, ffmpeg, args...); err != nil {
			return fmt.Errorf("sound of films: %w", err)
		}
	}
	return nil
}

// Sounds decodes the sound of a folder's films to mono samples at rate, 16 bits with
// the low byte first, and writes each film's to what to returns. The first sample is
// heard start after the epoch.
func Sounds(ctx context.Context, ffmpeg, folder string, rate int, to func(start time.Duration) io.Writer) error {
	pieces, err := playable(ctx, ffmpeg, folder)
	if err != nil {
		return fmt.Errorf("sound of films: %w", err)
	}
	for _, p := range pieces {
		// Sound and picture begin at different moments; -copyts keeps them.
		_, err := stream(ctx, ffmpeg, to(p.start), "-copyts", "-i", p.path, "-map", "0:a",
			"-af", fmt.Sprintf("aresample=async=1:first_pts=%d", int64(p.start.Seconds()*float64(rate))), "-ac", "1", "-ar", strconv.Itoa(rate), "-f", "s16le", "pipe:1")
		if err != nil {
			return fmt.Errorf("sound of film: %w", err)
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
		pieces = append(pieces, piece{path: f, start: start})
	}
	return pieces, nil
}

// writeList writes the list of files that ffmpeg's concat reads. The duration
// of each is the distance to the next, so that gaps stay.
func writeList(list string, pieces []piece) (string, error) {
	var b strings.Builder
	for i, p := range pieces {
		path, err := filepath.Abs(p.path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "file '%s'\n", strings.ReplaceAll(path, "'", `'\''`))
		if p.fromZero {
			b.WriteString("inpoint 0\n")
		}
		if i+1 < len(pieces) {
			fmt.Fprintf(&b, "duration %.6f\n", (pieces[i+1].start - p.start).Seconds())
		}
	}
	return list, os.WriteFile(list, []byte(b.String()), 0o600)
}

// run runs ffmpeg and returns what it said.
func run(ctx context.Context, ffmpeg string, args ...string) (string, error) {
	return stream(ctx, ffmpeg, nil, args...)
}

// stream runs ffmpeg, which writes to out, and returns what it said.
func stream(ctx context.Context, ffmpeg string, out io.Writer, args ...string) (string, error) {
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	cmd := exec.Command(ffmpeg, append([]string{"-nostdin", "-hide_banner", "-nostats", "-v", "error"}, args...)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &said
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
