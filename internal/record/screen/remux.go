package screen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrNoFilm is returned when a folder holds nothing that can be played.
var ErrNoFilm = errors.New("nothing was filmed")

// Remux makes the artifacts of a folder's films: an MP4 whose picture is
// copied as it was filmed, and a FLAC of its sound. What lies before the first
// picture is cut off; films that follow each other after an interruption are
// joined. Empty paths are left out. It works on what a killed process left
// behind.
func Remux(ctx context.Context, ffmpeg, folder, mp4, flac string) error {
	films, err := Files(folder)
	if err != nil {
		return err
	}
	var whole []string
	for _, f := range films {
		// A film that was killed at once has no picture.
		if run(ctx, ffmpeg, "-i", f, "-map", "0:v", "-frames:v", "1", "-f", "null", "-") == nil {
			whole = append(whole, f)
		}
	}
	if len(whole) == 0 {
		return fmt.Errorf("remux films of %s: %w", folder, ErrNoFilm)
	}
	list, err := writeList(filepath.Dir(films[0]), whole)
	if err != nil {
		return fmt.Errorf("remux films: %w", err)
	}
	defer os.Remove(list)
	input := []string{"-f", "concat", "-safe", "0", "-i", list}
	if mp4 != "" {
		args := append(input, "-map", "0:v", "-map", "0:a", "-c", "copy", "-movflags", "+faststart", "-f", "mp4", "-y", mp4)
		if err := run(ctx, ffmpeg, args...); err != nil {
			return fmt.Errorf("remux films: %w", err)
		}
	}
	if flac != "" {
		args := append(input, "-map", "0:a", "-af", "aresample=async=1:first_pts=0", "-c:a", "flac", "-f", "flac", "-y", flac)
		if err := run(ctx, ffmpeg, args...); err != nil {
			return fmt.Errorf("sound of films: %w", err)
		}
	}
	return nil
}

// writeList writes the list of files that ffmpeg's concat reads.
func writeList(dir string, files []string) (string, error) {
	f, err := os.CreateTemp(dir, "list-*.txt")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, name := range files {
		path, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		if _, err := fmt.Fprintf(f, "file '%s'\n", strings.ReplaceAll(path, "'", `'\''`)); err != nil {
			return "", err
		}
	}
	return f.Name(), nil
}

func run(ctx context.Context, ffmpeg string, args ...string) error {
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	cmd := exec.CommandContext(ctx, ffmpeg, append([]string{"-nostdin", "-v", "error"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
