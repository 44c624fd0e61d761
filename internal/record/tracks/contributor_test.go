package tracks

import (
	"testing"
	"time"
)

// A source tells in which tenths of a second it was there, as far back as it
// remembers, also of frames that came out of order.
func TestContributorRemembersTenths(t *testing.T) {
	zero := time.Unix(1_790_000_000, 0)
	at := func(tenths int64) time.Time { return zero.Add(time.Duration(tenths) * 100 * time.Millisecond) }
	base := zero.UnixMilli() / 100
	var c Contributor
	if c.In(base) {
		t.Error("heard before anything came")
	}
	for _, n := range []int64{0, 1, 5, 4, 40, 70, 3} { // the last one is too long ago
		c.Note(at(n))
	}
	for n, want := range map[int64]bool{0: false, 1: false, 3: false, 4: false, 5: false, 7: false, 39: false, 40: true, 41: false, 70: true, 71: false} {
		if c.In(base+n) != want {
			t.Errorf("tenth %d: %t", n, !want)
		}
	}
	c = Contributor{}
	for _, n := range []int64{10, 12, 11} {
		c.Note(at(n))
	}
	for n, want := range map[int64]bool{9: false, 10: true, 11: true, 12: true, 13: false} {
		if c.In(base+n) != want {
			t.Errorf("tenth %d, out of order: %t", n, !want)
		}
	}
}

// Video names its source, too; a frame of several sources is nobody's.
func TestContributorsOfATrack(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for kind, sounds := range map[string]bool{"audio": true, "video": false} {
		tr := &track{speech: map[uint32]*Contributor{}}
		tr.entry.Kind = kind
		tr.hear(sample{csrcs: []uint32{7}, level: 20, arrival: now.UnixMicro()})
		tr.hear(sample{csrcs: []uint32{8, 9}, level: 20, arrival: now.UnixMicro()})
		tenth := now.UnixMilli() / 100
		if c := tr.speech[7]; c == nil || !c.In(tenth) || c.LastSound.IsZero() == sounds {
			t.Errorf("%s: %+v", kind, c)
		}
		if c := tr.speech[8]; c == nil || c.In(tenth) {
			t.Errorf("%s, one of two: %+v", kind, c)
		}
	}
}
