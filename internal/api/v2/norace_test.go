//go:build !race

package v2_test

// raced says that the race detector watches.
const raced = false
