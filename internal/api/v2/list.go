package v2

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/meeting"
)

// listInput takes filters as text: "" and "null" mean no filter (digest 2.2).
type listInput struct {
	Limit           int    `query:"limit" minimum:"1" maximum:"250" default:"20" doc:"A page never holds more than 100."`
	Cursor          string `query:"cursor" doc:"cursor or prev_cursor of the page before."`
	BotName         string `query:"bot_name" doc:"Part of the name, in any case."`
	BotID           string `query:"bot_id" doc:"Part of the id."`
	MeetingURL      string `query:"meeting_url" doc:"Part of the meeting URL, in any case."`
	ParticipantName string `query:"participant_name" doc:"Part of a participant's name, in any case."`
	CreatedAfter    string `query:"created_after" doc:"As 2026-01-31T12:00:00Z, within the last 90 days."`
	CreatedBefore   string `query:"created_before" doc:"As 2026-01-31T12:00:00Z, within the last 90 days."`
	EndedAfter      string `query:"ended_after" doc:"As 2026-01-31T12:00:00Z."`
	MeetingPlatform string `query:"meeting_platform" doc:"One or more of zoom, meet, teams, galene, with commas."`
	Platform        string `query:"platform" doc:"Another name of meeting_platform."`
	Status          string `query:"status" doc:"One or more statuses, with commas."`
	Extra           string `query:"extra" doc:"key:value, with commas; all must match exactly."`
}

type listOutput struct {
	Body struct {
		Success    bool      `json:"success"`
		Data       []listBot `json:"data"`
		Cursor     *string   `json:"cursor"`
		NextCursor *string   `json:"next_cursor" doc:"The same as cursor, by its older name."`
		PrevCursor *string   `json:"prev_cursor"`
	}
}

type listBot struct {
	BotID           string          `json:"bot_id" format:"uuid"`
	BotName         string          `json:"bot_name"`
	MeetingURL      string          `json:"meeting_url" format:"uri"`
	MeetingPlatform string          `json:"meeting_platform"`
	Extra           json.RawMessage `json:"extra"`
	Duration        *int64          `json:"duration"`
	CreatedAt       string          `json:"created_at" format:"date-time"`
	EndedAt         *string         `json:"ended_at" format:"date-time"`
	JoinedAt        *string         `json:"joined_at" format:"date-time"`
	ExitedAt        *string         `json:"exited_at" format:"date-time"`
	Status          string          `json:"status"`
	ErrorCode       *string         `json:"error_code"`
	ErrorMessage    *string         `json:"error_message"`
	Tokens          *tokens         `json:"tokens"` // null: nothing is booked yet
}

func (s *Surface) listBots(ctx context.Context, c account.Caller, in *listInput) (*listOutput, error) {
	f, err := in.filter(s.Clock.Now())
	if err != nil {
		return nil, err
	}
	page, err := s.Bots.List(ctx, c.TeamID, f, in.Limit, value(in.Cursor))
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Success, out.Body.Data = true, make([]listBot, 0, len(page.Bots))
	ids := make([]string, 0, len(page.Bots))
	for _, b := range page.Bots {
		out.Body.Data = append(out.Body.Data, listed(b))
		if b.EndedAt != nil {
			ids = append(ids, b.ID)
		}
	}
	costs, err := s.charges(ctx, c.TeamID, ids)
	if err != nil {
		return nil, err
	}
	for i := range out.Body.Data {
		out.Body.Data[i].Tokens = costs[out.Body.Data[i].BotID]
	}
	out.Body.Cursor, out.Body.NextCursor, out.Body.PrevCursor = text(page.Next), text(page.Next), text(page.Prev)
	return out, nil
}

func listed(b bot.Bot) listBot {
	out := listBot{
		BotID: b.ID, BotName: b.Name, MeetingURL: b.MeetingURL, MeetingPlatform: string(b.Platform), Extra: orNull(b.Extra),
		Duration: bot.Seconds(b.Duration), CreatedAt: stamp(b.CreatedAt), EndedAt: maybeStamp(b.EndedAt),
		JoinedAt: maybeStamp(b.JoinedAt), ExitedAt: maybeStamp(b.ExitedAt), Status: string(b.Status),
	}
	out.ErrorCode, out.ErrorMessage = failure(b)
	return out
}

// value reads a query parameter in which "null" means nothing.
func value(s string) string {
	if s == "null" {
		return ""
	}
	return s
}

func (in *listInput) filter(now time.Time) (f bot.Filter, err error) {
	p := filterParser{now: now}
	f = bot.Filter{
		Name: p.text("/bot_name", in.BotName), ID: p.text("/bot_id", in.BotID), MeetingURL: p.text("/meeting_url", in.MeetingURL),
		Participant:  p.text("/participant_name", in.ParticipantName),
		CreatedAfter: p.recent("/created_after", in.CreatedAfter), CreatedBefore: p.recent("/created_before", in.CreatedBefore),
		EndedAfter: p.time("/ended_after", in.EndedAfter),
		Platforms:  oneOf(&p, "/meeting_platform", in.MeetingPlatform+","+in.Platform, platforms), Statuses: p.statuses(in.Status), Extra: p.extra(in.Extra),
	}
	if len(p.issues) > 0 {
		return f, bot.Invalid(p.issues...)
	}
	return f, nil
}

// filterParser collects everything that is wrong with the query.
type filterParser struct {
	now    time.Time
	issues []bot.Issue
}

func (p *filterParser) broke(pointer, rule, v string) {
	p.issues = append(p.issues, bot.Issue{Pointer: pointer, Rule: rule, Value: door.Harmless(pointer, v)})
}

func (p *filterParser) text(pointer, v string) string {
	if strings.ContainsRune(v, 0) || !utf8.ValidString(v) {
		p.broke(pointer, "must be text in UTF-8 without U+0000", "")
		return ""
	}
	if len(v) > maxFilter {
		p.broke(pointer, fmt.Sprintf("must have at most %d bytes", maxFilter), v)
		return ""
	}
	return value(v)
}

func (p *filterParser) time(pointer, v string) time.Time {
	if v = value(v); v == "" {
		return time.Time{}
	}
	t, ok := utc(v)
	if !ok {
		p.broke(pointer, ruleUTC, v)
	}
	return t
}

const ruleUTC = "must be a time in UTC such as 2026-01-31T12:00:00Z"

// utc reads a time of the API, which has no other zone than Z (digest 1.8).
func utc(v string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05Z", "2006-01-02T15:04Z"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func (p *filterParser) recent(pointer, v string) time.Time {
	t := p.time(pointer, v)
	switch {
	case t.IsZero():
	case t.After(p.now):
		p.broke(pointer, "must not be in the future", v)
	case t.Before(p.now.Add(-bot.LookBack)):
		p.broke(pointer, "must lie within the last 90 days", v)
	}
	return t
}

// Databases bound the length of what they search for, and the number of terms.
const (
	maxFilter = 2000
	maxItems  = 50
)

// items splits a list with commas.
func (p *filterParser) items(pointer, v string) (out []string) {
	for item := range strings.SplitSeq(v, ",") {
		if item = value(strings.TrimSpace(item)); item != "" {
			out = append(out, item)
		}
		if len(out) > maxItems {
			p.broke(pointer, fmt.Sprintf("must have at most %d items", maxItems), "")
			return nil
		}
	}
	return out
}

var platforms = []meeting.Platform{meeting.Zoom, meeting.Meet, meeting.Teams, meeting.Galene}

// oneOf reads a list with commas of which every item is one of two or more words.
func oneOf[T ~string](p *filterParser, pointer, v string, words []T) (out []T) {
	for _, item := range p.items(pointer, v) {
		if !slices.Contains(words, T(item)) {
			rule := "must be " + string(words[0])
			for _, w := range words[1 : len(words)-1] {
				rule += ", " + string(w)
			}
			p.broke(pointer, rule+" or "+string(words[len(words)-1]), item)
			continue
		}
		out = append(out, T(item))
	}
	return out
}

func (p *filterParser) statuses(v string) (out []bot.Status) {
	for _, item := range p.items("/status", v) {
		s := bot.Status(item)
		if s == "joining" { // the seed's short name (C6)
			s = bot.JoiningCall
		}
		if !s.Known() {
			p.broke("/status", "must be a status of a bot", item)
			continue
		}
		out = append(out, s)
	}
	return out
}

func (p *filterParser) extra(v string) (out []bot.Pair) {
	for _, item := range p.items("/extra", p.text("/extra", v)) {
		key, val, ok := strings.Cut(item, ":")
		if !ok || key == "" {
			p.broke("/extra", "must be key:value, with commas between several", item)
			continue
		}
		out = append(out, bot.Pair{Key: key, Value: val})
	}
	return out
}
