package mp4

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ffmpeg runs the program and returns what it printed.
func ffmpeg(t *testing.T, program string, args ...string) string {
	t.Helper()
	var errs strings.Builder
	cmd := exec.Command(program, append([]string{"-v", "error"}, args...)...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%s %q: %v %s", program, args, err, errs.String())
	}
	return string(out)
}

// piece makes a file of so many moving pictures.
func piece(t *testing.T, dir, name string, first, frames int, more ...string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	args := []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=320x180:r=25:d=%g", float64(first+frames)/25),
		"-vf", fmt.Sprintf("trim=start_frame=%d,setpts=PTS-STARTPTS", first), "-frames:v", fmt.Sprint(frames),
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "100", "-bf", "0", "-video_track_timescale", "12800"}
	ffmpeg(t, "ffmpeg", append(append(args, more...), path)...)
	return path
}

// tone makes a file of sound that rises.
func tone(t *testing.T, dir string, seconds float64) string {
	t.Helper()
	path := filepath.Join(dir, "tone.m4a")
	ffmpeg(t, "ffmpeg", "-f", "lavfi", "-i", fmt.Sprintf("aevalsrc=0.3*sin(600*t*t):s=48000:d=%g", seconds), "-c:a", "aac", "-f", "ipod", path)
	return path
}

// frames are the checksums of the decoded frames of a file's stream.
func frames(t *testing.T, path, stream string) (list []string) {
	t.Helper()
	for line := range strings.Lines(ffmpeg(t, "ffmpeg", "-i", path, "-map", "0:"+stream, "-f", "framemd5", "-")) {
		if !strings.HasPrefix(line, "#") {
			list = append(list, strings.TrimSpace(line[strings.LastIndex(line, ",")+1:]))
		}
	}
	return list
}

// What is joined decodes to what the pieces decode to, frame by frame, at an even
// pace, beside as much of the sound.
func TestJoin(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name   string
		pieces []int // frames of each
		sound  float64
		length time.Duration
		frames int // that are expected
	}{
		{"several pieces", []int{120, 120, 37}, 11.08, 11080 * time.Millisecond, 277},
		{"a last piece of one picture", []int{50, 1}, 2.04, 2040 * time.Millisecond, 51},
		{"one picture", []int{1}, 0.04, 40 * time.Millisecond, 1},
		{"cut in the middle of a picture", []int{100, 100}, 8, 5010 * time.Millisecond, 126},
		{"cut at the end of a picture", []int{100, 100}, 8, 5 * time.Second, 125},
		{"sound that ends early", []int{100}, 1.5, 4 * time.Second, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			var pieces, want []string
			first := 0
			for i, n := range test.pieces {
				p := piece(t, dir, fmt.Sprintf("%d.mp4", i), first, n)
				pieces, want, first = append(pieces, p), append(want, frames(t, p, "v")...), first+n
			}
			sound := tone(t, dir, test.sound)
			path := filepath.Join(dir, "joined.mp4")
			if err := Join(path, pieces, sound, test.length); err != nil {
				t.Fatal(err)
			}

			got := frames(t, path, "v")
			if len(got) != test.frames || strings.Join(got, " ") != strings.Join(want[:test.frames], " ") {
				t.Errorf("%d pictures, want the first %d of the %d", len(got), test.frames, len(want))
			}
			pts := strings.Fields(ffmpeg(t, "ffprobe", "-select_streams", "v", "-show_entries", "packet=pts", "-of", "csv=p=0", path))
			for i, p := range pts {
				if strings.Trim(p, ",") != fmt.Sprint(i*512) {
					t.Fatalf("picture %d at %s", i, p)
				}
			}
			// Sound begins where it begins in its own file, and ends with the length.
			heard, all := pcm(t, path), pcm(t, sound)
			want16 := min(int(test.length.Seconds()*48000)*2, len(all))
			if len(heard) < want16 || len(heard) > want16+2*2048 || heard[:want16] != all[:want16] {
				t.Errorf("%d bytes of sound, want the first %d of the %d", len(heard), want16, len(all))
			}
			if d := ffmpeg(t, "ffprobe", "-show_entries", "format=duration", "-of", "csv=p=0", path); strings.TrimSpace(d) != fmt.Sprintf("%.6f", test.length.Seconds()) {
				t.Errorf("takes %s s, want %v", d, test.length)
			}
			data, err := os.ReadFile(path)
			if err != nil || strings.Index(string(data), "moov") > strings.Index(string(data), "mdat") {
				t.Errorf("its tables are behind its media: %v", err)
			}
		})
	}
	t.Run("what it replaces", func(t *testing.T) {
		path := filepath.Join(dir, "old.mp4")
		if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		p := piece(t, dir, "p.mp4", 0, 25)
		if err := Join(path, []string{p}, tone(t, dir, 1), time.Second); err != nil || len(frames(t, path, "v")) != 25 {
			t.Error(err)
		}
	})
}

// pcm is a file's sound.
func pcm(t *testing.T, path string) string {
	t.Helper()
	return ffmpeg(t, "ffmpeg", "-i", path, "-map", "0:a", "-f", "s16le", "-")
}

// Pictures and sound lie side by side, so that a player need not look ahead far.
func TestJoinInterleaves(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "joined.mp4")
	if err := Join(path, []string{piece(t, dir, "a.mp4", 0, 500)}, tone(t, dir, 20), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	at := map[string]float64{}
	for line := range strings.Lines(ffmpeg(t, "ffprobe", "-show_entries", "packet=codec_type,pts_time,pos", "-of", "csv=p=0", path)) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if len(f) < 2 {
			continue // what else there is to tell of a packet
		}
		pts, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			t.Fatal(line, err)
		}
		at[f[0]] = pts
		if d := at["video"] - at["audio"]; d > 1.1 || d < -1.1 {
			t.Fatalf("%s: %v", line, at)
		}
	}
}

// What cannot be joined is refused, and the file at fault is named.
func TestJoinRefuses(t *testing.T) {
	dir := t.TempDir()
	good, sound := piece(t, dir, "good.mp4", 0, 50), tone(t, dir, 2)
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	both := filepath.Join(dir, "both.mp4")
	ffmpeg(t, "ffmpeg", "-i", good, "-i", sound, "-c", "copy", both)
	for _, test := range []struct {
		name, piece, says string
	}{
		{"nothing", filepath.Join(dir, "nothing.mp4"), "no such file"},
		{"an empty file", write("empty.mp4", nil), "not a whole MP4 file"},
		{"a file that was cut off", write("cut.mp4", data[:len(data)-100]), "not a whole MP4 file"},
		{"no file of this kind", write("text.mp4", []byte(strings.Repeat("this is a text", 100))), "not a whole MP4 file"},
		{"two tracks", both, `more than one "trak"`},
	} {
		err := Join(filepath.Join(dir, "out.mp4"), []string{good, test.piece}, sound, 2*time.Second)
		if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), test.piece) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
	small := piece(t, dir, "small.mp4", 0, 25, "-s", "160x90")
	var mixed *MixedError
	if err := Join(filepath.Join(dir, "out.mp4"), []string{good, small, good}, sound, 2*time.Second); !errors.As(err, &mixed) || !slices.Equal(mixed.Pieces, []string{small}) {
		t.Errorf("pieces of two sizes: %v", err)
	}
	// Every beginning of a file is refused or read, never more than that.
	for n := 0; n < len(data); n += 97 {
		_ = Join(filepath.Join(dir, "out.mp4"), []string{write("part.mp4", data[:n])}, sound, time.Second)
	}
}

// FuzzTables feeds tables that something has spoiled.
func FuzzTables(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08ftyp\x00\x00\x00\x10moov\x00\x00\x00\x08trak"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.mp4")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = (&track{}).add(path)
	})
}
