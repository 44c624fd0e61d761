// Package meetings sends bots into the scenarios of lab/scenarios: each in a real
// browser on the lab's page, each from asking to join to its files. A scenario
// is a file of two documents: the meeting, as `steno lab` opens it, and what a
// bot is told and must make of it (see card_test.go).
package meetings

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"steno/internal/browser"
	"steno/test/internal/testbin"
)

// steno is the program that composes what the bots record: the one that the build
// made, else one built here.
var steno string

// atOnce is how many bots are under way: they wait most of the time.
const atOnce = "3"

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		if _, err := browser.Find(""); err != nil {
			fmt.Fprintln(os.Stderr, "these tests need a browser:", err)
			return 1
		}
		file, remove, err := testbin.Find()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer remove()
		steno = file
		chosen := false
		flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
		if !chosen {
			_ = flag.Set("test.parallel", atOnce)
		}
		return m.Run()
	}())
}
