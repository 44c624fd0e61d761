package hostile

import "testing"

// Raced reports whether the race detector watches.
func Raced() bool { return raced }

// OneByOne leaves a test whose many requests come one after the other to a run
// without the race detector, which would find nothing and takes long; scripts/test
// has one.
func OneByOne(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("runs without the race detector")
	}
}
