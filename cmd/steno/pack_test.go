package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"steno/internal/meeting"
	"steno/internal/platform/pack"
)

func TestPackCommands(t *testing.T) {
	dir := t.TempDir()
	good := pack.Builtin(meeting.Meet).Text()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	right := write("meet.yaml", good)
	wrong := write("teams.yaml", strings.Replace(good, "signals_needed: 4", "signals_needed: 1", 1))
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"pack", "check", right}, 0},
		{[]string{"pack", "check", right, wrong}, 1},
		{[]string{"pack", "check", filepath.Join(dir, "none.yaml")}, 1},
		{[]string{"pack", "show", "meet"}, 0},
		{[]string{"pack", "show", "meet", "--packs", dir}, 0},
		{[]string{"pack", "show", "teams", "--packs", dir}, 1}, // the operator's is broken
		{[]string{"pack", "show", "webex"}, 1},
	} {
		if got := run(t.Context(), c.args); got != c.want {
			t.Errorf("steno %s: status %d, want %d", strings.Join(c.args, " "), got, c.want)
		}
	}
}
