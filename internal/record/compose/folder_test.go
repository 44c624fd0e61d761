package compose

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

// epoch0 is when all meetings of these tests begin.
var epoch0 = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func ffmpegPath(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		tb.Fatal("these tests need ffmpeg: install the Debian package ffmpeg")
	}
	return path
}

func ff(tb testing.TB, stdin io.Reader, args ...string) []byte {
	tb.Helper()
	cmd := exec.Command(ffmpegPath(tb), append([]string{"-v", "error", "-nostats"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil {
		tb.Fatalf("ffmpeg %v: %v: %s", args, err, errs.String())
	}
	return out.Bytes()
}

// unit is one encoded frame of a made-up track; at is its media time, seconds.
type unit struct {
	at   float64
	key  bool
	data []byte
}

// voicePCM is a made-up voice: syllables of harmonics within the given spans
// (seconds), a little room noise everywhere.
func voicePCM(seconds float64, pitch float64, spoken [][2]float64) []int16 {
	rng := rand.New(rand.NewSource(int64(pitch)))
	pcm := make([]int16, int(seconds*rate))
	for i := range pcm {
		pcm[i] = int16(rng.NormFloat64() * 8)
	}
	for _, s := range spoken {
		for i := int(s[0] * rate); i < int(s[1]*rate) && i < len(pcm); i++ {
			t := float64(i)/rate - s[0]
			// Syllables of 250 ms with dips between them that never reach silence
			// at the edges of the span.
			env := 0.55 + 0.45*math.Cos(2*math.Pi*4*t)
			if t < 0.1 || s[1]-s[0]-t < 0.1 {
				env = 1
			}
			v := 0.0
			for h := 1.0; h < 12; h++ {
				v += math.Sin(2*math.Pi*pitch*h*t) / h
			}
			pcm[i] += int16(4000 * env * v)
		}
	}
	return pcm
}

func pcmBytes(pcm []int16) []byte {
	b := make([]byte, 2*len(pcm))
	for i, s := range pcm {
		binary.LittleEndian.PutUint16(b[2*i:], uint16(s))
	}
	return b
}

// opusUnits encodes PCM as a WebRTC sender would, in 20 ms packets. Packet i
// carries the RTP time of its first sample.
func opusUnits(tb testing.TB, pcm []int16) []unit {
	tb.Helper()
	return once(fmt.Sprint("opus", crc32.ChecksumIEEE(pcmBytes(pcm))), func() []unit { return encodeOpus(tb, pcm) })
}

// encoded keeps what was encoded for another test.
var encoded = struct {
	sync.Mutex
	units map[string][]unit
}{units: map[string][]unit{}}

func once(key string, encode func() []unit) []unit {
	encoded.Lock()
	defer encoded.Unlock()
	if encoded.units[key] == nil {
		encoded.units[key] = encode()
	}
	return encoded.units[key]
}

func encodeOpus(tb testing.TB, pcm []int16) []unit {
	tb.Helper()
	out := ff(tb, bytes.NewReader(pcmBytes(pcm)), "-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "pipe:0",
		"-c:a", "libopus", "-application", "voip", "-b:a", "32k", "-frame_duration", "20", "-page_duration", "20000", "-f", "ogg", "pipe:1")
	r, _, err := oggreader.NewWith(bytes.NewReader(out))
	if err != nil {
		tb.Fatal(err)
	}
	var units []unit
	for {
		p, _, err := r.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return units
		}
		if err != nil {
			tb.Fatal(err)
		}
		if bytes.HasPrefix(p, []byte("OpusTags")) {
			continue
		}
		units = append(units, unit{at: float64(len(units)) * 0.02, data: p})
	}
}

const codeBits = 16

// videoUnits makes a moving picture of w by h at 30 fps with the frame number
// burnt in as 16 black or white fields along the top, and encodes it.
func videoUnits(tb testing.TB, codec string, seconds float64, w, h, gop int, luma byte) []unit {
	tb.Helper()
	return once(fmt.Sprint(codec, seconds, w, h, gop, luma), func() []unit { return encodeVideo(tb, codec, seconds, w, h, gop, luma) })
}

func encodeVideo(tb testing.TB, codec string, seconds float64, w, h, gop int, luma byte) []unit {
	tb.Helper()
	n := int(seconds * 30)
	r, wr := io.Pipe()
	go func() {
		frame, row, code := make([]byte, w*h*3/2), make([]byte, w), make([]byte, w)
		for i := range frame[w*h:] {
			frame[w*h+i] = 128
		}
		for i := range n {
			// Row by row, not pixel by pixel: the race detector sees each store.
			for x := range w {
				code[x], row[x] = 16, luma+byte((x+i*2)/8%8*4)
				if i>>(x*codeBits/w)&1 == 1 {
					code[x] = 235
				}
			}
			for y := range h {
				if y < h/6 {
					copy(frame[y*w:], code)
				} else {
					copy(frame[y*w:], row)
				}
			}
			if _, err := wr.Write(frame); err != nil {
				return
			}
		}
		wr.Close()
	}()
	enc := map[string][]string{
		"VP8":  {"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0", "-b:v", "800k"},
		"VP9":  {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0", "-b:v", "800k"},
		"H264": {"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline"},
	}[codec]
	if codec == "H264" {
		enc = append(enc, "-x264-params", "aud=1")
	}
	args := append([]string{"-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", w, h), "-framerate", "30", "-i", "pipe:0"}, enc...)
	if codec == "H264" {
		return accessUnits(ff(tb, r, append(args, "-g", fmt.Sprint(gop), "-f", "h264", "pipe:1")...))
	}
	out := ff(tb, r, append(args, "-g", fmt.Sprint(gop), "-f", "ivf", "pipe:1")...)
	var units []unit
	for at := 32; at < len(out); {
		size := int(binary.LittleEndian.Uint32(out[at:]))
		pts := binary.LittleEndian.Uint64(out[at+4:])
		data := out[at+12 : at+12+size]
		units = append(units, unit{at: float64(pts) / 30, key: keyframe(codec, data), data: data})
		at += 12 + size
	}
	return units
}

// accessUnits splits an H.264 stream at its delimiters.
func accessUnits(stream []byte) (units []unit) {
	delimiter := []byte{0, 0, 0, 1, 9}
	for _, data := range bytes.Split(stream, delimiter)[1:] {
		data = append(delimiter[:len(delimiter):len(delimiter)], data...)
		units = append(units, unit{at: float64(len(units)) / 30, key: keyframe("H264", data), data: data})
	}
	return units
}

func keyframe(codec string, data []byte) bool {
	switch codec {
	case "VP8":
		return data[0]&1 == 0
	case "VP9":
		return data[0]>>2&1 == 0
	}
	return bytes.Contains(data[:min(len(data), 64)], []byte{0, 0, 1, 0x67})
}

// network is how packets of one sender reach us.
type network struct {
	delay  time.Duration // always
	jitter time.Duration // up to so much more
	drift  float64       // how much faster the sender's clock runs
	loss   float64       // share of frames that never arrive
	bursts [][2]float64  // what arrives in such a span comes at its end
	rtp    uint32        // of media time zero
}

// made is a folder in the making: what happens is collected with its time and
// written in order.
type made struct {
	tb     testing.TB
	folder string
	rng    *rand.Rand
	events []event
	now    time.Time
	j      *journal.Writer
	w      map[string]*segment.Writer
	files  map[string]int
	began  map[string]time.Time
}

type event struct {
	at    time.Time
	entry *journal.Entry
	track string
	frame segment.Frame
}

func newMade(tb testing.TB) *made {
	m := &made{tb: tb, folder: tb.TempDir(), rng: rand.New(rand.NewSource(7)), now: epoch0,
		w: map[string]*segment.Writer{}, files: map[string]int{}, began: map[string]time.Time{}}
	m.say(0, journal.Entry{Session: &journal.Session{N: 1}})
	m.say(0, journal.Entry{Epoch: &journal.Epoch{UnixMicro: epoch0.UnixMicro()}})
	return m
}

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (m *made) say(at float64, e journal.Entry) {
	m.events = append(m.events, event{at: epoch0.Add(sec(at)), entry: &e})
}

func (m *made) person(at float64, id, name string) {
	m.say(at, journal.Entry{Person: &journal.Person{ID: id, Name: name}})
}

func (m *made) audio(at float64, id, person string, units []unit, net network) {
	m.say(at, journal.Entry{Track: &journal.Track{ID: id, Kind: "audio", Codec: "opus", ClockRate: 48000}})
	if person != "" {
		m.say(at, journal.Entry{Bind: &journal.Bind{Track: id, Person: person, Source: "roster"}})
	}
	m.send(at, id, 48000, units, net)
}

func (m *made) video(at float64, id, person, codec string, units []unit, net network) {
	m.say(at, journal.Entry{Track: &journal.Track{ID: id, Kind: "video", Codec: codec, ClockRate: 90000}})
	if person != "" {
		m.say(at, journal.Entry{Bind: &journal.Bind{Track: id, Person: person, Source: "roster"}})
	}
	m.send(at, id, 90000, units, net)
}

// send lets a sender who begins at a moment of the recording send its frames.
func (m *made) send(start float64, id string, clockRate float64, units []unit, net network) {
	for _, u := range units {
		if m.rng.Float64() < net.loss && !u.key {
			continue
		}
		arrive := start + u.at/(1+net.drift) + net.delay.Seconds() + net.jitter.Seconds()*m.rng.Float64()
		for _, b := range net.bursts {
			if arrive >= b[0] && arrive < b[1] {
				arrive = b[1]
			}
		}
		at := epoch0.Add(sec(arrive))
		m.events = append(m.events, event{at: at, track: id, frame: segment.Frame{
			Key: u.key, RTP: net.rtp + uint32(int64(math.Round(u.at*clockRate))), Arrival: at.UnixMicro(), Payload: u.data,
		}})
	}
}

func (m *made) end(at float64) {
	m.say(at, journal.Entry{End: &journal.End{Code: "API_REQUEST", Recorded: true}})
}

// write writes what happens up to a moment of the recording.
func (m *made) write(until float64) {
	m.tb.Helper()
	limit := epoch0.Add(sec(until))
	sort.SliceStable(m.events, func(i, j int) bool { return m.events[i].at.Before(m.events[j].at) })
	if m.j == nil {
		j, _, err := journal.Open(m.folder, clock.Func(func() time.Time { return m.now }))
		if err != nil {
			m.tb.Fatal(err)
		}
		m.j = j
		m.tb.Cleanup(func() { j.Close() })
	}
	for len(m.events) > 0 && !m.events[0].at.After(limit) {
		e := m.events[0]
		m.events = m.events[1:]
		m.now = e.at
		if e.entry == nil {
			m.frame(e)
			continue
		}
		if e.entry.End != nil {
			m.closeTracks()
		}
		if _, err := m.j.Append(*e.entry); err != nil {
			m.tb.Fatal(err)
		}
	}
	for _, w := range m.w {
		if err := w.Flush(); err != nil {
			m.tb.Fatal(err)
		}
	}
}

func (m *made) frame(e event) {
	w := m.w[e.track]
	if w != nil && e.at.Sub(m.began[e.track]) > 4*time.Second {
		if err := w.Close(); err != nil {
			m.tb.Fatal(err)
		}
		w = nil
	}
	if w == nil {
		m.files[e.track]++
		var err error
		if w, err = segment.Create(segment.Path(m.folder, e.track, m.files[e.track])); err != nil {
			m.tb.Fatal(err)
		}
		m.w[e.track], m.began[e.track] = w, e.at
	}
	w.Add(e.frame)
}

func (m *made) closeTracks() {
	for id, w := range m.w {
		if err := w.Close(); err != nil {
			m.tb.Fatal(err)
		}
		delete(m.w, id)
	}
}

// all writes everything.
func (m *made) all() string {
	m.write(1e6)
	m.closeTracks()
	return m.folder
}

func out(folder, name string) string { return filepath.Join(folder, OutDir, name) }

func mustExist(tb testing.TB, path string) {
	tb.Helper()
	if st, err := os.Stat(path); err != nil || st.Size() == 0 {
		tb.Fatalf("artifact %s is missing or empty: %v", path, err)
	}
}
