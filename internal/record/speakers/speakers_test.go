package speakers

import (
	"math"
	"math/rand"
	"reflect"
	"testing"
)

// sound is noise at a level (dBFS) with a voice in the given spans (seconds).
func sound(seconds, noise float64, voice float64, spans ...[2]float64) []int16 {
	rng := rand.New(rand.NewSource(1))
	pcm := make([]int16, int(seconds*Rate))
	amp := func(db float64) float64 { return 32768 * math.Pow(10, db/20) }
	for i := range pcm {
		pcm[i] = int16(rng.NormFloat64() * amp(noise))
	}
	for _, s := range spans {
		for i := int(s[0] * Rate); i < int(s[1]*Rate); i++ {
			pcm[i] += int16(amp(voice) * math.Sqrt2 * math.Sin(2*math.Pi*440*float64(i)/Rate))
		}
	}
	return pcm
}

func TestDetectorFindsTurns(t *testing.T) {
	tests := map[string]struct {
		pcm  []int16
		want [][2]float64
	}{
		"silence":               {make([]int16, 3*Rate), nil},
		"room noise":            {sound(20, -55, -20), nil},
		"two turns":             {sound(6, -70, -25, [2]float64{1, 2}, [2]float64{3, 5}), [][2]float64{{1, 2}, {3, 5}}},
		"a short pause":         {sound(4, -70, -25, [2]float64{1, 2}, [2]float64{2.2, 3}), [][2]float64{{1, 3}}},
		"a click":               {sound(3, -70, -15, [2]float64{1, 1.02}), nil},
		"a quiet voice":         {sound(4, -80, -42, [2]float64{1, 3}), [][2]float64{{1, 3}}},
		"a voice in loud noise": {sound(12, -48, -22, [2]float64{9, 11}), [][2]float64{{9, 11}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := NewDetector()
			for at := 0; at < len(tc.pcm); at += 960 {
				d.Add(int64(at), tc.pcm[at:min(at+960, len(tc.pcm))])
			}
			d.Advance(int64(len(tc.pcm)) + Rate)
			d.Close()
			got := d.Turns()
			if len(got) != len(tc.want) {
				t.Fatalf("turns %v, want %v", got, tc.want)
			}
			for i, w := range tc.want {
				for j, at := range []int64{got[i].From, got[i].To} {
					if off := math.Abs(float64(at)/Rate - w[j]); off > 0.05 {
						t.Errorf("turn %d: boundary is off by %.0f ms", i, off*1000)
					}
				}
			}
		})
	}
}

// Gaps in what is added are silence, also long ones, which are not measured
// frame by frame.
func TestDetectorOverGaps(t *testing.T) {
	d := NewDetector()
	voice := sound(1, -70, -25, [2]float64{0, 1})
	d.Add(0, voice)
	d.Add(3600*Rate, voice)
	if open, ok := d.Open(); !ok || open.From != 3600*Rate {
		t.Errorf("open turn %v %v, want one from 3600 s", open, ok)
	}
	d.Advance(3700 * Rate)
	want := []Turn{{0, Rate}, {3600 * Rate, 3601 * Rate}}
	if got := d.Turns(); !reflect.DeepEqual(got, want) {
		t.Errorf("turns %v, want %v", got, want)
	}
}

func TestUnion(t *testing.T) {
	got := Union([]Turn{{50, 60}, {0, 10}, {5, 20}, {20, 30}})
	if want := []Turn{{0, 30}, {50, 60}}; !reflect.DeepEqual(got, want) {
		t.Errorf("union %v, want %v", got, want)
	}
}
