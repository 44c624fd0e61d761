package guest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"steno/internal/platform"
)

// Looks at a page's captions, and the lines that they make: growing, put right,
// scrolling away, several people at once.
func TestLinesOfCaptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		looks []string // "Ada: text / Ben: text"
		want  string   // "1 Ada: text! / 2 Ben: text", ! is final
	}{
		{"a line that grows and is put right", []string{"Ada: I", "Ada: I belie", "Ada: I believe that", "Ada: I believe, that."}, "1 Ada: I believe, that."},
		{"the first word was another", []string{"Ada: eye", "Ada: I believe"}, "1 Ada: I believe"},
		{"two people take turns", []string{"Ada: hello Ben", "Ada: Hello, Ben. / Ben: hi", "Ada: Hello, Ben. / Ben: Hi, Ada."}, "1 Ada: Hello, Ben. / 2 Ben: Hi, Ada."},
		{"lines scroll away", []string{
			"Ada: one two three / Ben: four five six", "Ben: Four five six. / Ada: seven eight nine", "Ada: Seven, eight, nine. / Ben: ten",
		}, "1 Ada: one two three! / 2 Ben: Four five six.! / 3 Ada: Seven, eight, nine. / 4 Ben: ten"},
		{"both talk at once", []string{"Ada: first of / Ben: wait", "Ada: first of all we / Ben: wait a minute", "Ada: First of all, we should. / Ben: Wait a minute, please."},
			"1 Ada: First of all, we should. / 2 Ben: Wait a minute, please."},
		{"sentences of one person that begin alike", []string{"Ada: I think so.", "Ada: I think so. / Ada: I think we", "Ada: I think we should. / Ada: Or not."},
			"1 Ada: I think so.! / 2 Ada: I think we should. / 3 Ada: Or not."},
		{"a long line loses its beginning", []string{"Ada: it was the best of times it was the worst of times", "Ada: it was the worst of times it was the age of wisdom"},
			"1 Ada: it was the best of times it was the worst of times it was the age of wisdom"},
		{"all is gone at once", []string{"Ada: good bye", ""}, "1 Ada: good bye!"},
		{"gone, and somebody else begins", []string{"Ada: good bye", "", "Ben: bye"}, "1 Ada: good bye! / 2 Ben: bye"},
		{"unnamed lines are those of who is shown speaking most", []string{": so", "Ada: so we", "Ada: so we are", "Ben: So we are done."}, "1 Ada: So we are done."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var cs captions
			last := map[string]platform.Caption{}
			var ids []string
			for _, look := range c.looks {
				for _, l := range cs.follow(seen(look), c.name[:7] != "unnamed") {
					if last[l.ID].Final {
						t.Errorf("line %s changed after its end", l.ID)
					}
					if !slices.Contains(ids, l.ID) {
						ids = append(ids, l.ID)
					}
					last[l.ID] = l
				}
				if again := cs.follow(seen(look), c.name[:7] != "unnamed"); again != nil {
					t.Errorf("the same look again told %+v", again)
				}
			}
			var got []string
			for _, id := range ids {
				l := last[id]
				got = append(got, fmt.Sprintf("%s %s: %s%s", id, l.Name, l.Text, map[bool]string{true: "!"}[l.Final]))
			}
			if text := strings.Join(got, " / "); text != c.want {
				t.Errorf("lines\n %s\nwant\n %s", text, c.want)
			}
		})
	}
}

func seen(look string) (list []captionSeen) {
	for l := range strings.SplitSeq(look, " / ") {
		if name, text, ok := strings.Cut(l, ": "); ok {
			list = append(list, captionSeen{Name: name, Text: text})
		}
	}
	return list
}
