package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/internal/page"
	"steno/internal/transcript"
)

// What was said is kept in search_utterances, and on SQLite its words in the FTS5
// table search_words, on PostgreSQL in a column of type tsvector with a GIN index.
// Both are handed words that package transcript has cut and folded.
//
// The id of an utterance says where it stands: the millisecond at which its bot was
// made, the number of the bot within that, and the utterance, counted down so that
// the newest bot's first utterance has the highest id of all. So the index, which
// gives rows by their id, gives them in the order of the list, and a time or a bot
// is a range of ids. A bot keeps its slot when its transcript is made anew.
//
//	id = slot << 16 | 65535 - n    slot = (milliseconds since 2020) << 6 | k
const (
	utteranceBits = 16
	slotBits      = 6
)

var searchEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// mostUtterances is how many of a transcript can be found; it takes a day without a
// pause to say more.
const mostUtterances = 1 << utteranceBits

func slotAt(t time.Time) int64 { return max(0, t.Sub(searchEpoch).Milliseconds()) << slotBits }

func placeOf(id int64) page.Position {
	const low = utteranceBits + slotBits
	return transcript.Place(searchEpoch.Add(time.Duration(id>>low)*time.Millisecond), uint32(id&(1<<low-1)))
}

func idOf(p page.Position) int64 {
	return slotAt(p.At)<<utteranceBits | int64(transcript.Number(p))&(1<<(utteranceBits+slotBits)-1)
}

// Words that are not of the text, by their first character, which no word has: the
// words of the speaker's name, the meeting, and on PostgreSQL the team's id, alone and
// with the number of a block. On SQLite each team has words of its own, that begin
// with its prefix. So what others have said is not even looked at.
const teamSign, speakerSign, meetingSign = "#", "@", "%"

// teamPrefix begins the words of a team.
func teamPrefix(team string) string {
	sum := sha256.Sum256([]byte(team))
	return hex.EncodeToString(sum[:6]) + teamSign
}

// indexed is what SQLite's index is given of an utterance.
func indexed(team, meeting, speaker, text string) string {
	ours := teamPrefix(team)
	all := []string{ours + meetingWord(meeting)}
	for _, w := range transcript.Words(speaker) {
		all = append(all, ours+speakerSign+w)
	}
	for _, w := range transcript.Words(text) {
		all = append(all, ours+w)
	}
	return strings.Join(all, " ")
}

func teamWord(team string) string { return teamSign + strings.ReplaceAll(team, "-", "") }

// blockWord begins the word of a block, which its number ends.
func blockWord(team string) string { return teamWord(team) + teamSign }

// perBlock is how many transcripts make a block, about. What is said seldom is looked
// for block by block on PostgreSQL, whose index knows no order.
const perBlock = 512

func meetingWord(key string) string {
	sum := sha256.Sum256([]byte(key))
	return meetingSign + hex.EncodeToString(sum[:8])
}

// Index returns where what was said is found again, within the transaction.
func (tx *Tx) Index() transcript.Index { return index{tx} }

type index struct{ tx *Tx }

// Put takes in the utterances of a bot's transcript.
func (x index) Put(ctx context.Context, team, bot string, said []transcript.Indexed) error {
	slot, block, meeting, err := x.slot(ctx, team, bot)
	if err != nil {
		return err
	}
	if err := x.empty(ctx, slot); err != nil {
		return err
	}
	about := []string{teamWord(team), meetingWord(meeting), blockWord(team) + strconv.FormatInt(block, 10)}
	const rows = 50 // a statement; few different ones, so that they are planned once
	said = said[:min(len(said), mostUtterances)]
	// Upwards, since FTS5 flushes what it has gathered when an id goes down.
	for to := len(said); to > 0; to -= min(to, rows) {
		from := max(0, to-rows)
		var utterances, words []any
		for n := to - 1; n >= from; n-- {
			u := said[n]
			id, text, name := slot<<utteranceBits|int64(mostUtterances-1-n), storable(u.Text), storable(u.Speaker)
			utterances = append(utterances, id, name, milliseconds(u.Start), milliseconds(u.End), text)
			if x.tx.db.sqlite {
				words = append(words, id, indexed(team, meeting, name, text))
				continue
			}
			of := slices.Clone(about)
			for _, w := range transcript.Words(name) {
				of = append(of, speakerSign+w)
			}
			utterances = append(utterances, tsvector(of, transcript.Words(text)))
		}
		if err := x.insert(ctx, utterances, words, to-from); err != nil {
			return err
		}
	}
	return nil
}

func milliseconds(seconds float64) int64 { return int64(math.Round(seconds * 1000)) }

func (x index) insert(ctx context.Context, utterances, words []any, rows int) error {
	columns := "id, speaker, start_ms, end_ms, text"
	if !x.tx.db.sqlite {
		columns += ", words"
	}
	if _, err := x.tx.Exec(ctx, "INSERT INTO search_utterances ("+columns+") VALUES "+tuples(rows, len(utterances)/rows), utterances...); err != nil {
		return err
	}
	if len(words) == 0 {
		return nil
	}
	_, err := x.tx.Exec(ctx, "INSERT INTO search_words (rowid, words) VALUES "+tuples(rows, 2), words...)
	return err
}

// tuples returns "($1, $2), ($3, $4)" and so on.
func tuples(rows, columns int) string {
	all := make([]string, rows)
	for i := range all {
		all[i] = "(" + placeholders(1+i*columns, columns) + ")"
	}
	return strings.Join(all, ", ")
}

// storable is text that both databases take.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}

// slot returns the slot and the block of a bot, which it is given if it has none.
func (x index) slot(ctx context.Context, team, bot string) (slot, block int64, meeting string, err error) {
	var created int64
	if err := x.tx.QueryRow(ctx, "SELECT created_at, meeting_key FROM bots WHERE team_id = $1 AND id = $2", team, bot).Scan(&created, &meeting); err != nil {
		return 0, 0, "", notFound(err, bot)
	}
	// The update that changes nothing has others of the team wait: blocks must not
	// overlap.
	if _, err := x.tx.Exec(ctx, "UPDATE teams SET name = name WHERE id = $1", team); err != nil {
		return 0, 0, "", err
	}
	err = x.tx.QueryRow(ctx, "SELECT slot, block FROM search_transcripts WHERE team_id = $1 AND bot_id = $2", team, bot).Scan(&slot, &block)
	if !errors.Is(err, sql.ErrNoRows) {
		return slot, block, meeting, err
	}
	for slot = slotAt(timeOf(created)); ; slot++ {
		if block, err = x.block(ctx, team, slot); err != nil {
			return 0, 0, "", err
		}
		n, err := execN(ctx, x.tx, "INSERT INTO search_transcripts (slot, team_id, bot_id, block) VALUES ($1, $2, $3, $4) ON CONFLICT (slot) DO NOTHING", slot, team, bot, block)
		if err != nil || n == 1 {
			return slot, block, meeting, err
		}
	}
}

// block returns the block of a new slot: that of the bot before it, or the next one
// when that is full. What comes late goes into the block of its neighbours, full or
// not, so that blocks are in the order of their slots.
func (x index) block(ctx context.Context, team string, slot int64) (block int64, err error) {
	const before = `SELECT block, (SELECT COUNT(*) FROM search_transcripts f WHERE f.team_id = $1 AND f.block = p.block),
		EXISTS (SELECT 1 FROM search_transcripts l WHERE l.team_id = $1 AND l.slot > $2)
		FROM search_transcripts p WHERE team_id = $1 AND slot < $2 ORDER BY slot DESC LIMIT 1`
	var size int
	var late bool
	err = x.tx.QueryRow(ctx, before, team, slot).Scan(&block, &size, &late)
	if errors.Is(err, sql.ErrNoRows) {
		err = x.tx.QueryRow(ctx, "SELECT COALESCE(MIN(block), 0) FROM search_transcripts WHERE team_id = $1", team).Scan(&block)
		return block, err
	}
	if size >= perBlock && !late {
		block++
	}
	return block, err
}

// empty removes the utterances of a slot.
func (x index) empty(ctx context.Context, slot int64) error {
	from, to := slot<<utteranceBits, (slot+1)<<utteranceBits
	if x.tx.db.sqlite {
		if _, err := x.tx.Exec(ctx, "DELETE FROM search_words WHERE rowid IN (SELECT id FROM search_utterances WHERE id >= $1 AND id < $2)", from, to); err != nil {
			return err
		}
	}
	_, err := x.tx.Exec(ctx, "DELETE FROM search_utterances WHERE id >= $1 AND id < $2", from, to)
	return err
}

// Forget removes all of a bot.
func (x index) Forget(ctx context.Context, team, bot string) error {
	var slot int64
	err := x.tx.QueryRow(ctx, "DELETE FROM search_transcripts WHERE team_id = $1 AND bot_id = $2 RETURNING slot", team, bot).Scan(&slot)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return x.empty(ctx, slot)
}

// tsvector writes words for PostgreSQL, those of the text with their places, which
// phrases need.
func tsvector(of, text []string) string {
	places := map[string][]string{}
	for i, w := range text {
		places[w] = append(places[w], strconv.Itoa(i+1))
	}
	var b strings.Builder
	for _, w := range of {
		b.WriteString("'" + w + "' ")
	}
	for w, at := range places {
		b.WriteString("'" + w + "':" + strings.Join(at, ",") + " ")
	}
	return b.String()
}
