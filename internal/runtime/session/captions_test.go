package session

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/journal"
)

// What the page shows, second by second, and what the journal is told of it.
func TestCaptionsBecomeLines(t *testing.T) {
	t.Parallel()
	words := func(n int) string { return strings.TrimSpace(strings.Repeat("word ", n)) }
	for _, c := range []struct {
		name string
		look []string // a second each: "id Name text", several by /; "id! …" is gone; "|" nothing is recorded
		want []string // "id Person from-to text", ! is final; of the entries
	}{
		{"a line grows, is put right and rests", []string{"1 Ann I belie", "1 Ann I believe that", "1 Ann I believe that we", "1 Ann I believe, that we.", "", "", ""},
			[]string{"c1 p1 0-0 I belie", "c1 p1 0-2 I believe that we", "c1 p1 0-2 I believe, that we.", "c1 p1 0-2 I believe, that we.!"}},
		{"a line that scrolled away has ended", []string{"1 Ann hello", "1! Ann hello / 2 Ben hi"}, []string{"c1 p1 0-0 hello", "c1 p1 0-0 hello!", "c2 p2 1-1 hi", "c2 p2 1-1 hi!"}},
		{"after a pause the same line is a new one", []string{"1 Ann hello", "", "", "", "1 Ann Hello. And good", "1 Ann Hello. And goodbye", "", "", ""},
			[]string{"c1 p1 0-0 hello", "c1 p1 0-0 hello!", "c2 p1 4-4 And good", "c2 p1 4-5 And goodbye", "c2 p1 4-5 And goodbye!"}},
		{"nothing is kept of a pause of the recording", []string{"1 Ann before", "|1 Ann before and in", "|1 Ann before and in between", "1 Ann before and in between after"},
			[]string{"c1 p1 0-0 before", "c1 p1 0-0 before!", "c2 p1 3-3 after", "c2 p1 3-3 after!"}},
		{"a long speech is cut at a sentence", func() (list []string) {
			for i := range 20 {
				text := words(i + 1)
				if i >= 9 {
					text = words(10) + ". " + words(i-9)
				}
				list = append(list, "1 Ann "+text)
			}
			return list
		}(), []string{"c1 p1 0-9 " + words(10) + ".!", "c2 p1 10-19 " + words(10) + "!"}},
		{"a name that nobody has, or that two have, is nobody's", []string{"1 Zed hello / 2 Twin hello"},
			[]string{"c1  0-0 hello", "c2  0-0 hello", "c1  0-0 hello!", "c2  0-0 hello!"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			j, _, err := journal.Open(w.folder, system)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			d := &diary{folder: w.folder, log: quiet, w: j, mem: recall(nil)}
			d.roster([]platform.Person{{ID: "p1", Name: "Ann"}, {ID: "p2", Name: "Ben"}, {ID: "p3", Name: "Twin"}, {ID: "p4", Name: "Twin"}})
			cs := captions{diary: d}
			zero := time.UnixMicro(0)
			for i, look := range c.look {
				paused := strings.HasPrefix(look, "|")
				if paused {
					cs.rest()
				}
				cs.take(captionsOf(strings.TrimPrefix(look, "|")), zero.Add(time.Duration(i)*time.Second), !paused)
			}
			cs.close()
			got := captionEntries(w.entries(), c.name[:6] == "a long")
			if !slices.Equal(got, c.want) {
				t.Errorf("entries\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(c.want, "\n "))
			}
		})
	}
}

func captionsOf(look string) (list []platform.Caption) {
	for l := range strings.SplitSeq(look, " / ") {
		if f := strings.SplitN(l, " ", 3); len(f) == 3 {
			id, gone := strings.CutSuffix(f[0], "!")
			list = append(list, platform.Caption{ID: id, Name: f[1], Text: f[2], Final: gone})
		}
	}
	return list
}

func captionEntries(entries []journal.Entry, finals bool) (list []string) {
	for _, e := range entries {
		if c := e.Caption; c != nil && (c.Final || !finals) {
			list = append(list, fmt.Sprintf("%s %s %d-%d %s%s", c.ID, c.Person, c.From/1e6, c.To/1e6, c.Text, map[bool]string{true: "!"}[c.Final]))
		}
	}
	return list
}

// A bot that died in the middle of a line goes on with a new one; what was on disk
// counts, once.
func TestCaptionsSurviveTheProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *bot.Spec) { s.Captions = true })
	scene := inCall("self")
	say := func(name, text string) {
		scene.Captions = []platform.Caption{{ID: "1", Name: name, Text: text}}
		w.show(scene)
		w.until(text, func([]journal.Entry) bool { return strings.Contains(w.story(), fmt.Sprintf("%q", text)) })
	}
	w.show(scene)
	p := w.start()
	w.untilState(bot.Recording)
	say("Ann", "we really should")
	p.stop()
	_ = p.wait()
	// What a killed process had no time for.
	story, _, cut := strings.Cut(w.story(), "\"final\":true")
	if cut {
		story = story[:strings.LastIndex(story, "\n")+1]
		if err := os.WriteFile(filepath.Join(w.folder, journal.File), []byte(story), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	scene.Captions = nil
	w.show(scene)
	p = w.start()
	w.until("a second process in the call", func(entries []journal.Entry) bool { return strings.Count(w.story(), `"self":true`) == 2 })
	scene.Captions = []platform.Caption{{ID: "1", Name: "Ben", Text: "Yes."}, {ID: "2", Name: "Ann", Text: "I know. We really should go."}}
	w.show(scene) // a page that shows the line that goes on as a whole
	w.until("what is new", func([]journal.Entry) bool { return strings.Contains(w.story(), `"text":"go."`) })
	p.leave <- "terminal"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, e := range w.entries() {
		if c := e.Caption; c != nil {
			if text, ok := ids[c.ID]; ok && text != c.Text {
				t.Errorf("line %s is %q and %q", c.ID, text, c.Text)
			}
			ids[c.ID] = c.Text
		}
	}
	if got := captionEntries(w.entries(), true); len(got) != 3 {
		t.Errorf("ends of lines: %q", got)
	}
	if len(ids) != 3 || ids["c1"] != "we really should" || ids["c2"] != "Yes." || ids["c3"] != "go." {
		t.Errorf("lines: %v", ids)
	}
}
