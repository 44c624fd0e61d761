package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/page"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/transcript"
)

var searchDay = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// library is a database with transcripts in it.
type library struct {
	*testing.T
	db   *store.DB
	find *transcript.Searcher
}

func newLibrary(t *testing.T, db *store.DB) library {
	t.Helper()
	for _, team := range []string{"red", "blue"} {
		if err := db.InTx(t.Context(), func(tx *store.Tx) error { return addTeam(t.Context(), tx, team) }); err != nil {
			t.Fatal(err)
		}
	}
	key := func(url string) (string, error) { return strings.TrimPrefix(url, "https://"), nil }
	return library{t, db, &transcript.Searcher{Finder: store.Search{DB: db}, MeetingKey: key}}
}

// bot makes a bot that has ended.
func (l library) bot(team string, at time.Time, meeting string) string {
	l.Helper()
	id := ident.New()
	if err := l.db.InTx(l.Context(), func(tx *store.Tx) error { return addBot(l.Context(), tx, id, team, at, meeting) }); err != nil {
		l.Fatal(err)
	}
	return id
}

func addBot(ctx context.Context, tx *store.Tx, id, team string, at time.Time, meeting string) error {
	_, err := tx.Exec(ctx, `INSERT INTO bots (id, team_id, name, name_folded, meeting_url, meeting_key, platform, mode, status, created_at, updated_at, ended_at)
		VALUES ($1, $2, 'N', 'n', $3, $4, 'meet', 'speaker_view', 'completed', $5, $5, $5)`, id, team, "https://"+meeting, meeting, at.UnixMilli())
	return err
}

// put stores a transcript: "Ada: what she says" for every ten seconds.
func (l library) put(team, bot string, lines ...string) {
	l.Helper()
	if err := l.db.InTx(l.Context(), func(tx *store.Tx) error { return tx.Index().Put(l.Context(), team, bot, utterances(lines)) }); err != nil {
		l.Fatal(err)
	}
}

func utterances(lines []string) (said []transcript.Indexed) {
	for i, line := range lines {
		who, text, _ := strings.Cut(line, ": ")
		said = append(said, transcript.Indexed{Speaker: who, Text: text, Start: float64(10*i) + 2.345, End: float64(10*i) + 4.5})
	}
	return said
}

// putMany stores transcripts of no interest.
func (l library) putMany(team string, n int, at time.Time) {
	l.Helper()
	err := l.db.InTx(l.Context(), func(tx *store.Tx) error {
		for i := range n {
			id := ident.New()
			if err := addBot(l.Context(), tx, id, team, at.Add(time.Duration(i)*time.Second), "meet.example/a"); err != nil {
				return err
			}
			if err := tx.Index().Put(l.Context(), team, id, utterances([]string{"Ada: nothing"})); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.Fatal(err)
	}
}

// search returns what was found on a page of that many, as texts with vertical bars.
func (l library) search(team string, q transcript.Search, limit int) string {
	l.Helper()
	found, err := l.find.Search(l.Context(), team, q, limit, "")
	if err != nil {
		l.Fatalf("%+v: %v", q, err)
	}
	return textsOf(found)
}

func textsOf(found transcript.Hits) string {
	texts := make([]string, len(found.Hits))
	for i, h := range found.Hits {
		texts[i] = h.Text
	}
	return strings.Join(texts, "|")
}

func TestSearchFindsWhatWasSaid(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := newLibrary(t, db)
		old, new := l.bot("red", searchDay, "meet.example/a"), l.bot("red", searchDay.Add(time.Hour), "meet.example/b")
		l.put("red", old, "Ada Lovelace: The budget is open", "Grace O'Hopper: Budget, then hiring", "田中太郎: 会議室を予約する", "José: Überraschung à la école", "Ada Lovelace: next week we ship v2.1")
		l.put("red", new, "Ada Lovelace: week after next", "Иван: Всё ещё бюджет", "김민수: 회의를 시작합시다", "Unknown: don't e-mail it's 100% \\ 'quoted' \"twice\" <b>", "Anna: ประชุมพรุ่งนี้ हिन्दी में")
		for _, c := range []struct {
			q    transcript.Search
			want string
		}{
			{transcript.Search{Text: "budget"}, "The budget is open|Budget, then hiring"},
			{transcript.Search{Text: "HIRING budget"}, "Budget, then hiring"},
			{transcript.Search{Text: "budge"}, ""},
			{transcript.Search{Text: "budge*"}, "The budget is open|Budget, then hiring"},
			{transcript.Search{Text: "week"}, "week after next|next week we ship v2.1"},
			{transcript.Search{Text: `"next week"`}, "next week we ship v2.1"},
			{transcript.Search{Text: `"next wee*"`}, "next week we ship v2.1"},
			{transcript.Search{Text: "week next"}, "week after next|next week we ship v2.1"},
			{transcript.Search{Text: "v2.1"}, "next week we ship v2.1"},
			{transcript.Search{Text: "ECOLE uberraschung"}, "Überraschung à la école"},
			{transcript.Search{Text: "все БЮДЖЕТ"}, "Всё ещё бюджет"},
			{transcript.Search{Text: "会議"}, "会議室を予約する"},
			{transcript.Search{Text: "議室"}, "会議室を予約する"},
			{transcript.Search{Text: "室"}, "会議室を予約する"},
			{transcript.Search{Text: "る"}, "会議室を予約する"},
			{transcript.Search{Text: "会室"}, ""},
			{transcript.Search{Text: "회의"}, "회의를 시작합시다"},
			{transcript.Search{Text: "พรุ่งนี้"}, "ประชุมพรุ่งนี้ हिन्दी में"},
			{transcript.Search{Text: "हिन्दी"}, "ประชุมพรุ่งนี้ हिन्दी में"},
			{transcript.Search{Text: "dont"}, ""},
			{transcript.Search{Text: "don't"}, "don't e-mail it's 100% \\ 'quoted' \"twice\" <b>"},
			{transcript.Search{Text: "100 quoted"}, "don't e-mail it's 100% \\ 'quoted' \"twice\" <b>"},
			{transcript.Search{Text: "ada"}, ""}, // a name, not said
			{transcript.Search{Text: "#red"}, ""},
			{transcript.Search{Text: "week", Speaker: "lovel* ADA"}, "week after next|next week we ship v2.1"},
			{transcript.Search{Text: "budget", Speaker: "o'hopper"}, "Budget, then hiring"},
			{transcript.Search{Text: "予約", Speaker: "太郎"}, "会議室を予約する"},
			{transcript.Search{Text: "予約", Speaker: "郎"}, "会議室を予約する"},
			{transcript.Search{Text: "budget", Speaker: "jose"}, ""},
			{transcript.Search{Text: "week", Speaker: "lovel"}, ""},
			{transcript.Search{Text: "week", BotID: old}, "next week we ship v2.1"},
			{transcript.Search{Text: "week", MeetingURL: "https://meet.example/b"}, "week after next"},
			{transcript.Search{Text: "week", From: searchDay.Add(time.Hour)}, "week after next"},
			{transcript.Search{Text: "week", To: searchDay.Add(time.Hour)}, "next week we ship v2.1"},
			{transcript.Search{Text: "week", From: searchDay.Add(2 * time.Hour)}, ""},
			{transcript.Search{Text: "week", BotID: ident.New()}, ""},
		} {
			if got := l.search("red", c.q, 20); got != c.want {
				t.Errorf("%+v: got %q, want %q", c.q, got, c.want)
			}
			if got := l.search("blue", c.q, 20); got != "" {
				t.Errorf("another team finds %q by %+v", got, c.q)
			}
		}
		found, err := l.find.Search(t.Context(), "red", transcript.Search{Text: "hiring"}, 1, "")
		if err != nil || len(found.Hits) != 1 {
			t.Fatal(found, err)
		}
		h := found.Hits[0]
		if h.BotID != old || h.MeetingURL != "https://meet.example/a" || h.Speaker != "Grace O'Hopper" || h.Start != 12.345 || h.End != 14.5 || !h.CreatedAt.Equal(searchDay) || h.Snippet != "Budget, then <mark>hiring</mark>" {
			t.Errorf("got %+v", h)
		}
	})
}

// The order is that of the bots, the newest first, whatever is stored when; pages
// lead through all of it once, in both directions, while others come and go.
func TestSearchPagesLeadThroughAllOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := newLibrary(t, db)
		var want []string
		bots := make([]string, 40)
		for i := range bots { // several are made within a millisecond
			bots[i] = l.bot("red", searchDay.Add(time.Duration(i/4)*time.Millisecond), "meet.example/a")
		}
		l.putMany("red", 530, searchDay.Add(-time.Hour)) // enough for several blocks
		for _, i := range []int{7, 3, 39, 0, 20} {
			l.put("red", bots[i], fmt.Sprint("Ada: budget ", i, "a"), "Ada: other", fmt.Sprint("Ada: budget ", i, "b"), "Ada: last")
		}
		for _, i := range []int{39, 20, 7, 0, 3} { // 0 and 3 are of the same millisecond; 3 was stored first
			want = append(want, fmt.Sprint("budget ", i, "a"), fmt.Sprint("budget ", i, "b"))
		}
		// Far away from there, so that the index is asked, too.
		for i := range 3 {
			l.put("red", l.bot("red", searchDay.Add(-time.Duration(i+3)*time.Hour), "meet.example/a"), fmt.Sprint("Ada: budget old ", i))
			want = append(want, fmt.Sprint("budget old ", i))
		}
		var got []string
		cursor, back := "", ""
		for n := 0; n == 0 || cursor != ""; n++ {
			p, err := l.find.Search(t.Context(), "red", transcript.Search{Text: "budget"}, 3, cursor)
			if err != nil || n > 20 {
				t.Fatal(n, err)
			}
			got = append(got, strings.Split(textsOf(p), "|")...)
			cursor, back = p.Next, p.Prev
			l.put("red", l.bot("red", searchDay.Add(time.Duration(n+1)*time.Hour), "meet.example/a"), "Ada: budget came later")
			if n == 2 {
				l.put("red", bots[39], "Ada: budget 39 made anew")
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("forward: got %q, want %q", got, want)
		}
		var all []string
		for n := 0; back != "" && n < 20; n++ {
			p, err := l.find.Search(t.Context(), "red", transcript.Search{Text: "budget"}, 3, back)
			if err != nil {
				t.Fatal(err)
			}
			all = append(strings.Split(textsOf(p), "|"), all...)
			back = p.Prev
		}
		text := strings.Join(all, "|")
		if !strings.Contains(text, "came later|budget 39 made anew|budget 20a|budget 20b|budget 7a|budget 7b|budget 0a|budget 0b|budget 3a|budget 3b|budget old 0") {
			t.Errorf("backward: %q", text)
		}
	})
}

func TestATranscriptReplacesTheEarlierOneAndIsForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l, ctx := newLibrary(t, db), t.Context()
		mine, other := l.bot("red", searchDay, "meet.example/a"), l.bot("red", searchDay, "meet.example/a")
		rows := func() int { return count(t, db, "SELECT COUNT(*) FROM search_utterances") }
		l.put("red", other, "Ada: budget stays")
		l.put("red", mine, "Ada: budget one", "Ada: budget two")
		l.put("red", mine, "Ada: budget three")
		l.put("red", mine, "Ada: budget three")
		if got := l.search("red", transcript.Search{Text: "budget"}, 9); got != "budget stays|budget three" && got != "budget three|budget stays" || rows() != 2 {
			t.Errorf("got %q, %d rows", got, rows())
		}
		// What is undone leaves all as it was.
		wrong := errors.New("changed my mind")
		for _, do := range []func(x transcript.Index) error{
			func(x transcript.Index) error { return x.Forget(ctx, "red", mine) },
			func(x transcript.Index) error {
				return x.Put(ctx, "red", mine, utterances([]string{"Ada: budget four"}))
			},
		} {
			err := db.InTx(ctx, func(tx *store.Tx) error {
				if err := do(tx.Index()); err != nil {
					t.Error(err)
				}
				return wrong
			})
			if !errors.Is(err, wrong) {
				t.Error(err)
			}
		}
		if got := l.search("red", transcript.Search{Text: "three"}, 9); got != "budget three" {
			t.Errorf("after what was undone: %q", got)
		}
		forget := func(team, id string) {
			if err := db.InTx(ctx, func(tx *store.Tx) error { return tx.Index().Forget(ctx, team, id) }); err != nil {
				t.Error(err)
			}
		}
		forget("blue", mine)
		if rows() != 2 {
			t.Error("another team made it forget")
		}
		forget("red", mine)
		forget("red", mine)
		if got := l.search("red", transcript.Search{Text: "budget"}, 9); got != "budget stays" || rows() != 1 {
			t.Errorf("got %q, %d rows", got, rows())
		}
		if err := db.InTx(ctx, func(tx *store.Tx) error { return tx.Index().Put(ctx, "blue", other, nil) }); !fail.Is(err, fail.NotFound) {
			t.Errorf("the transcript of another team's bot: %v", err)
		}
	})
}

func TestDeletedDataAndWhatIsTooOldCannotBeFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := newLibrary(t, db)
		deleted, old, kept := l.bot("red", searchDay, "a"), l.bot("red", searchDay.Add(-time.Hour), "a"), l.bot("red", searchDay, "a")
		for _, id := range []string{deleted, old, kept} {
			l.put("red", id, "Ada: budget")
		}
		bots := &bot.Service{Store: store.Bots{DB: db}, Clock: clock.Func(func() time.Time { return searchDay.Add(time.Hour) })}
		if err := bots.DeleteData(t.Context(), "red", deleted, false); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, "SELECT COUNT(*) FROM search_utterances"); n != 2 {
			t.Errorf("%d utterances are left after delete-data", n)
		}
		if n, err := (store.Retention{DB: db}).ExpireBots(t.Context(), "red", searchDay, searchDay, 10); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		found, err := l.find.Search(t.Context(), "red", transcript.Search{Text: "budget"}, 9, "")
		if err != nil || len(found.Hits) != 1 || found.Hits[0].BotID != kept {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}

// What services write cannot break the transaction that ends a bot, and nothing that
// is searched for reaches a database as syntax.
func TestHostileTextsAndSearchesAreText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := newLibrary(t, db)
		id := l.bot("red", searchDay, "a")
		said := []transcript.Indexed{
			{Speaker: "\x00'\"\\", Text: "nul \x00 invalid \xff quote ' \" \\ budget"},
			{Text: strings.Repeat("endless", 3000)},
			{Text: strings.Repeat("many words ", 20_000)},
			{Text: strings.Repeat("会", 20_000)},
			{Text: ""},
			{Text: "😀 !!!", Start: -1, End: 1e12},
		}
		if err := db.InTx(t.Context(), func(tx *store.Tx) error { return tx.Index().Put(t.Context(), "red", id, said) }); err != nil {
			t.Fatal(err)
		}
		if got := l.search("red", transcript.Search{Text: "invalid budget"}, 1); !strings.HasSuffix(got, "budget") || strings.ContainsRune(got, 0) {
			t.Errorf("got %q", got)
		}
		for _, q := range []string{
			`"`, `""`, `"""`, `'`, `\`, `\\'`, "a' OR '1'='1", `x" OR "y`, "x) OR (y", "AND", "OR", "NOT x", "x AND", "NEAR(x y)", "words : x", "{words} : x", "x ^ y", "-x", "+ x",
			"x <-> y", "x & ! y", "x:*", "x:A", "x:*A", "***", "x ** y", "#red", "@ada", "%1", "$1", "?", "NULL", "0x00", "x\x00y", "\xff\xfe", "\u202e", "ﷺ", "\U000e0001",
			strings.Repeat("(", 400), strings.Repeat(`"`, 399), strings.Repeat("x", 2000), strings.Repeat("会", 30), "e\u0301\u0301\u0301", "😀",
		} {
			for _, s := range []transcript.Search{{Text: q}, {Text: "x " + q, Speaker: q}, {Text: q + "*"}} {
				if _, err := l.find.Search(t.Context(), "red", s, 20, ""); err != nil && !fail.Is(err, fail.Invalid) {
					t.Errorf("%q: %v", q, err)
				}
			}
		}
	})
}

// A process that dies in the middle leaves all of a transcript or nothing.
func TestATranscriptIsFoundWholeOrNotAtAll(t *testing.T) {
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		stop, armed := errors.New("stopped"), 0
		o.Step = func(n int) {
			if n == armed {
				panic(stop)
			}
		}
		db, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		l := newLibrary(t, db)
		id := l.bot("red", searchDay, "a")
		lines := make([]string, 120)
		for i := range lines {
			lines[i] = "Ada: budget"
		}
		put := func(ctx context.Context) (stopped bool) {
			defer func() { stopped = recover() != nil }()
			if err := db.InTx(ctx, func(tx *store.Tx) error { return tx.Index().Put(ctx, "red", id, utterances(lines)) }); err != nil {
				t.Error(err)
			}
			return false
		}
		for armed = 1; put(t.Context()); armed++ {
			if n := count(t, db, "SELECT COUNT(*) FROM search_utterances"); n != 0 && n != len(lines) {
				t.Fatalf("stopped at %d: %d utterances", armed, n)
			}
		}
		found, err := l.find.Search(t.Context(), "red", transcript.Search{Text: "budget"}, page.Max, "")
		if err != nil || len(found.Hits) != page.Max || armed < 6 {
			t.Errorf("%d found, %d steps, %v", len(found.Hits), armed, err)
		}
	})
}
