package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"steno/internal/transcript"
)

// Search finds what an Index was given. It implements transcript.Finder.
type Search struct{ DB *DB }

// Find returns utterances of a team.
func (s Search) Find(ctx context.Context, team string, l transcript.Lookup) ([]transcript.Hit, error) {
	f := finding{Search: s, team: team, limit: l.Limit, order: "DESC", to: 1<<63 - 1}
	if !l.From.IsZero() {
		f.from = slotAt(l.From) << utteranceBits
	}
	if !l.To.IsZero() {
		f.to = slotAt(l.To) << utteranceBits
	}
	switch {
	case l.Backward:
		f.order = "ASC"
		if l.Span.From != nil {
			f.from = max(f.from, idOf(*l.Span.From)+1)
		}
	case l.Span.From != nil:
		f.to = min(f.to, idOf(*l.Span.From))
	}
	if l.BotID != "" {
		slot, err := s.slot(ctx, team, l.BotID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		f.from, f.to = max(f.from, slot<<utteranceBits), min(f.to, (slot+1)<<utteranceBits)
	}
	if s.DB.sqlite {
		return f.onSQLite(ctx, l)
	}
	return f.onPostgres(ctx, l)
}

func (s Search) slot(ctx context.Context, team, bot string) (slot int64, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		return q.QueryRow(ctx, "SELECT slot FROM search_transcripts WHERE team_id = $1 AND bot_id = $2", team, bot).Scan(&slot)
	})
	return slot, err
}

// finding is a search for utterances with ids in [from, to).
type finding struct {
	Search
	team     string
	from, to int64
	limit    int
	order    string
}

// shownOf completes a selection u of utterances. The team is asked for again: what
// stands for it in the index is no rule. SQLite keeps to the order
// of a CROSS JOIN.
const shownOf = ` CROSS JOIN search_transcripts t CROSS JOIN bots b WHERE t.slot = u.id >> 16 AND t.team_id = $1 AND b.id = t.bot_id AND b.team_id = $1 ORDER BY u.id `

const hitColumns = "SELECT u.id, u.speaker, u.start_ms, u.end_ms, u.text, b.id, b.meeting_url, b.created_at FROM "

func scanHit(rows *sql.Rows) (h transcript.Hit, err error) {
	var id, start, end, created int64
	err = rows.Scan(&id, &h.Speaker, &start, &end, &h.Text, &h.BotID, &h.MeetingURL, &created)
	h.Place, h.CreatedAt = placeOf(id), timeOf(created)
	h.Start, h.End = float64(start)/1000, float64(end)/1000
	return h, err
}

// onSQLite has FTS5 walk its lists in the order of the ids: it stops when there are
// enough.
func (f finding) onSQLite(ctx context.Context, l transcript.Lookup) ([]transcript.Hit, error) {
	return f.ask(ctx, `(SELECT w.rowid AS id, x.speaker, x.start_ms, x.end_ms, x.text FROM search_words w CROSS JOIN search_utterances x
		WHERE x.id = w.rowid AND w.search_words MATCH $2 AND w.rowid >= $3 AND w.rowid < $4 ORDER BY w.rowid `+f.order+` LIMIT $5)`, matchExpression(f.team, l))
}

// recent is how many transcripts are read before the index is asked.
const recent = 16

// onPostgres reads the first few transcripts of the range, where it finds what is
// said often. For the rest a GIN index has to be asked, which knows no order and
// gives all places at once: what is in none of the first has few; else, and for a
// phrase, of which it knows only where its words are, block by block, until there
// are enough.
//
// The planner does not know how often a word is said, and a plan that is made once
// for all searches not even the range. So each statement leaves it one index to take:
// OFFSET 0 keeps the words out of the choice, the sum the ids.
func (f finding) onPostgres(ctx context.Context, l transcript.Lookup) ([]transcript.Hit, error) {
	const (
		columns = `(SELECT id, speaker, start_ms, end_ms, text FROM `
		inside  = columns + `search_utterances WHERE id + 0 >= $3 AND id + 0 < $4 AND words @@ `
	)
	query := tsquery(l) + " & '" + teamWord(f.team) + "'"
	// Nothing asks for an order of the transcripts, or of the blocks below, but where
	// they come from, so that those behind the last one needed are not looked at.
	read := func(transcripts int) ([]transcript.Hit, error) {
		return f.ask(ctx, `(SELECT x.* FROM (SELECT slot FROM search_transcripts WHERE team_id = $1 AND slot >= $3::bigint >> 16 AND slot <= $4::bigint >> 16
				ORDER BY slot `+f.order+` LIMIT $6) n CROSS JOIN LATERAL `+columns+`
					(SELECT * FROM search_utterances WHERE id >= $3 AND id < $4 AND id >= n.slot << 16 AND id < (n.slot + 1) << 16 OFFSET 0) said
				WHERE words @@ $2::tsquery ORDER BY id `+f.order+` LIMIT $5) x
			LIMIT $5)`, query, transcripts)
	}
	hits, err := read(recent)
	if err == nil && len(hits) >= f.limit/4 && len(hits) < f.limit && l.BotID == "" {
		hits, err = read(5 * recent)
	}
	if err != nil || l.BotID != "" || len(hits) == f.limit {
		return hits, err
	}
	phrase := slices.ContainsFunc(l.Terms, func(t transcript.Term) bool { return len(t.Words) > 1 })
	if len(hits) == 0 && !phrase {
		return f.ask(ctx, inside+`$2::tsquery ORDER BY id + 0 `+f.order+` LIMIT $5)`, query)
	}
	first, last, err := f.blocks(ctx)
	if err != nil {
		return nil, err
	}
	// Two conditions, and not one query with both: so GIN passes over what lies between
	// two blocks in the list of a word too, which is several times as fast.
	return f.ask(ctx, `(SELECT x.* FROM generate_series($7::bigint, $8::bigint, $9::bigint) n (block)
		CROSS JOIN LATERAL `+inside+`$2::tsquery AND words @@ ($6::text || n.block || '''')::tsquery ORDER BY id + 0 `+f.order+` LIMIT $5) x LIMIT $5)`,
		tsquery(l), "'"+blockWord(f.team), first, last, cmp.Or(cmp.Compare(last, first), 1))
}

// ask completes a selection of utterances: $1 is the team, $2 what is looked for,
// $3 and $4 the range of ids, $5 the limit, the others are more.
func (f finding) ask(ctx context.Context, selection, query string, more ...any) ([]transcript.Hit, error) {
	return list(ctx, f.DB, hitColumns+selection+" u"+shownOf+f.order, append([]any{f.team, query, f.from, f.to, f.limit}, more...), scanHit)
}

// blocks returns the blocks of the range, in the order of the search.
func (f finding) blocks(ctx context.Context) (first, last int64, err error) {
	const end = `SELECT block FROM search_transcripts WHERE team_id = $1 AND slot >= $2::bigint >> 16 AND slot <= $3::bigint >> 16 ORDER BY slot `
	err = f.DB.Read(ctx, func(q Querier) error {
		return q.QueryRow(ctx, "SELECT COALESCE(MIN(block), 0), COALESCE(MAX(block), 0) FROM (("+end+"LIMIT 1) UNION ALL ("+end+"DESC LIMIT 1)) e", f.team, f.from, f.to).Scan(&first, &last)
	})
	if f.order == "DESC" {
		first, last = last, first
	}
	return first, last, err
}

// matchExpression writes a lookup for FTS5. Words have nothing that a string in its
// quotes could end with.
func matchExpression(team string, l transcript.Lookup) string {
	var all []string
	ours := teamPrefix(team)
	add := func(sign string, t transcript.Term) {
		words := make([]string, len(t.Words))
		for i, w := range t.Words {
			words[i] = ours + sign + w
		}
		all = append(all, star(`"`+strings.Join(words, " ")+`"`, " *", t.Prefix))
	}
	for _, t := range l.Terms {
		add("", t)
	}
	for _, t := range l.Speaker {
		add(speakerSign, t)
	}
	if l.Meeting != "" {
		all = append(all, `"`+ours+meetingWord(l.Meeting)+`"`)
	}
	return strings.Join(all, " AND ")
}

// tsquery writes a lookup for PostgreSQL, but for the team.
func tsquery(l transcript.Lookup) string {
	var all []string
	for _, t := range l.Terms {
		all = append(all, "("+star("'"+strings.Join(t.Words, "' <-> '")+"'", ":*", t.Prefix)+")")
	}
	for _, t := range l.Speaker {
		all = append(all, star("'"+speakerSign+t.Words[0]+"'", ":*", t.Prefix))
	}
	if l.Meeting != "" {
		all = append(all, "'"+meetingWord(l.Meeting)+"'")
	}
	return strings.Join(all, " & ")
}

func star(text, sign string, prefix bool) string {
	if prefix {
		return text + sign
	}
	return text
}
