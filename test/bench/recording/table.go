package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// goal is what one bot of a mode may take; zero: there is no goal.
type goal struct {
	live, all float64 // CPU-seconds per recorded minute
	memory    float64 // MB of PSS
	most      float64 // bots at once on two cores
}

var goals = map[string]goal{
	"speaker_view": {live: 10, all: 22, most: 8},
	"gallery_view": {live: 10},
	"audio_only":   {live: 5, memory: 200, most: 14},
}

// lossless is the share of media, in percent, up to which none counts as lost.
const lossless = 0.1

// table is what was measured, beside what was to be reached.
type table struct{ rows [][4]string }

func (t *table) atMost(what string, figure, goal float64) {
	t.add(what, figure, goal, "≤", figure <= goal)
}

func (t *table) atLeast(what string, figure, goal float64) {
	t.add(what, figure, goal, "≥", figure >= goal)
}

func (t *table) add(what string, figure, goal float64, sign string, met bool) {
	row := [4]string{what, fmt.Sprintf("%.1f", figure), "–", ""}
	if goal != 0 {
		row[2], row[3] = fmt.Sprintf("%s %g", sign, goal), "missed"
		if met {
			row[3] = "met"
		}
	}
	t.rows = append(t.rows, row)
}

func (t *table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tfigure\tgoal\t\t")
	for _, r := range t.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", r[0], r[1], r[2], r[3])
	}
	w.Flush()
}
