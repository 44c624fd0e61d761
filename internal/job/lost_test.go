package job

import (
	"slices"
	"testing"
)

// A job that runs in the process's name without it is lost only if it was so at
// two looks: the process may just be beginning it. One that has returned is not
// lost while its end is not stored.
func TestOnlyJobsThatNobodyRunsAreGivenBack(t *testing.T) {
	k := newTaken()
	if k.due() {
		t.Error("it looks without a reason")
	}
	k.doubt()
	k.begin(1, 1)
	k.begin(2, 1)
	k.end(2, 1)
	type jobs = map[int64]int // id → how often it was taken
	for look, step := range []struct {
		running jobs
		want    []int64
	}{
		{jobs{1: 1, 2: 1, 3: 1}, nil},              // 3 may be beginning
		{jobs{1: 1, 2: 1, 3: 1, 4: 1}, []int64{3}}, // it is not; 4 may be
		{jobs{1: 1, 2: 2, 4: 2}, nil},              // 2 was put off and taken again, 4 ended and was taken again
		{jobs{1: 1, 2: 2}, []int64{2}},             // it is not beginning
		{jobs{1: 1, 4: 2}, nil},
		{nil, nil}, {nil, nil}, {nil, nil}, {nil, nil}, // quiet
	} {
		if got := k.lost(step.running); !slices.Equal(got, step.want) {
			t.Errorf("look %d: %v are given back, want %v", look+1, got, step.want)
		}
	}
	k.lost(nil)
	if k.due() {
		t.Error("it looks for ever")
	}
}
