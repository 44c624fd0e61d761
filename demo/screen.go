package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// screen shows what happens: events as lines, and under them one line with a
// progress bar, redrawn in place on a terminal.
type screen struct {
	w     io.Writer
	live  bool // w is a terminal
	start time.Time
	bar   string
	last  time.Time
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w, start: time.Now()}
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil {
			s.live = st.Mode()&os.ModeCharDevice != 0
		}
	}
	return s
}

// say prints a line above the bar.
func (s *screen) say(format string, args ...any) {
	s.wipe()
	fmt.Fprintf(s.w, "%5.1fs  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
	s.draw()
}

// progress redraws the bar; without a terminal it prints a line every ten
// seconds.
func (s *screen) progress(done, total time.Duration, text string) {
	share := min(1, max(0, done.Seconds()/max(1, total.Seconds())))
	const width = 30
	full := int(share * width)
	s.bar = fmt.Sprintf("        [%s%s] %s/%s  %s", strings.Repeat("█", full), strings.Repeat("·", width-full), stamp(done), stamp(total), text)
	if s.live {
		s.wipe()
		s.draw()
	} else if time.Since(s.last) >= 10*time.Second {
		s.last = time.Now()
		fmt.Fprintln(s.w, s.bar)
	}
}

// clear takes the bar away.
func (s *screen) clear() {
	s.wipe()
	s.bar = ""
}

func (s *screen) wipe() {
	if s.live && s.bar != "" {
		fmt.Fprint(s.w, "\r\x1b[K")
	}
}

func (s *screen) draw() {
	if s.live && s.bar != "" {
		fmt.Fprint(s.w, s.bar)
	}
}

// table prints names and values in two columns.
func (s *screen) table(facts []Fact) {
	width := 0
	for _, f := range facts {
		width = max(width, len([]rune(f.Name)))
	}
	for _, f := range facts {
		fmt.Fprintf(s.w, "  %-*s  %s\n", width, f.Name, f.Value)
	}
}
