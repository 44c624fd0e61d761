package scribe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"steno/internal/artifact"
	"steno/internal/record/ogg"
	"steno/internal/transcript"
)

// Mix makes a voice of the sound of all together, for recordings in which nobody
// has a file of their own. ffmpeg (empty: look for it) writes it as Opus to the
// file to. Where the timeline knows of nobody, all of it may be a voice.
func Mix(ctx context.Context, ffmpeg, dir, to string, turns []transcript.Turn) (Voice, error) {
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	from := filepath.Join(dir, artifact.File(artifact.Audio, ""))
	if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
		return Voice{}, ErrNoAudio
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return Voice{}, fmt.Errorf("encode the mix: %w", err)
	}
	if _, err := os.Stat(to); errors.Is(err, os.ErrNotExist) {
		if err := encode(ctx, ffmpeg, from, to); err != nil {
			return Voice{}, err
		}
	}
	f, err := os.Open(to)
	if err != nil {
		return Voice{}, fmt.Errorf("read the mix: %w", err)
	}
	defer f.Close()
	n, err := ogg.Length(f)
	if err != nil {
		return Voice{}, fmt.Errorf("read the mix: %w", err)
	}
	v := Voice{Open: func() (io.ReadCloser, error) { return os.Open(to) }, Source: transcript.Source{Length: length(n)}}
	for _, t := range turns {
		v.Source.Voice = append(v.Source.Voice, t.Span)
	}
	if len(turns) == 0 {
		v.Source.Voice = []transcript.Span{{To: v.Source.Length}}
	}
	return v, nil
}

// encode writes a file as Opus, whole or not at all.
func encode(ctx context.Context, ffmpeg, from, to string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y", "-i", from,
		"-ac", "1", "-c:a", "libopus", "-b:a", "48k", "-f", "ogg", to+".tmp")
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("encode the mix: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return os.Rename(to+".tmp", to)
}
