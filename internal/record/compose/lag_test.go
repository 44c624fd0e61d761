package compose

import (
	"math/rand/v2"
	"testing"
)

// babble is noise whose loudness changes as speech does.
func babble(seed uint64, samples int) []int16 {
	rng := rand.New(rand.NewPCG(seed, 1))
	pcm := make([]int16, samples)
	loud := 0.0
	for i := range pcm {
		if i%(rate/12) == 0 {
			loud = rng.Float64() * rng.Float64() * 9000
		}
		pcm[i] = int16(loud * (2*rng.Float64() - 1))
	}
	return pcm
}

func TestLagOfAFilmIsFound(t *testing.T) {
	said := babble(1, 20*rate)
	tracks := &levels{from: 2 * rate}
	tracks.add(said)
	for _, want := range []int64{0, 45, 90, 240} { // ms
		film := &levels{from: 5 * rate}
		film.add(said[3*rate-want*rate/1000:])
		got, ok := lag(film, tracks)
		if !ok || got != want*rate/1000 {
			t.Errorf("a film that is %d ms late: %d ms, %t", want, got*1000/rate, ok)
		}
	}
}

func TestLagOfStrangersIsNotGuessed(t *testing.T) {
	said, other := &levels{}, &levels{}
	said.add(babble(1, 20*rate))
	other.add(babble(2, 20*rate))
	short := &levels{}
	short.add(babble(1, 2*rate))
	silent := &levels{}
	silent.add(make([]int16, 20*rate))
	for name, film := range map[string]*levels{"another sound": other, "too short": short, "silence": silent, "nothing": {}} {
		if got, ok := lag(film, said); ok {
			t.Errorf("%s: %d ms", name, got*1000/rate)
		}
	}
}
