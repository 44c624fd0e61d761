package measure

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"steno/lab"
	"steno/lab/footage"
	"steno/lab/media"
)

const epoch = int64(1_800_000_000_000_000)

// scene is a made-up meeting of 16 seconds with two people.
type scene struct {
	t     *testing.T
	dir   string
	truth lab.Truth
	refs  references
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, dir: t.TempDir(), refs: references{decoder: decoder{}, known: map[string][]float64{}}}
	s.truth.People = []lab.TruePerson{{ID: "p1", Name: "Ada", Camera: 1}, {ID: "p2", Name: "Ben", Camera: 2}}
	for i, p := range s.truth.People {
		s.truth.Video = append(s.truth.Video, lab.VideoRun{Person: p.ID, Camera: p.Camera, StartUS: epoch - int64(i+1)*1_000_000, FPS: 30, Loop: 600})
	}
	s.say("p1", "Ada", "ada-1", 1.0)
	s.say("p2", "Ben", "ben-1", 5.0)
	s.say("p1", "Ada", "ada-2", 9.2) // over the end of Ben
	s.say("p2", "Ben", "ben-5", 11.0)
	return s
}

func (s *scene) say(id, name, clip string, at float64) {
	clips, err := media.Clips()
	if err != nil {
		s.t.Fatal(err)
	}
	c := clips[clip]
	start := epoch + int64(at*1e6)
	us := func(n int) int64 { return start + int64(n)*1e6/media.SampleRate }
	u := lab.Utterance{Person: id, Name: name, Clip: clip, StartUS: start, EndUS: us(c.Samples())}
	for _, a := range c.Activity {
		u.Activity = append(u.Activity, lab.Span{FromUS: us(a.Start), ToUS: us(a.End)})
	}
	u.FirstUS, u.LastUS = u.Activity[0].FromUS, u.Activity[len(u.Activity)-1].ToUS
	s.truth.Said = append(s.truth.Said, u)
}

// wav writes what is said by some people, late by an offset in seconds that
// may grow, with a hole.
func (s *scene) wav(file string, who map[string]bool, offset func(at float64) float64, holeFrom, holeTo float64) string {
	pcm := make([]float64, 16*rate)
	for _, u := range s.truth.Said {
		if !who[u.Name] {
			continue
		}
		ref, err := s.refs.pcm(context.Background(), u.Clip)
		if err != nil {
			s.t.Fatal(err)
		}
		at := float64(u.StartUS-epoch) / 1e6
		from := int(math.Round((at + offset(at)) * rate))
		for i, x := range ref {
			pcm[from+i] += x
		}
	}
	for i := int(holeFrom * rate); i < int(holeTo*rate); i++ {
		pcm[i] = 0
	}
	raw := make([]byte, 2*len(pcm))
	for i, x := range pcm {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(int16(x*32767)))
	}
	path := filepath.Join(s.dir, file)
	s.ffmpeg(raw, "-f", "s16le", "-ac", "1", "-ar", fmt.Sprint(rate), "-i", "-", "-y", path)
	return path
}

func (s *scene) ffmpeg(stdin []byte, args ...string) {
	s.t.Helper()
	var say bytes.Buffer
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error"}, args...)...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &say
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("ffmpeg (needed by this test) %v: %v: %s", args, err, say.Bytes())
	}
}

// mp4 makes a gallery of both cameras with a sound track.
func (s *scene) mp4(audio, filter string) string {
	one, two := camera(s.t, "Ada", 1), camera(s.t, "Ben", 2)
	path := filepath.Join(s.dir, "video.mp4")
	// The cameras began one and two seconds before the recording.
	s.ffmpeg(nil, "-ss", "1", "-i", one, "-ss", "2", "-i", two, "-i", audio, "-filter_complex",
		"[0:v]scale=640:360[a];[1:v]scale=640:360[b];[a][b]hstack,pad=1280:720:0:180,"+filter+"[v]", "-map", "[v]", "-map", "2:a",
		"-t", "16", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-y", path)
	return path
}

// cameras is a folder that all tests share, removed by TestMain.
var cameras string

func TestMain(m *testing.M) {
	var err error
	if cameras, err = os.MkdirTemp("", "cameras-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(cameras)
	os.Exit(code)
}

// camera returns the IVF file of a camera.
func camera(t *testing.T, name string, n int) string {
	t.Helper()
	dir := filepath.Join(cameras, fmt.Sprint(n))
	_, err := footage.Maker{Dir: dir}.Make(context.Background(), footage.Camera{Name: name, Number: n})
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.ivf"))
	return files[0]
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s is %.2f, want %.2f ± %.2f", what, got, want, tolerance)
	}
}

func constant(s float64) func(float64) float64 { return func(float64) float64 { return s } }

var both = map[string]bool{"Ada": true, "Ben": true}

func TestPlantedAudioOffsetsAndLosses(t *testing.T) {
	s := newScene(t)
	rec := Recording{EpochUS: epoch, People: map[string]string{
		"Ada":      s.wav("ada.opus", map[string]bool{"Ada": true}, constant(0.037), 0, 0),
		"Ben":      s.wav("ben.opus", map[string]bool{"Ben": true}, constant(-0.021), 12, 13),
		"Stranger": s.wav("stranger.opus", map[string]bool{"Ben": true}, constant(0), 0, 0),
	}, Audio: s.wav("mix.flac", both, func(at float64) float64 { return 0.010 + at*0.002 }, 0, 0)}
	r, err := Measure(context.Background(), rec, s.truth, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.People) != 2 || len(r.Strange) != 1 || len(r.Missing) != 0 {
		t.Fatalf("report: %+v", r)
	}
	ada, ben := r.People[0], r.People[1]
	near(t, "offset of Ada", ada.OffsetMS, 37, 1)
	near(t, "loss of Ada", ada.LostS, 0, 0.1)
	near(t, "offset of Ben", ben.OffsetMS, -21, 1)
	near(t, "loss of Ben", ben.LostS, 1, 0.15)
	if ada.Found != 2 || ben.Found != 2 {
		t.Errorf("found %d and %d utterances of two each", ada.Found, ben.Found)
	}
	near(t, "first offset in the mix", r.Mix.MinMS, 12, 1.5)
	near(t, "drift in the mix", r.Mix.DriftMS, 20, 3)
	near(t, "duration", r.Duration.Seconds(), 16, 0.1)
}

func TestSilentFileIsAllLost(t *testing.T) {
	s := newScene(t)
	rec := Recording{EpochUS: epoch, People: map[string]string{"Ada": s.wav("ada.opus", map[string]bool{}, constant(0), 0, 0)}}
	r, err := Measure(context.Background(), rec, s.truth, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a := r.People[0]; a.Found != 0 || a.LostS < a.SpeechS*0.99 || a.SpeechS < 5 {
		t.Errorf("silence: %+v", a)
	}
	if len(r.Missing) != 1 || r.Missing[0] != "Ben" {
		t.Errorf("missing: %v", r.Missing)
	}
}

func TestPlantedPictureOffset(t *testing.T) {
	s := newScene(t)
	audio := s.wav("mix.wav", both, constant(0.040), 0, 0)
	// Three frames late.
	rec := Recording{EpochUS: epoch, Video: s.mp4(audio, "tpad=start=3")}
	r, err := Measure(context.Background(), rec, s.truth, Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := r.Video
	near(t, "offset of the picture", v.OffsetMS, 100, 5)
	near(t, "offset of the sound", v.Sound.OffsetMS, 40, 2)
	if v.AV == nil || v.AV.Samples != 4 {
		t.Fatalf("synchronism: %+v", v.AV)
	}
	near(t, "picture against sound", v.AV.MedianMS, 60, 6)
	near(t, "largest", v.AV.MaxMS, 60, 12)
	near(t, "drift", v.AV.DriftMS, 0, 5)
	near(t, "frozen", v.FrozenRatio, 0, 0.001)
	near(t, "Ada shown", v.ShownS["Ada"], 15.8, 0.3)
	near(t, "Ben shown", v.ShownS["Ben"], 15.8, 0.3)
	near(t, "rate", v.FPS, 30, 0.2)
}

func TestFrozenPicture(t *testing.T) {
	s := newScene(t)
	audio := s.wav("mix.wav", both, constant(0), 0, 0)
	// Two seconds of 16 stand still.
	rec := Recording{EpochUS: epoch, Video: s.mp4(audio, `select=not(between(n\,180\,239)),fps=30`)}
	r, err := Measure(context.Background(), rec, s.truth, Options{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "frozen", r.Video.FrozenRatio, 2.0/16, 0.01)
	near(t, "offset of the picture", r.Video.OffsetMS, 0, 5)
}

func TestCompare(t *testing.T) {
	truth := []Turn{{"Ada", 0, 10}, {"Ben", 10, 20}}
	for _, c := range []struct {
		name                     string
		said                     []Turn
		missed, falsely, confuse float64
	}{
		{"perfect", truth, 0, 0, 0},
		{"nothing", nil, 20, 0, 0},
		{"late end", []Turn{{"Ada", 0, 10}, {"Ben", 10, 22}}, 0, 2, 0},
		{"swapped names", []Turn{{"Ben", 0, 10}, {"Ada", 10, 20}}, 0, 0, 20},
		{"one for both", []Turn{{"Ada", 0, 20}}, 0, 0, 10},
		{"both at once", []Turn{{"Ada", 0, 20}, {"Ben", 0, 20}}, 0, 20, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Compare(truth, c.said)
			near(t, "speech", d.SpeechS, 20, 1e-9)
			near(t, "missed", d.MissedS, c.missed, 1e-9)
			near(t, "false", d.FalseS, c.falsely, 1e-9)
			near(t, "confused", d.ConfusedS, c.confuse, 1e-9)
			near(t, "rate", d.DER, (c.missed+c.falsely+c.confuse)/20, 1e-9)
		})
	}
}

func TestDiarizationFileAgainstTruth(t *testing.T) {
	s := newScene(t)
	file := filepath.Join(s.dir, "diarization.jsonl")
	lines := ""
	for _, u := range s.truth.Said {
		lines += fmt.Sprintf("{\"speaker\":%q,\"start_time\":%.3f,\"end_time\":%.3f}\n", u.Name, float64(u.FirstUS-epoch)/1e6, float64(u.LastUS-epoch)/1e6)
	}
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Measure(context.Background(), Recording{EpochUS: epoch, Diarization: file}, s.truth, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Speakers; !d.NamesRight || d.DER > 0.002 {
		t.Errorf("speakers: %+v", d)
	}
}
