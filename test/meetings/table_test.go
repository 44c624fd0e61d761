package meetings

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"steno/test/internal/words"
)

// row is a scenario and what came of it.
type row struct {
	scenario
	*life
	figures
	seconds time.Duration
	failed  bool
}

// table collects the rows of all scenarios. Safe for concurrent use.
type table struct {
	mu   sync.Mutex
	rows []row
}

func (x *table) add(r row) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rows = append(x.rows, r)
}

// print writes the table to the file that STENO_MEETINGS_TABLE names, else to
// the test's log.
func (x *table) print(t *testing.T) {
	t.Helper()
	slices.SortFunc(x.rows, func(a, b row) int { return cmp.Compare(a.scenario.name, b.scenario.name) })
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "scenario\tend\taudio ms\tA/V ms\tspeakers %\twords %\ts\tfiles\tstatuses")
	for _, r := range x.rows {
		name := r.scenario.name
		if r.failed {
			name = "FAILED " + name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%s\t%s\n", name, r.done.Code, figure(r.audio, r.heard), figure(r.av, r.seen),
			figure(100*r.speakers, r.heard), rights(r.figures.words), r.seconds.Seconds(), strings.Join(r.files(), ", "), path(r.life))
	}
	w.Flush()
	if file := os.Getenv("STENO_MEETINGS_TABLE"); file != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Error(err)
		}
		return
	}
	t.Log("\n" + b.String())
}

func figure(v float64, known bool) string {
	if !known {
		return "-"
	}
	return fmt.Sprintf("%.1f", v)
}

// rights are the shares of words that are said by whom the transcript says.
func rights(r words.Report) string {
	var list []string
	for _, f := range []words.Figures{r.Apart, r.Mixed, r.Alone} {
		list = append(list, figure(100*float64(f.Right)/float64(f.Words), f.Words > 0))
	}
	return strings.Join(list, " ")
}

func path(l *life) string {
	var list []string
	for _, s := range l.statuses {
		list = append(list, string(s))
	}
	return strings.Join(list, " → ")
}
