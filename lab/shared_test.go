package lab

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/opus"
	"github.com/pion/rtp"

	"steno/lab/media"
)

// five is a conversation of five in which up to three speak at once.
func five() Scenario {
	s := Conversation("abc-defg-hij", 5, 20*time.Second)
	for i := range s.Turns {
		s.Turns[i].Pause = Duration(-1800 * time.Millisecond)
	}
	s.Turns[0].Pause = Duration(200 * time.Millisecond)
	return s
}

func TestPeopleShareTracks(t *testing.T) {
	t.Parallel()
	sc := five()
	sc.Layers = Duration(3 * time.Second)
	m, ctx := startLab(t, sc)
	v := visit(t, m, "Bot", false)
	if _, err := m.WaitInCall(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	heard := map[string]bool{}    // person and payload
	carried := map[string]uint8{} // track → its people, a bit each
	sizes := map[[2]int]bool{}
	for id, list := range v.packets {
		for i, p := range list {
			if len(p.CSRC) != 1 || v.sources[p.CSRC[0]] == "" {
				t.Fatalf("packet of %s names %v", id, p.CSRC)
			}
			who := v.sources[p.CSRC[0]]
			heard[who+string(p.Payload)] = true
			var n int
			_, _ = fmt.Sscanf(who, "spaces/abc-defg-hij/devices/%d", &n)
			carried[id] |= 1 << n
			if i > 0 && p.SequenceNumber-list[i-1].SequenceNumber > 1<<15 {
				t.Errorf("%s: sequence number %d after %d", id, p.SequenceNumber, list[i-1].SequenceNumber)
			}
			if i > 0 && p.Timestamp-list[i-1].Timestamp > 1<<31 {
				t.Errorf("%s: timestamps run backwards", id)
			}
			if v.owners[id].Kind == "video" {
				if w, h, ok := keyframe(p.Payload); ok {
					sizes[[2]int{w, h}] = true
				}
			}
		}
	}
	passed := map[string]bool{}
	for id, people := range carried {
		if bits.OnesCount8(people) > 1 {
			passed[v.owners[id].Kind] = true
		}
	}
	if len(carried) > 2*sharedTracks || !passed["audio"] || !passed["video"] {
		t.Errorf("tracks and the people on them: %v", carried)
	}
	if !sizes[[2]int{640, 360}] || !sizes[[2]int{320, 180}] || len(sizes) != 2 {
		t.Errorf("sizes %v", sizes)
	}
	for _, u := range m.Truth().Said {
		missing := 0
		for _, p := range clips[u.Clip].Packets {
			if !heard[u.Person+string(p)] {
				missing++
			}
		}
		if missing > 3 { // a packet or two in which the voice is still too low to get a track
			t.Errorf("%s: %d of %d packets of %s are missing", u.Name, missing, len(clips[u.Clip].Packets), u.Clip)
		}
	}
}

// keyframe reads the size of a VP8 keyframe from its first packet (RFC 7741
// section 4.2, RFC 6386 section 9.1).
func keyframe(p []byte) (w, h int, ok bool) {
	if len(p) < 11 || p[0] != 0x10 || p[1]&1 != 0 {
		return 0, 0, false
	}
	return (int(p[7]) | int(p[8])<<8) & 0x3fff, (int(p[9]) | int(p[10])<<8) & 0x3fff, true
}

func TestContributingSourcesAreAGuestsOwnAndUsedAgain(t *testing.T) {
	a, b := newNames(), newNames()
	a.update([]uint32{7, 8})
	b.update([]uint32{7, 8})
	if a.csrc(7 << 1)[0] == b.csrc(7 << 1)[0] {
		t.Error("two guests know somebody by the same number")
	}
	audio, video, other := a.csrc(7 << 1)[0], a.csrc(7<<1 | 1)[0], a.csrc(8 << 1)[0]
	if audio == video || audio == other {
		t.Errorf("numbers %d, %d, %d", audio, video, other)
	}
	a.update([]uint32{8, 9})
	if a.csrc(7<<1) != nil || a.csrc(8 << 1)[0] != other || a.csrc(9 << 1)[0] != audio {
		t.Errorf("after somebody left and another came: %v %v %v", a.csrc(7<<1), a.csrc(8<<1), a.csrc(9<<1))
	}
}

// What is mixed is compared with the sum of what was said, sample by sample,
// where two speak at once.
func TestMixIsWhatAllSayAtOnce(t *testing.T) {
	t.Parallel()
	sc := twoTalk()
	sc.Mixed = true
	sc.Turns[2].Pause = Duration(-time.Second)
	m, ctx := startLab(t, sc)
	v := visit(t, m, "Bot", true)
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	truth := m.Truth()
	said := map[string]Utterance{}
	start, end := truth.Said[0].StartUS, int64(0)
	for _, u := range truth.Said {
		said[u.Clip] = u
		start, end = min(start, u.StartUS), max(end, u.EndUS)
	}
	waitUntil(t, ctx, func() bool { // the mix comes later than it is made
		got := v.got("audio", "")
		return len(got) > 0 && got[len(got)-1].at.UnixMicro() > end+100_000
	})
	got := v.got("audio", "")
	heard := decode(t, got[0].Timestamp, got)
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	sum := make([]float64, (end-start)*48/1000)
	for _, u := range truth.Said {
		from := int(u.StartUS-start) * 48 / 1000
		var packets []received
		for i, p := range clips[u.Clip].Packets {
			packets = append(packets, received{Packet: rtp.Packet{Header: rtp.Header{Timestamp: uint32(i * media.PacketSamples)}, Payload: p}})
		}
		for i, x := range decode(t, 0, packets) {
			if from+i < len(sum) {
				sum[from+i] += x
			}
		}
	}
	both := [2]int64{said["ada-3"].FirstUS, said["ben-3"].LastUS}
	if both[1]-both[0] < 300_000 {
		t.Fatalf("they do not speak at once: %+v", truth.Said)
	}
	from, to := int(both[0]-start)*48/1000, int(both[1]-start)*48/1000
	best := 0.0
	for lag := 0; lag+to <= len(heard); lag += media.PacketSamples { // packets keep the meeting's grid, so the sound does
		best = max(best, alike(sum[from:to], heard[lag+from:lag+to]))
	}
	if best < 0.9 {
		t.Errorf("what is heard is like what was said by %.3f", best)
	}
}

// decode returns the samples of packets at the places of their timestamps.
func decode(t *testing.T, zero uint32, packets []received) []float64 {
	t.Helper()
	d, err := opus.NewDecoderWithOutput(media.SampleRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	pcm := make([]float32, media.PacketSamples)
	for _, p := range packets {
		if _, err := d.DecodeToFloat32(p.Payload, pcm); err != nil {
			t.Fatal(err)
		}
		at := int(p.Timestamp - zero)
		out = append(out, make([]float64, max(0, at+len(pcm)-len(out)))...)
		for i, x := range pcm {
			out[at+i] = float64(x)
		}
	}
	return out
}

// alike is the normalised correlation.
func alike(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	return ab / math.Sqrt(aa*bb+1e-12)
}

// However late a machine makes each of them, people send in the order of the
// schedule.
func TestPeopleSendInTheirTurn(t *testing.T) {
	t.Parallel()
	s := newSwitchboard(nil)
	begin := time.Now()
	var mu sync.Mutex
	var sent []time.Time
	var all sync.WaitGroup
	for n := range 4 {
		p, rng := &person{}, rand.New(rand.NewPCG(1, uint64(n)))
		s.expect(p, begin)
		all.Go(func() {
			defer s.gone(p)
			for i := range 200 {
				due := begin.Add(time.Duration(i*(20+n)) * time.Millisecond)
				s.expect(p, due)
				if rng.IntN(8) == 0 {
					time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
				}
				s.turn(due)
				mu.Lock()
				sent = append(sent, due)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(sent) != 800 || !slices.IsSortedFunc(sent, time.Time.Compare) {
		t.Errorf("%d were sent, not in their order", len(sent))
	}
}
