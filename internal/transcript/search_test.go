package transcript

import (
	"context"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"steno/internal/fail"
)

func TestTextIsCutIntoWordsThatPeopleTakeForTheSame(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"Let's ship v2.1, OK?":    "let s ship v2 1 ok",
		"École, ZÜRICH; Ærø Łódź": "ecole zurich aero lodz",
		"Straße STRASSE":          "strasse strasse",
		"Всё ещё":                 "все еще",
		"İstanbul ısı":            "istanbul isi",
		"مُحَمَّد":                "محمد",
		"ﬁnance ＡＢＣ ½":            "finance abc 12",
		"हिन्दी में":              "हिन्दी में",
		"会議室":                     "会議 議室 室",
		"サーバーを":                   "サー ーバ バー ーを を",
		"ｶﾞｽ":                     "ガス ス",
		"iPhone手机x":               "iphone 手机 机 x",
		"회의를 시작":                  "회의 의를 를 시작 작",
		"がか":                      "がか か",
		"<b>&'\"\\:*|!()":         "b",
		"😀 👍":                     "",
		"a\xffb":                  "a b",
	} {
		if got := strings.Join(Words(text), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if w := Words(strings.Repeat("é", 5000)); len(w) != 1 || utf8.RuneCountInString(w[0]) != longestWord {
		t.Errorf("a word without an end: %d words", len(w))
	}
	if n := len(Words(strings.Repeat("会", 9000) + strings.Repeat(" a", 9000))); n != mostWords {
		t.Errorf("%d words are kept of very many", n)
	}
}

func TestQueriesAreTextButForQuotesAndStars(t *testing.T) {
	for q, want := range map[string]string{
		"budget":                       "budget",
		"  Budget   Hiring ":           "budget & hiring",
		`"next week" budget`:           "next week & budget",
		`"next week`:                   "next week",
		"meet* x":                      "meet* & x",
		`"next wee*"`:                  "next wee*",
		"don't e-mail":                 "don t & e mail",
		"a OR b AND NOT c":             "a & or & b & and & not & c",
		"NEAR(a b, 2) text:x -y ^z":    "near a & b & 2 & text x & y & z",
		"foo:* | !bar <-> (baz) 'q'":   "foo* & bar & baz & q",
		"* budget **":                  "budget",
		"会議":                           "会議",
		"会":                            "会*",
		"会議室":                          "会議 議室",
		"手机x":                          "手机 机 x",
		"x手":                           "x 手*",
		"#0123 @ada %12":               "0123 & ada & 12",
		`\" \' ; DROP TABLE teams; --`: "drop table teams",
	} {
		terms, err := parse(q)
		if err != nil {
			t.Errorf("%q: %v", q, err)
		}
		var got []string
		for _, term := range terms {
			text := strings.Join(term.Words, " ")
			if term.Prefix {
				text += "*"
			}
			got = append(got, text)
		}
		if got := strings.Join(got, " & "); got != want {
			t.Errorf("%q: got %q, want %q", q, got, want)
		}
	}
	for _, q := range []string{"", " ", `""`, "*", "!?", "😀", "a*", "ab*", strings.Repeat("a ", mostQueried+1), `"` + strings.Repeat("a ", mostQueried+1)} {
		if _, err := parse(q); !fail.Is(err, fail.Invalid) {
			t.Errorf("%q: got %v, want a refusal", q, err)
		}
	}
}

func TestSnippetShowsWhatWasFoundAndIsSafeAsHTML(t *testing.T) {
	long := strings.Repeat("so we said ", 40) + "<the> budget" + strings.Repeat(" and so on", 40)
	for _, c := range []struct{ q, text, want string }{
		{"budget", "Our Budget & yours: <b>budget</b>", "Our <mark>Budget</mark> &amp; yours: &lt;b&gt;<mark>budget</mark>&lt;/b&gt;"},
		{"ecole", "L'École.", "L&#39;<mark>École</mark>."},
		{`"next week"`, "next year, next week", "next year, <mark>next week</mark>"},
		{"wee*", "a week", "a <mark>week</mark>"},
		{"議室", "この会議室で", "この会<mark>議室</mark>で"},
		{"議", "この会議室で", "この会<mark>議</mark>室で"},
		{"ก", "กนี", "<mark>ก</mark>นี"},
		{"で", "この会議室で", "この会議室<mark>で</mark>"},
		{"b a", "a b", "<mark>a</mark> <mark>b</mark>"},
	} {
		terms, err := parse(c.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := snippet(c.text, terms); got != c.want {
			t.Errorf("%q: got %q, want %q", c.q, got, c.want)
		}
	}
	terms, _ := parse("budget")
	got := snippet(long, terms)
	if !strings.Contains(got, "&lt;the&gt; <mark>budget</mark> and") || !strings.HasPrefix(got, "…") || !strings.HasSuffix(got, "…") || len(got) > 400 {
		t.Errorf("got %q", got)
	}
}

// finds hands out what it has.
type finds struct {
	hits []Hit
	got  Lookup
}

func (f *finds) Find(_ context.Context, _ string, l Lookup) ([]Hit, error) {
	f.got = l
	return slices.Clone(f.hits), nil
}

func TestACursorIsGoodForItsTeamAndItsSearchOnly(t *testing.T) {
	f := &finds{}
	for n := range 3 {
		f.hits = append(f.hits, Hit{Text: "budget", Place: Place(f.got.From.AddDate(2024, 0, 0), uint32(4_000_000-n))})
	}
	s := &Searcher{Finder: f}
	first, err := s.Search(t.Context(), "red", Search{Text: "budget"}, 2, "")
	if err != nil || len(first.Hits) != 2 || first.Next == "" || first.Prev != "" {
		t.Fatalf("got %+v, %v", first, err)
	}
	if _, err := s.Search(t.Context(), "red", Search{Text: "budget"}, 2, first.Next); err != nil || Number(*f.got.Span.From) != 3_999_999 {
		t.Errorf("the next page begins behind %v, %v", f.got.Span.From, err)
	}
	for _, wrong := range []func() error{
		func() error {
			_, err := s.Search(t.Context(), "blue", Search{Text: "budget"}, 2, first.Next)
			return err
		},
		func() error {
			_, err := s.Search(t.Context(), "red", Search{Text: "hiring"}, 2, first.Next)
			return err
		},
		func() error { _, err := s.Search(t.Context(), "red", Search{Text: "budget"}, 2, "x"); return err },
		func() error {
			_, err := s.Search(t.Context(), "red", Search{Text: "budget", Speaker: "!"}, 2, "")
			return err
		},
	} {
		if err := wrong(); !fail.Is(err, fail.Invalid) {
			t.Errorf("got %v, want a refusal", err)
		}
	}
}

func FuzzWordsStandInTheirText(f *testing.F) {
	for _, s := range []string{"a b", "会議室", "ｶﾞｽ½", "e\u0301\u0301", "\xff\x00", "İ"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, text, q string) {
		for _, w := range wordsOf(text) {
			if w.text == "" || w.from >= w.to || w.to > len(text) || strings.ContainsAny(w.text, " '\"\\:&|!()<>*#@%\x00") {
				t.Errorf("%q: %+v", text, w)
			}
		}
		if terms, err := parse(q); err == nil && utf8.ValidString(text) && !utf8.ValidString(snippet(text, terms)) {
			t.Errorf("%q in %q: not UTF-8", q, text)
		}
	})
}
