// Package outage takes the database away from running servers: it is killed,
// stands still, or fails a part of what it is asked. What was acknowledged must
// be there afterwards, and arrive.
package outage

import (
	"fmt"
	"os"
	"testing"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/store/storetest"
	"steno/test/internal/testbin"
)

// program is what is tested: the one that the build made, else one built
// here.
var program string

func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "bot" {
		os.Exit(playBot(os.Args[3]))
	}
	os.Exit(func() int {
		file, remove, err := testbin.Find()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer remove()
		program = file
		return storetest.Main(m)
	}())
}

// storm reports whether the long forms are asked for.
func storm() bool { return os.Getenv("STENO_STORM") != "" }

// beside has a test run beside others, but for the long forms, which measure.
func beside(t *testing.T) {
	if !storm() {
		t.Parallel()
	}
}

// playBot is a bot whose meeting is over at once: the test is about what the
// server makes of its journal.
func playBot(folder string) int {
	w, old, err := journal.Open(folder, clock.System{})
	if err != nil {
		return 1
	}
	defer w.Close()
	if len(old) > 0 && old[len(old)-1].Done != nil {
		return 0
	}
	for _, e := range []journal.Entry{
		{Session: &journal.Session{N: 1, PID: os.Getpid()}},
		{State: &journal.State{Code: bot.JoiningCall}},
		{State: &journal.State{Code: bot.InCall}},
		{Person: &journal.Person{ID: "a", Name: "Ann"}},
		{State: &journal.State{Code: bot.Recording}},
		{State: &journal.State{Code: bot.CallEnded}},
		{End: &journal.End{Code: bot.EndMeetingEnded, Recorded: true}},
		{Result: &journal.Result{DurationMS: 3_600_000, Participants: []journal.Speaker{{N: 1, Name: "Ann"}}}},
		{State: &journal.State{Code: bot.RecordingDone}},
		{Done: &journal.Done{Status: bot.Completed, Code: bot.EndMeetingEnded}},
	} {
		if _, err := w.Append(e); err != nil {
			return 1
		}
	}
	return 0
}
