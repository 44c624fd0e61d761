// Command recording measures what a recorded minute costs: processor time and
// memory of the bot's whole process tree for each mode, how long it takes from
// the API call to the first recorded sample and from leaving to the finished
// recording, and how many bots the machine carries without losing media.
//
// It runs the real server with real browsers against a meeting in the lab. The
// machine should do nothing else meanwhile; the ratios are what to look at.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"
)

var goals = map[string]string{
	"speaker_view": "live ≤ 10, in all ≤ 22", "gallery_view": "live ≤ 10", "audio_only": "live ≤ 5, ≤ 200 MB",
}

func main() {
	binary := flag.String("binary", "bin/steno", "the program to measure")
	minutes := flag.Float64("minutes", 1, "how long to measure each mode")
	modes := flag.String("modes", "speaker_view,gallery_view,audio_only", "modes to measure")
	crowd := flag.String("crowd", "audio_only=14,speaker_view=8", "how many bots at once, for each mode; empty: none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, time.Duration(*minutes*float64(time.Minute)), *modes, *crowd); err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, length time.Duration, modes, crowd string) error {
	var rows []result
	for _, mode := range split(modes) {
		r, err := measureBots(ctx, binary, mode, 1, length)
		if err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
		rows = append(rows, r)
	}
	for _, part := range split(crowd) {
		mode, count, _ := strings.Cut(part, "=")
		n := 0
		if _, err := fmt.Sscan(count, &n); err != nil || n < 1 {
			return fmt.Errorf("-crowd: %q is not like audio_only=14", part)
		}
		r, err := measureBots(ctx, binary, mode, n, length)
		if err != nil {
			return fmt.Errorf("%d × %s: %w", n, mode, err)
		}
		rows = append(rows, r)
	}
	return table(rows)
}

func table(rows []result) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "mode\tbots\tCPU-s/min live\tcompose\tin all\tMB live\tMB in all\tcall→sample s\tleave→done s\tmedia lost\tgoal\t")
	for _, r := range rows {
		n := float64(r.bots)
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.1f\t%.1f\t%s\t%s\t\n", r.mode, r.bots,
			r.live/n, r.compose/n, (r.live+r.compose)/n, r.liveMB/n, r.allMB/n,
			r.joined.Seconds(), r.done.Seconds(), r.lost, goals[r.mode])
	}
	return w.Flush()
}

func split(list string) []string {
	var out []string
	for _, s := range strings.Split(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
