// Package footage makes the camera pictures of the lab's participants: a loop
// of VP8 with the participant's colour and name, something that moves and a
// timecode burnt in. Loops are encoded once by ffmpeg and cached as IVF files.
package footage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pion/webrtc/v4/pkg/media/ivfreader"

	"steno/lab/timecode"
)

// Shape of every loop.
const (
	FPS      = 30
	Frames   = 600 // 20 s
	KeyEvery = 30  // a keyframe every second
)

// version is part of the cache key: raise it when the picture changes.
const version = 2

// Camera says what a loop shows.
type Camera struct {
	Name   string
	Number int // goes into the timecode, 0…timecode.MaxParticipant; gives the colour
	// Small is the picture at half the width and height, as the low layer of
	// simulcast has it.
	Small bool
}

// Loop is encoded video that begins with a keyframe and can be repeated.
type Loop struct {
	Frames [][]byte
	Key    []bool
}

// Maker makes loops. The zero Maker caches under the user's cache folder and
// looks for ffmpeg in PATH.
type Maker struct {
	Dir    string // cache folder
	FFmpeg string
}

// Make returns the loop of a camera, from the cache or newly encoded (about
// two seconds of processor time).
func (m Maker) Make(ctx context.Context, cam Camera) (*Loop, error) {
	dir, err := m.dir()
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%d %d %q", version, cam.Number, cam.Name))
	layer := ""
	if cam.Small {
		layer = "-small"
	}
	path := filepath.Join(dir, fmt.Sprintf("camera-%x%s.ivf", key[:8], layer))
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = m.encode(ctx, cam, path)
	}
	if err != nil {
		return nil, fmt.Errorf("make camera picture: %w", err)
	}
	loop, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("make camera picture: %s: %w", path, err)
	}
	return loop, nil
}

func (m Maker) dir() (string, error) {
	dir := m.Dir
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a folder for camera pictures: %w", err)
		}
		dir = filepath.Join(cache, "steno-lab")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for camera pictures: %w", err)
	}
	return dir, nil
}

func (m Maker) encode(ctx context.Context, cam Camera, path string) ([]byte, error) {
	ffmpeg := m.FFmpeg
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	rate, scale := "400k", "null"
	if cam.Small {
		rate, scale = "150k", "scale=iw/2:ih/2"
	}
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p",
		"-s", fmt.Sprintf("%dx%d", timecode.Width, timecode.Height), "-r", fmt.Sprint(FPS), "-i", "-",
		"-vf", scale, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", rate, "-threads", "1",
		"-g", fmt.Sprint(KeyEvery), "-keyint_min", fmt.Sprint(KeyEvery), "-auto-alt-ref", "0", "-lag-in-frames", "0",
		"-f", "ivf", "-")
	var out, say bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &say
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	draw := newPainter(cam)
	var werr error
	for n := 0; n < Frames && werr == nil; n++ {
		_, werr = in.Write(draw.frame(n))
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(say.Bytes()))
	}
	if werr != nil {
		return nil, werr
	}
	return out.Bytes(), save(path, out.Bytes())
}

// save writes a file so that another process never sees half of it.
func save(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "camera-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func parse(data []byte) (*Loop, error) {
	r, _, err := ivfreader.NewWith(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	loop := &Loop{}
	for {
		frame, _, err := r.ParseNextFrame()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		loop.Frames = append(loop.Frames, frame)
		loop.Key = append(loop.Key, len(frame) > 0 && frame[0]&1 == 0) // RFC 6386 9.1
	}
	if len(loop.Frames) != Frames || !loop.Key[0] {
		return nil, fmt.Errorf("%d frames instead of %d, or no keyframe first", len(loop.Frames), Frames)
	}
	return loop, nil
}
