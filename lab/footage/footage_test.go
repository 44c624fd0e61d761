package footage

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"steno/lab/timecode"
)

// The code of each frame must be read back after what a recorder does to the
// picture: encode again to H.264, scale, and set into a bigger picture.
func TestTimecodeSurvivesRecoding(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	loop, err := Maker{Dir: dir}.Make(ctx, Camera{Name: "Ada", Number: 5})
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range loop.Key {
		if i%KeyEvery == 0 && !key {
			t.Fatalf("frame %d is no keyframe", i)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.ivf"))
	if len(files) != 1 {
		t.Fatalf("files in the cache: %v", files)
	}
	for _, filter := range []string{
		"scale=1280:720",
		"scale=426:240,pad=1280:720:851:3",
		"scale=160:90,pad=640:360:17:250",
		"crop=360:360,scale=480:480,pad=1280:720:100:200",
	} {
		t.Run(filter, func(t *testing.T) { readAll(t, dir, files[0], filter) })
	}
}

func readAll(t *testing.T, dir, ivf, filter string) {
	mp4 := filepath.Join(dir, "out.mp4")
	ffmpeg(t, "-i", ivf, "-t", "2", "-vf", filter, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-y", mp4)
	raw := ffmpeg(t, "-i", mp4, "-f", "rawvideo", "-pix_fmt", "gray", "-")
	size := 1280 * 720
	w, h := 1280, 720
	if bytes.Contains([]byte(filter), []byte("640:360")) {
		w, h, size = 640, 360, 640*360
	}
	var place timecode.Place
	for n := 0; n*size < len(raw); n++ {
		pic := timecode.Picture{W: w, H: h, Pix: raw[n*size : (n+1)*size]}
		if n == 0 {
			found := pic.Locate(0.2, 2.2)
			if len(found) != 1 {
				t.Fatalf("found %v", found)
			}
			place = found[0].Place
		}
		got, ok := pic.Read(place)
		if want := (timecode.Code{Frame: n, Participant: 5}); !ok || got != want {
			t.Fatalf("frame %d: got %v, %v at %v", n, got, ok, place)
		}
	}
}

func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, say bytes.Buffer
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &say
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg (needed by this test) %v: %v: %s", args, err, say.Bytes())
	}
	return out.Bytes()
}

// The second time a loop comes from the cache; without ffmpeg there is no
// first time.
func TestCacheAndNoFFmpeg(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	cam := Camera{Name: "Ben", Number: 1}
	if _, err := (Maker{Dir: dir}).Make(ctx, cam); err != nil {
		t.Fatal(err)
	}
	broken := Maker{Dir: dir, FFmpeg: filepath.Join(dir, "none")}
	if _, err := broken.Make(ctx, cam); err != nil {
		t.Errorf("not taken from the cache: %v", err)
	}
	if _, err := broken.Make(ctx, Camera{Name: "Cora", Number: 1}); err == nil {
		t.Error("made a picture without ffmpeg")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}
