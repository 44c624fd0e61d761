package measure

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"steno/lab/timecode"
)

// rate is that of all decoded sound, Hz.
const rate = 16000

// decoder runs ffmpeg.
type decoder struct{ ffmpeg string }

func (d decoder) command(ctx context.Context, args ...string) *exec.Cmd {
	name := d.ffmpeg
	if name == "" {
		name = "ffmpeg"
	}
	return exec.CommandContext(ctx, name, append([]string{"-nostdin", "-hide_banner"}, args...)...)
}

// audio decodes the first audio track to mono samples at rate; sample 0 is
// time zero of the file also if its sound begins later.
func (d decoder) audio(ctx context.Context, file string) ([]float64, error) {
	return d.pcm(ctx, nil, "-i", file)
}

func (d decoder) pcm(ctx context.Context, stdin io.Reader, input ...string) ([]float64, error) {
	cmd := d.command(ctx, append(append([]string{"-v", "error"}, input...),
		"-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", strconv.Itoa(rate), "-f", "s16le", "-")...)
	var out, say bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &say
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("decode %s: %w: %s", strings.Join(input, " "), err, bytes.TrimSpace(say.Bytes()))
	}
	raw := out.Bytes()
	samples := make([]float64, len(raw)/2)
	for i := range samples {
		samples[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
	}
	return samples, nil
}

// shot is a decoded video frame: its time in the file in seconds, and its
// luma. The pixels are only valid until the next frame.
type shot struct {
	at  float64
	pic timecode.Picture
}

// videoWidth is what frames are scaled to: enough to read small tiles.
const videoWidth = 640

// video decodes the first video track, frame by frame.
func (d decoder) video(ctx context.Context, file string, each func(shot) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := d.command(ctx, "-v", "info", "-nostats", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough",
		"-vf", fmt.Sprintf("scale=%d:-2:flags=area,format=gray,showinfo=checksum=0", videoWidth), "-f", "rawvideo", "-")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("decode %s: %w", file, err)
	}
	say, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("decode %s: %w", file, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("decode %s: %w", file, err)
	}
	infos := make(chan info, 1024)
	var last []string
	go func() {
		defer close(infos)
		last = readInfos(ctx, say, infos)
	}()
	err = readShots(out, infos, each)
	if err != nil {
		cancel()
	}
	for range infos { // until ffmpeg has said all
	}
	werr := cmd.Wait()
	if err == nil && werr != nil {
		err = fmt.Errorf("%w: %s", werr, strings.Join(last, " "))
	}
	if err != nil {
		return fmt.Errorf("decode %s: %w", file, err)
	}
	return nil
}

// info is what ffmpeg's showinfo filter says about a frame.
type info struct {
	at   float64
	w, h int
}

// readInfos parses ffmpeg's messages and returns the last lines of others.
func readInfos(ctx context.Context, say io.Reader, infos chan<- info) []string {
	var last []string
	lines := bufio.NewScanner(say)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		at, ok := value(line, "pts_time:")
		size, ok2 := value(line, " s:")
		if !ok || !ok2 {
			if last = append(last, line); len(last) > 5 {
				last = last[1:]
			}
			continue
		}
		var i info
		i.at, _ = strconv.ParseFloat(at, 64)
		if _, err := fmt.Sscanf(size, "%dx%d", &i.w, &i.h); err != nil {
			continue
		}
		select {
		case infos <- i:
		case <-ctx.Done():
		}
	}
	return last
}

func value(line, key string) (string, bool) {
	_, rest, ok := strings.Cut(line, key)
	if !ok {
		return "", false
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return "", false
	}
	return fields[0], true
}

func readShots(out io.Reader, infos <-chan info, each func(shot) error) error {
	var buf []byte
	for i := range infos {
		if n := i.w * i.h; len(buf) != n {
			buf = make([]byte, n)
		}
		if _, err := io.ReadFull(out, buf); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return errors.New("fewer pictures than announced")
			}
			return err
		}
		if err := each(shot{i.at, timecode.Picture{W: i.w, H: i.h, Pix: buf}}); err != nil {
			return err
		}
	}
	return nil
}
