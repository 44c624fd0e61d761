package lab

import "testing"

func TestFrameTime(t *testing.T) {
	t.Parallel()
	run := VideoRun{StartUS: 1_000_000, First: 10, FPS: 30, Loop: 600}
	for _, c := range []struct {
		position int
		before   int64
		want     int64
		ok       bool
	}{
		{10, 1_000_000, 1_000_000, true},
		{11, 1_000_000, 0, false},          // not yet
		{40, 2_000_000, 2_000_000, true},   // 30 frames on
		{10, 20_999_999, 1_000_000, true},  // the loop is 20 s long
		{10, 21_000_000, 21_000_000, true}, // second round
		{9, 21_000_000, 20_966_666, true},  // last frame of the first round
		{11, 61_500_000, 61_033_333, true}, // fourth round
	} {
		got, ok := run.FrameTime(c.position, c.before)
		if got != c.want || ok != c.ok {
			t.Errorf("position %d before %d: %d, %v; want %d, %v", c.position, c.before, got, ok, c.want, c.ok)
		}
	}
}
