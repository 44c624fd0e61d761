package store

import (
	"strconv"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/page"
)

// where collects the terms of a WHERE clause, written with question marks that
// number turns into $1, $2, … in the end.
type where struct {
	sqlite bool
	terms  []string
	args   []any
}

func (w *where) add(term string, args ...any) {
	w.terms = append(w.terms, term)
	w.args = append(w.args, args...)
}

func (w *where) all() string { return strings.Join(w.terms, " AND ") }

func (w *where) number(query string) string {
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// page completes a query with its terms, the keyset of the span and the order.
func (w *where) page(query, column string, newestFirst bool, p page.Span) string {
	order, sign := "ASC", ">"
	if newestFirst != p.Backward {
		order, sign = "DESC", "<"
	}
	if p.From != nil {
		w.add("("+column+", id) "+sign+" (?, ?)", p.From.At.UnixMilli(), p.From.ID)
	}
	w.args = append(w.args, p.Limit)
	return w.number(query + " WHERE " + w.all() + " ORDER BY " + column + " " + order + ", id " + order + " LIMIT ?")
}

func (w *where) filter(f bot.Filter) {
	// Folded in Go: SQLite lowers ASCII letters only.
	w.contains("name_folded", strings.ToLower(f.Name))
	w.contains("id", strings.ToLower(f.ID))
	w.contains("LOWER(meeting_url)", strings.ToLower(f.MeetingURL))
	if f.Speaker != "" {
		w.add(`EXISTS (SELECT 1 FROM participants p WHERE p.bot_id = bots.id AND p.spoke AND p.name_folded LIKE ? ESCAPE '\')`,
			pattern(strings.ToLower(f.Speaker)))
	}
	if f.Participant != "" {
		w.add(`EXISTS (SELECT 1 FROM participants p WHERE p.bot_id = bots.id AND p.name_folded LIKE ? ESCAPE '\')`,
			pattern(strings.ToLower(f.Participant)))
	}
	in(w, "platform", f.Platforms)
	in(w, "status", f.Statuses)
	w.between("created_at", f.CreatedAfter, f.CreatedBefore)
	w.between("ended_at", f.EndedAfter, time.Time{})
	for _, p := range f.Extra {
		w.extra(p)
	}
}

// between adds the bounds that are set: from is inclusive, to is not.
func (w *where) between(column string, from, to time.Time) {
	if !from.IsZero() {
		w.add(column+" >= ?", from.UnixMilli())
	}
	if !to.IsZero() {
		w.add(column+" < ?", to.UnixMilli())
	}
}

func (w *where) contains(column, text string) {
	if text != "" {
		w.add(column+` LIKE ? ESCAPE '\'`, pattern(text))
	}
}

func pattern(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

func in[T ~string](w *where, column string, values []T) {
	if len(values) == 0 {
		return
	}
	args := make([]any, 0, len(values))
	for _, v := range values {
		args = append(args, string(v))
	}
	w.add(column+" IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")+")", args...)
}

// extra compares one member of the JSON object as text, the one thing for which
// the two databases have no common words.
func (w *where) extra(p bot.Pair) {
	if w.sqlite {
		// -> gives JSON text: true, 5 or "five".
		w.add("extra -> ? IN (?, json_quote(?))", "$."+strconv.Quote(p.Key), p.Value, p.Value)
		return
	}
	w.add("extra::jsonb ->> ?::text = ?", p.Key, p.Value)
}
