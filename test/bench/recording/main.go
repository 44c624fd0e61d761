// Command recording measures what a recorded minute costs (processor time and
// memory of the bot's whole process tree, for each way of recording), how many
// bots the machine carries without losing media, how long it takes from the API
// call to the first recorded sample, and from leaving to the finished recording.
//
// It runs the real server with real browsers against a meeting in the lab, on the
// page of Google Meet: three people with cameras, on three tracks of each kind that
// they share. There are as many to record and to decode as if each had their own. The
// machine should do nothing else meanwhile; the ratios are what to look at.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	binary := flag.String("binary", "bin/steno", "the program to measure")
	length := flag.Duration("length", time.Minute, "how long to measure one bot")
	modes := flag.String("modes", "speaker_view,gallery_view,audio_only,"+filmed, "what to measure with one bot")
	most := flag.String("most", "speaker_view=8+4,gallery_view=8+4,audio_only=14+4,"+filmed+"=1+1", "find the most bots: how many to begin with, and to add")
	ceiling := flag.Int("ceiling", 24, "how many bots to try at most")
	window := flag.Duration("window", 20*time.Second, "how long to measure each number of bots")
	joins := flag.Int("joins", 20, "how many bots join, one after the other")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := &table{}
	err := run(ctx, t, *binary, split(*modes), *length, split(*most), *ceiling, *window, *joins)
	t.print(os.Stdout) // also what there is when something fails
	if err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, t *table, binary string, modes []string, length time.Duration, most []string, ceiling int, window time.Duration, joins int) error {
	for _, mode := range modes {
		if err := single(ctx, t, binary, mode, length); err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
	}
	for _, part := range most {
		var first, step int
		mode, count, _ := strings.Cut(part, "=")
		if _, err := fmt.Sscanf(count, "%d+%d", &first, &step); err != nil || first < 1 || step < 1 {
			return fmt.Errorf("-most: %q is not like audio_only=13+1", part)
		}
		if err := crowd(ctx, t, binary, mode, first, step, ceiling, window); err != nil {
			return fmt.Errorf("most bots, %s: %w", mode, err)
		}
	}
	if joins > 0 {
		if err := latency(ctx, t, binary, joins); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	return nil
}

// single measures one bot.
func single(ctx context.Context, t *table, binary, mode string, length time.Duration) error {
	s, err := open(ctx, binary, mode)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.join(ctx, 1); err != nil {
		return err
	}
	r, err := s.measure(ctx, length)
	if err != nil {
		return err
	}
	done, err := s.leave(ctx)
	if err != nil {
		return err
	}
	what := mode + ", 1 bot: "
	g := goals[mode]
	t.atMost(what+"live, CPU-s/min", r.live, g.live)
	t.atMost(what+"live and composing, CPU-s/min", r.live+r.compose, g.all)
	t.atMost(what+"live, MB of PSS", r.liveMB, g.memory)
	t.atMost(what+"with the composer, MB of PSS", r.allMB, 0)
	t.atMost(what+"media lost, %", r.lost, lossless)
	t.atMost(what+"leaving to completed, s", done.Seconds(), 5)
	return nil
}

// crowd adds bots until media are lost, or there are enough.
func crowd(ctx context.Context, t *table, binary, mode string, n, step, ceiling int, window time.Duration) error {
	s, err := open(ctx, binary, mode)
	if err != nil {
		return err
	}
	defer s.close()
	var best, r result
	for ; ; n += step {
		if err := s.join(ctx, n); err != nil {
			return err
		}
		if r, err = s.measure(ctx, window); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d bots: %.3f %% of media lost\n", n, r.lost)
		if r.lost <= lossless {
			best = r
		}
		if r.lost > lossless || n+step > ceiling {
			break
		}
	}
	what := mode + ", most bots: "
	t.atLeast(what+"without lost media", float64(best.bots), goals[mode].most)
	if best.bots > 0 {
		per := float64(best.bots)
		t.atMost(what+"live, CPU-s/min each", best.live/per, goals[mode].live)
		t.atMost(what+"composing meanwhile, CPU-s/min each", best.compose/per, 0)
		t.atMost(what+"live, MB of PSS each", best.liveMB/per, goals[mode].memory)
		t.atMost(what+"media lost, %", best.lost, lossless)
	}
	t.atMost(fmt.Sprintf("%s, %d bots: media lost, %%", mode, n), r.lost, 0)
	return nil
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
