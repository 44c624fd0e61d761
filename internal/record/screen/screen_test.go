package screen

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"steno/internal/browser"
	"steno/internal/clock"
	"steno/internal/record/journal"
)

// clapper flashes white and beeps at the same moment, once a second.
const clapper = `data:text/html,<body style="margin:0;background:black"><script>
const ctx = new AudioContext(), gain = ctx.createGain(), tone = ctx.createOscillator();
gain.gain.value = 0; tone.frequency.value = 1000; tone.connect(gain).connect(ctx.destination); tone.start();
window.claps = 0;
setInterval(() => {
  window.claps++;
  document.body.style.background = 'white';
  gain.gain.setValueAtTime(0.5, ctx.currentTime);
  setTimeout(() => { document.body.style.background = 'black'; gain.gain.setValueAtTime(0, ctx.currentTime) }, 200);
}, 1000);
</script>`

const childVar = "STENO_TEST_SCREEN_BOT"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childVar); folder != "" {
		if _, err := filmClapper(context.Background(), folder); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("filming")
		select {}
	}
	os.Exit(m.Run())
}

type scene struct {
	*Stage
	b *browser.Browser
	w *journal.Writer
}

func (s *scene) close() error {
	s.b.Close()
	defer s.w.Close()
	return s.Stage.Close()
}

// filmClapper opens the clapper in a browser and records it.
func filmClapper(ctx context.Context, folder string) (*scene, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	w, _, err := journal.Open(folder, clock.System{})
	if err != nil {
		return nil, err
	}
	s, err := Open(ctx, Options{Folder: folder, Journal: w, Clock: clock.System{}, Width: 640, Height: 360})
	if err != nil {
		return nil, err
	}
	b, err := browser.Launch(ctx, browser.Options{Dir: folder, Headed: true, Sound: true, Env: s.Env(), Width: 640, Height: 360, Flags: []string{"--kiosk"}})
	if err != nil {
		s.Close()
		return nil, err
	}
	if err = b.Navigate(ctx, clapper); err == nil {
		err = s.Record(time.Now().UnixMicro())
	}
	return &scene{Stage: s, b: b, w: w}, err
}

func TestScreenIsFilmedWithItsSound(t *testing.T) {
	folder := t.TempDir()
	s, err := filmClapper(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	waitFor(t, "six claps", func() bool {
		var n int
		return s.b.Eval(t.Context(), "claps", &n) == nil && n >= 6
	})
	waitFor(t, "sound", func() bool { return !s.Activity().LastSound.IsZero() })
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	mp4, flac := filepath.Join(folder, "out.mp4"), filepath.Join(folder, "out.flac")
	if err := Remux(t.Context(), "", folder, Plan{MP4: mp4, FLAC: flac}); err != nil {
		t.Fatal(err)
	}
	flashes, beeps := flashesOf(t, mp4), beepsOf(t, mp4)
	t.Logf("flashes at %.2f, beeps at %.2f", flashes, beeps)
	if len(flashes) < 4 || len(beeps) < 4 {
		t.Fatalf("flashes at %v, beeps at %v", flashes, beeps)
	}
	checkTogether(t, flashes, beeps)
	if n := len(beepsOf(t, flac)); n < 4 {
		t.Errorf("FLAC has %d beeps", n)
	}
	if a := s.Activity(); a.Bytes == 0 || a.LastFrame.IsZero() {
		t.Errorf("activity %+v", a)
	}
	checkJournal(t, folder)
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "steno-screen-*")); len(left) > 0 {
		for _, l := range left {
			if l == s.dir {
				t.Errorf("%s left behind", l)
			}
		}
	}
}

// checkTogether pairs each flash with the beep nearest to it. The sound device
// starts a moment later than the picture, and one of them may end later.
func checkTogether(t *testing.T, flashes, beeps []float64) {
	t.Helper()
	paired, of := 0, 0
	for _, f := range flashes {
		if f < beeps[0]-0.5 || f > beeps[len(beeps)-1]+0.5 {
			continue
		}
		of++
		nearest := math.Inf(1)
		for _, b := range beeps {
			if d := b - f; math.Abs(d) < math.Abs(nearest) {
				nearest = d
			}
		}
		t.Logf("flash at %.3f s, beep %+.0f ms", f, nearest*1000)
		if math.Abs(nearest) < 0.4 {
			paired++
		}
	}
	if paired < of-1 || of < 3 {
		t.Errorf("%d of %d flashes have their beep", paired, of)
	}
}

func checkJournal(t *testing.T, folder string) {
	t.Helper()
	entries, err := journal.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []journal.Track
	for _, e := range entries {
		if e.Track != nil {
			got = append(got, *e.Track)
		}
	}
	if len(got) != 2 || got[0].Source != "screen" || got[0].Ended || !got[1].Ended {
		t.Errorf("journal has %+v", got)
	}
}

// Proves R1 for the screen engine: the film of a killed bot plays, and nothing
// that it started lives on.
func TestFilmOfAKilledBotPlays(t *testing.T) {
	folder := t.TempDir()
	bot := exec.Command(os.Args[0])
	bot.Env = append(os.Environ(), childVar+"="+folder)
	bot.Stderr = os.Stderr
	out, err := bot.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := bot.Start(); err != nil {
		t.Fatal(err)
	}
	var said string
	if _, err := fmt.Fscanln(out, &said); err != nil || said != "filming" {
		t.Fatalf("bot says %q", said)
	}
	path := filmPath(folder, 1)
	waitFor(t, "film", func() bool { return duration(path) > 2 })
	if err := bot.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = bot.Wait() // it was killed
	waitFor(t, "ffmpeg to die", func() bool {
		procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, p := range procs {
			b, _ := os.ReadFile(p)
			if strings.Contains(string(b), folder) {
				return false
			}
		}
		return true
	})
	before := duration(path)
	mp4 := filepath.Join(folder, "out.mp4")
	if err := Remux(t.Context(), "", folder, Plan{MP4: mp4}); err != nil {
		t.Fatal(err)
	}
	if d := duration(mp4); d < 2 || d < before-1 {
		t.Errorf("%.1f s of %.1f s were saved", d, before)
	}
	if n, err := nextFile(folder); err != nil || n != 2 {
		t.Errorf("the next film is %d, %v", n, err)
	}
}

// After an interruption the second film lies where it belongs.
func TestFilmsAreJoinedOnOneTimeline(t *testing.T) {
	folder := t.TempDir()
	if _, err := nextFile(folder); err != nil {
		t.Fatal(err)
	}
	for i, start := range []string{"1", "6"} {
		out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=25:duration=2",
			"-f", "lavfi", "-i", "sine=duration=2:sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
			"-output_ts_offset", start, "-avoid_negative_ts", "disabled", "-movflags", "+empty_moov+default_base_moof+frag_keyframe+frag_discont", filmPath(folder, i+1)).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.WriteFile(filmPath(folder, 3), []byte("killed at once"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Silence, sound from 1 to 3, silence, sound from 6 to 8; then all of it 1.5 s
	// earlier: the first begins before time zero, so that it is heard from there on.
	for ahead, sounds := range map[time.Duration][]float64{0: {1, 6}, 1500 * time.Millisecond: {4.5}} {
		mp4, flac := filepath.Join(folder, "out.mp4"), filepath.Join(folder, "out.flac")
		if err := Remux(t.Context(), "", folder, Plan{MP4: mp4, FLAC: flac, Ahead: ahead}); err != nil {
			t.Fatal(err)
		}
		want := 8 - ahead.Seconds() // from time zero to the end of the second
		if d := duration(mp4); d < want-0.2 || d > want+0.1 {
			t.Errorf("%s ahead the joined film spans %.2f s, want %.1f", ahead, d, want)
		}
		for _, file := range []string{mp4, flac} {
			near := func(a, b float64) bool { return math.Abs(a-b) < 0.1 }
			if at := beepsOf(t, file); !slices.EqualFunc(at, sounds, near) {
				t.Errorf("%s ahead the sound of %s begins at %v, want %v", ahead, filepath.Base(file), at, sounds)
			}
		}
	}
}

func TestNothingFilmedIsAnError(t *testing.T) {
	if err := Remux(t.Context(), "", t.TempDir(), Plan{MP4: "x.mp4"}); err == nil {
		t.Error("no error")
	}
}

func TestMissingProgramSaysWhatToDo(t *testing.T) {
	if _, err := Open(t.Context(), Options{FFmpeg: "/nowhere/ffmpeg"}); err == nil || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("%v", err)
	}
}

func duration(path string) float64 {
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "packet=pts_time", "-select_streams", "v", "-of", "json", path).Output()
	if err != nil {
		return 0
	}
	var p struct {
		Packets []struct {
			PTS string `json:"pts_time"`
		}
	}
	if json.Unmarshal(out, &p) != nil || len(p.Packets) == 0 {
		return 0
	}
	first, _ := strconv.ParseFloat(p.Packets[0].PTS, 64)
	last, _ := strconv.ParseFloat(p.Packets[len(p.Packets)-1].PTS, 64)
	return last - first
}

// flashesOf returns when the picture turns white.
func flashesOf(t *testing.T, path string) []float64 {
	t.Helper()
	return rises(probe(t, "movie="+path+",signalstats", "lavfi.signalstats.YAVG"), 128)
}

// beepsOf returns when the sound turns loud.
func beepsOf(t *testing.T, path string) []float64 {
	t.Helper()
	return rises(probe(t, "amovie="+path+",asetnsamples=480,astats=metadata=1:reset=1", "lavfi.astats.Overall.RMS_level"), -30)
}

type point struct{ at, value float64 }

func probe(t *testing.T, graph, tag string) (points []point) {
	t.Helper()
	cmd := exec.Command("ffprobe", "-v", "error", "-f", "lavfi", "-i", graph, "-show_entries", "frame=pts_time:frame_tags="+tag, "-of", "csv=p=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if len(f) < 2 {
			continue
		}
		at, err1 := strconv.ParseFloat(f[0], 64)
		v, err2 := strconv.ParseFloat(f[1], 64)
		if err1 == nil && err2 == nil {
			points = append(points, point{at, v})
		}
	}
	return points
}

func rises(points []point, threshold float64) (at []float64) {
	high := true // what begins high is no rise
	for _, p := range points {
		if p.value > threshold && !high {
			at = append(at, p.at)
		}
		high = p.value > threshold
	}
	return at
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
