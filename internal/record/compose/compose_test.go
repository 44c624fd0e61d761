package compose

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
)

// three is a meeting of three people with cameras who speak in turn.
type three struct {
	*made
	truth []line
}

type line struct {
	Speaker string  `json:"speaker"`
	Start   float64 `json:"start_time"`
	End     float64 `json:"end_time"`
}

var cast = []struct {
	id, name string
	pitch    float64
	luma     byte
	spoken   [][2]float64
}{
	{"p1", "Ada Lovelace", 130, 60, [][2]float64{{0.8, 3.3}, {7.4, 9}}},
	{"p2", "Grace Hopper", 210, 100, [][2]float64{{3.6, 5.6}, {8.6, 9.8}}},
	{"p3", "Dorothy Vaughan", 170, 140, [][2]float64{{5.8, 7.6}, {10, 11.6}}},
}

// stormVariable asks for the long forms; make storm sets it.
const stormVariable = "STENO_STORM"

// act is how long the three talk; in the long form they say it all five times.
const act = 12

func acts() int {
	if os.Getenv(stormVariable) != "" {
		return 5
	}
	return 1
}

// newThree lets the three talk for so many acts.
func newThree(tb testing.TB, acts int, nets []network) *three {
	t := &three{made: newMade(tb)}
	seconds := float64(acts * act)
	for i, c := range cast {
		spoken := again(c.spoken, acts)
		t.person(0.01, c.id, c.name)
		net := network{delay: 30 * time.Millisecond}
		if i < len(nets) {
			net = nets[i]
		}
		t.audio(0.1, "a"+c.id, c.id, opusUnits(tb, voicePCM(seconds-0.2, c.pitch, shift(spoken, -0.1))), net)
		net.rtp += 12345
		t.video(0.1, "v"+c.id, c.id, "VP8", videoUnits(tb, "VP8", seconds-0.2, 320, 180, 90, c.luma), net)
		for _, s := range spoken {
			// The sound is heard when it arrives, not when it was said.
			d := net.delay.Seconds()
			if s[0]+d < seconds {
				t.truth = append(t.truth, line{c.name, s[0] + d, math.Min(s[1]+d, seconds)})
			}
		}
	}
	t.end(seconds)
	return t
}

// again repeats what is said in an act.
func again(spans [][2]float64, acts int) (list [][2]float64) {
	for i := range acts {
		list = append(list, shift(spans, float64(i*act))...)
	}
	return list
}

func shift(spans [][2]float64, by float64) (list [][2]float64) {
	for _, s := range spans {
		list = append(list, [2]float64{s[0] + by, s[1] + by})
	}
	return list
}

func testLog(tb testing.TB) *slog.Logger {
	var w io.Writer = io.Discard
	if testing.Verbose() {
		w = tb.Output()
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

func compose(tb testing.TB, folder string, mode bot.RecordingMode) Output {
	tb.Helper()
	o, err := Run(context.Background(), Options{Folder: folder, Mode: mode, Log: testLog(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func TestThreePeopleTalk(t *testing.T) {
	for _, mode := range []bot.RecordingMode{bot.SpeakerView, bot.GalleryView} {
		t.Run(string(mode), func(t *testing.T) {
			m := newThree(t, 1, nil)
			folder := m.all()
			o := compose(t, folder, mode)
			if d := os.Getenv("KEEP"); d != "" {
				os.RemoveAll(d + "-" + string(mode))
				os.CopyFS(d+"-"+string(mode), os.DirFS(folder))
			}
			if o.Result.DurationMS != act*1000 {
				t.Errorf("duration %d ms, want %d", o.Result.DurationMS, act*1000)
			}
			if mode == bot.SpeakerView {
				// Whoever is shown, also again, is shown as of now.
				for i, c := range timecodes(t, out(folder, "video.mp4"), "")[fps : 11*fps] {
					if want := int((1 + float64(i)/fps - 0.13) * 30); c < want-3 || c > want+3 {
						t.Fatalf("frame %d is shown at tick %d, want about %d", c, fps+i, want)
					}
				}
			}
			if e := der(m.truth, readLines(t, folder)); e > 0.02 { // under 20 ms at each of the twelve edges
				t.Errorf("diarization error rate %.4f, want at most 0.02", e)
			} else {
				t.Logf("DER %.4f", e)
			}
		})
	}
}

func readLines(tb testing.TB, folder string) (list []line) {
	tb.Helper()
	b, err := os.ReadFile(out(folder, "diarization.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		var v line
		if err := json.Unmarshal([]byte(l), &v); err != nil {
			tb.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// der is the diarization error rate as md-eval computes it, without a collar:
// missed, false and confused speech over all speech.
func der(truth, got []line) float64 {
	const step = 0.001
	end := 0.0
	for _, l := range append(append([]line(nil), truth...), got...) {
		end = math.Max(end, l.End)
	}
	active := func(list []line, t float64) map[string]bool {
		m := map[string]bool{}
		for _, l := range list {
			if t >= l.Start && t < l.End {
				m[l.Speaker] = true
			}
		}
		return m
	}
	var bad, all float64
	for t := 0.0; t < end; t += step {
		r, h := active(truth, t), active(got, t)
		right := 0
		for n := range r {
			if h[n] {
				right++
			}
		}
		all += float64(len(r))
		bad += float64(max(len(r), len(h)) - right)
	}
	return bad / all
}

// timecodes reads the frame number burnt into each frame of a file, looking at
// a part of the picture ("w:h:x:y", whole if empty); -1 where there is none.
func timecodes(tb testing.TB, path, crop string) []int {
	tb.Helper()
	filter := "scale=320:180:flags=area,format=gray"
	if crop != "" {
		filter = "crop=" + crop + "," + filter
	}
	raw := ff(tb, nil, "-i", path, "-an", "-vf", filter, "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1")
	const w, h = 320, 180
	var codes []int
	for at := 0; at+w*h <= len(raw); at += w * h {
		frame := raw[at : at+w*h]
		code := 0
		for bit := range codeBits {
			sum := 0
			for y := 5; y < 20; y++ {
				for x := bit*w/codeBits + 6; x < (bit+1)*w/codeBits-6; x++ {
					sum += int(frame[y*w+x])
				}
			}
			switch mean := sum / (15 * (w/codeBits - 12)); {
			case mean > 160:
				code |= 1 << bit
			case mean > 75:
				code = -1 << 20
			}
		}
		codes = append(codes, max(code, -1))
	}
	return codes
}

// pcmOf decodes a file to mono samples at 48 kHz.
func pcmOf(tb testing.TB, path string) []int16 {
	tb.Helper()
	raw := ff(tb, nil, "-i", path, "-vn", "-f", "s16le", "-ac", "1", "-ar", "48000", "pipe:1")
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm
}

// offset is by how many milliseconds got is later than want around a moment,
// found by correlation within ±60 ms.
func offset(want, got []int16, at, length float64) float64 {
	from, n := int(at*rate), int(length*rate)
	const step, reach = 8, rate * 6 / 100
	best, where := math.Inf(-1), 0
	for lag := -reach; lag <= reach; lag += step {
		var dot, ee float64
		for i := from; i < from+n; i += 7 {
			if j := i + lag; i < len(want) && j >= 0 && j < len(got) {
				dot += float64(want[i]) * float64(got[j])
				ee += float64(got[j]) * float64(got[j])
			}
		}
		if v := dot / math.Sqrt(ee+1); v > best {
			best, where = v, lag
		}
	}
	return float64(where) * 1000 / rate
}

// hard is everything that a network does to a sender.
func hard(i int) network {
	return network{
		delay: 40 * time.Millisecond, jitter: 35 * time.Millisecond, drift: 100e-6 * float64(i-1), loss: 0.01,
		bursts: [][2]float64{{2, 3.2}, {6.5, 8}, {41, 43}}, rtp: math.MaxUint32 - 48000*5,
	}
}

// Offsets stay within a few milliseconds over jitter, bursts, drift, loss and
// a wrap of the RTP timestamps; sound and picture of one person agree, also
// when the drift of a minute has added up (make storm).
func TestStormBadNetworkMovesNothing(t *testing.T) {
	seconds := acts() * act
	m := newThree(t, acts(), []network{hard(0), hard(1), hard(2)})
	folder := m.all()
	o := compose(t, folder, bot.GalleryView)
	if len(o.Result.Speakers) != 3 {
		t.Fatalf("%d speakers, want 3: %+v", len(o.Result.Speakers), o.Result)
	}
	if e := der(m.truth, readLines(t, folder)); e > 0.02 {
		t.Errorf("diarization error rate %.4f, want at most 0.02", e)
	} else {
		t.Logf("DER %.4f", e)
	}
	mix, opus := pcmOf(t, out(folder, "output.flac")), 0
	movie := pcmOf(t, out(folder, "video.mp4"))
	crops := []string{"618:346:18:8", "618:346:644:8", "618:346:330:364"}
	for i, c := range cast {
		var file string
		for _, a := range o.Artifacts {
			if a.Kind == KindParticipantAudio && a.Name == c.name {
				file, opus = a.Path, opus+1
			}
		}
		own := pcmOf(t, folder+"/"+file)
		if d := len(own) - seconds*rate; d < -rate/50 || d > rate/50 {
			t.Errorf("%s: own file is %d samples long, want %d", c.name, len(own), seconds*rate)
		}
		drift := 1 + hard(i).drift
		spoken := again(c.spoken, acts())
		truth := voicePCM(float64(seconds)-0.2, c.pitch, shift(spoken, -0.1))
		said := append(make([]int16, int(0.14*rate)), truth...)
		s := spoken[0]
		picture := pictureOffset(timecodes(t, out(folder, "video.mp4"), crops[i]), 0.14, drift)
		for name, pcm := range map[string][]int16{"mix": mix, "own file": own, "video": movie} {
			off := offset(said, pcm, s[0]+0.3, 1)
			t.Logf("%s %s: sound %+.1f ms, picture %+.1f ms", c.name, name, off, picture)
			if math.Abs(off) > 15 {
				t.Errorf("%s: sound in %s is off by %.1f ms", c.name, name, off)
			}
			if math.Abs(off-picture) > 20 {
				t.Errorf("%s: sound in %s and picture are %.1f ms apart", c.name, name, off-picture)
			}
		}
	}
}

// pictureOffset is how many milliseconds later than sent the frames are shown,
// in the middle: codes are frame numbers at 30 fps of a sender who began at
// start.
func pictureOffset(codes []int, start, speed float64) float64 {
	var all []float64
	last := -1
	for i, c := range codes {
		if c > 0 && c != last {
			all = append(all, (float64(i)/fps-start-float64(c)/30/speed)*1000)
			last = c
		}
	}
	if len(all) == 0 {
		return math.Inf(1)
	}
	slices.Sort(all)
	return all[len(all)/2]
}
