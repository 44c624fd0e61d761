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
	k.begin(1)
	k.begin(2)
	k.end(2)
	for look, step := range []struct{ running, want []int64 }{
		{[]int64{1, 2, 3}, nil},                  // 3 may be beginning
		{[]int64{1, 2, 3, 4}, []int64{3}},        // it is not; 4 may be
		{[]int64{1, 2}, nil},                     // 4 has ended
		{[]int64{1, 4}, nil},                     // 4 was taken again; the end of 2 is stored
		{[]int64{1, 2, 4}, []int64{4}},           // 2 may be beginning anew
		{[]int64{1, 2}, []int64{2}},              // it is not
		{[]int64{}, nil}, {nil, nil}, {nil, nil}, // quiet
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
