// Package doctor looks at the machine and says, before a meeting does, what is
// missing and what to do about it. It changes nothing but a probe file that it
// removes again.
package doctor

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Level says how bad a finding is.
type Level int

// The levels. Only Broken makes `steno doctor` fail.
const (
	Fine Level = iota
	Doubtful
	Broken
)

// Finding is the result of one check. Remedy is what to do; empty when all is
// well.
type Finding struct {
	Level  Level
	Text   string
	Remedy string
}

// Check is one thing to look at.
type Check struct {
	Name string
	Run  func(ctx context.Context) Finding
}

// timeout bounds one check, so that a hanging database or store is a finding.
const timeout = 20 * time.Second

// Run runs the checks one after the other, writes a line for each to w, and
// returns the number of broken things.
func Run(ctx context.Context, w io.Writer, checks []Check) int {
	broken := 0
	for _, c := range checks {
		f := one(ctx, c)
		if f.Level == Broken {
			broken++
		}
		fmt.Fprintf(w, "%-7s %-9s %s\n", mark(f.Level), c.Name, f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(w, "%-17s %s\n", "", f.Remedy)
		}
	}
	return broken
}

func one(ctx context.Context, c Check) Finding {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.Run(ctx)
}

func mark(l Level) string {
	switch l {
	case Fine:
		return "ok"
	case Doubtful:
		return "warning"
	default:
		return "BROKEN"
	}
}

func fine(format string, args ...any) Finding {
	return Finding{Level: Fine, Text: fmt.Sprintf(format, args...)}
}

func doubtful(remedy, format string, args ...any) Finding {
	return Finding{Level: Doubtful, Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

func broken(remedy, format string, args ...any) Finding {
	return Finding{Level: Broken, Text: fmt.Sprintf(format, args...), Remedy: remedy}
}
