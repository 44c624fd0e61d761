package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/clock"
	"steno/internal/record/journal"
)

const (
	refresh      = 500 * time.Millisecond
	plainRefresh = 15 * time.Second
)

// view is what the terminal shows of a bot: lines for what happens, and one
// line that says how things are, which is rewritten on a terminal.
type view struct {
	w     io.Writer
	width int // columns; 0: not a terminal

	offset   int64
	state    bot.Status
	epoch    time.Time
	people   map[string]journal.Person
	speaking map[string]bool
	pulse    journal.Pulse
	end      *journal.End

	usage   browser.Usage
	cpuRate float64 // cores
	lastAt  time.Time
}

// show follows a bot's journal on the terminal. The function that it returns
// ends that, after a last look.
func show(ctx context.Context, folder string, w io.Writer) func() {
	v := &view{w: w, people: map[string]journal.Person{}, speaking: map[string]bool{}}
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			v.width = max(int(size.Col), 20)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { v.follow(ctx, folder) })
	return func() { stop(); wg.Wait() }
}

func (v *view) follow(ctx context.Context, folder string) {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	plain := time.NewTicker(plainRefresh)
	defer plain.Stop()
	for {
		v.read(folder)
		v.measure(clock.System{}.Now())
		select {
		case <-ctx.Done():
			v.read(folder)
			v.clear()
			return
		case <-plain.C:
			if v.width == 0 {
				fmt.Fprintln(v.w, v.line(clock.System{}.Now()))
			}
		case <-tick.C:
		}
		if v.width > 0 {
			v.clear()
			fmt.Fprint(v.w, cut(v.line(clock.System{}.Now()), v.width-1))
		}
	}
}

func (v *view) read(folder string) {
	entries, offset, err := journal.ReadFrom(folder, v.offset)
	if err != nil {
		return
	}
	v.offset = offset
	for _, e := range entries {
		if text := v.take(e); text != "" {
			v.clear()
			fmt.Fprintf(v.w, "%s  %s\n", e.At.Local().Format("15:04:05"), text)
		}
	}
}

// take keeps account of an entry and returns what to tell people about it.
func (v *view) take(e journal.Entry) string {
	switch {
	case e.State != nil:
		v.state = e.State.Code
		return strings.ReplaceAll(string(e.State.Code), "_", " ") + because(e.State.Message)
	case e.Epoch != nil:
		v.epoch = time.UnixMicro(e.Epoch.UnixMicro)
	case e.Person != nil:
		return v.takePerson(*e.Person)
	case e.Speech != nil:
		v.speaking[e.Speech.Person] = e.Speech.On
	case e.Pulse != nil:
		v.pulse = *e.Pulse
	case e.Chat != nil:
		return fmt.Sprintf("%s writes: %s", e.Chat.Sender, e.Chat.Text)
	case e.Gap != nil:
		return fmt.Sprintf("missed %.1f s (%s)", float64(e.Gap.To-e.Gap.From)/1e6, e.Gap.Reason)
	case e.Session != nil && e.Session.N > 1:
		return "going on with an earlier recording"
	case e.End != nil:
		v.end = e.End
		if e.End.Recorded {
			return "out of the meeting" + because(e.End.Message) + "; finishing the files"
		}
	}
	return ""
}

func (v *view) takePerson(p journal.Person) string {
	was, known := v.people[p.ID]
	v.people[p.ID] = p
	switch {
	case p.Self:
		return ""
	case p.Left:
		return p.Name + " left"
	case !known || was.Left:
		return p.Name + " is here"
	}
	return ""
}

// measure samples what the whole process tree takes, about every two seconds.
func (v *view) measure(now time.Time) {
	if now.Sub(v.lastAt) < 2*time.Second {
		return
	}
	u, err := browser.TreeUsage(os.Getpid())
	if err != nil {
		return
	}
	if !v.lastAt.IsZero() {
		v.cpuRate = (u.CPU - v.usage.CPU).Seconds() / now.Sub(v.lastAt).Seconds()
	}
	v.usage, v.lastAt = u, now
}

// line says how things are.
func (v *view) line(now time.Time) string {
	parts := []string{strings.ReplaceAll(string(v.state), "_", " ")}
	if !v.epoch.IsZero() && v.end == nil {
		parts = append(parts, now.Sub(v.epoch).Round(time.Second).String())
		here, speaking := v.names()
		parts = append(parts, fmt.Sprintf("%d here", len(here)))
		if len(speaking) > 0 {
			parts = append(parts, strings.Join(speaking, ", ")+" speaking")
		}
		parts = append(parts, bytesText(v.pulse.Bytes))
	}
	return strings.Join(append(parts, fmt.Sprintf("%.0f%% cpu", v.cpuRate*100), bytesText(v.usage.PSS)+" memory"), " | ")
}

func (v *view) names() (here, speaking []string) {
	for id, p := range v.people {
		if p.Self || p.Left {
			continue
		}
		here = append(here, p.Name)
		if v.speaking[id] {
			speaking = append(speaking, p.Name)
		}
	}
	slices.Sort(speaking)
	return here, speaking
}

func (v *view) clear() {
	if v.width > 0 {
		fmt.Fprint(v.w, "\r\x1b[K")
	}
}

func cut(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width])
	}
	return s
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d kB", n>>10)
}

// summary says what came out.
func summary(w io.Writer, out string, files []string, r journal.Result, end journal.End) {
	length := (time.Duration(r.DurationMS) * time.Millisecond).Round(time.Second / 10)
	fmt.Fprintf(w, "\nRecorded %s", length)
	if r.LostMS > 0 {
		fmt.Fprintf(w, ", %.1f s of it missing", float64(r.LostMS)/1000)
	}
	fmt.Fprintf(w, " (%s%s).\n", end.Code, because(end.Message))
	for _, p := range r.Participants {
		fmt.Fprintf(w, "  %-24s spoke %s\n", p.Name, (time.Duration(p.TalkMS) * time.Millisecond).Round(time.Second/10))
	}
	fmt.Fprintf(w, "Files in %s:\n", out)
	for _, f := range files {
		fmt.Fprintf(w, "  %s\n", f)
	}
}
