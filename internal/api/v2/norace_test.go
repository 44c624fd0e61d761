//go:build !race

package v2_test

// raced says that the race detector watches: requests that come one after the
// other are fewer then, as scripts/test makes them all without it.
const raced = false
