package v1

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
)

type leaveOutput struct {
	Body struct {
		OK bool `json:"ok"`
	}
}

func (s *Surface) leave(ctx context.Context, c account.Caller, in *UUIDInput) (*leaveOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	out := &leaveOutput{}
	out.Body.OK = true
	return out, s.Bots.Leave(ctx, c.TeamID, id)
}

type deleteOutput struct {
	Body struct {
		OK     bool   `json:"ok"`
		Status string `json:"status" enum:"deleted,partiallyDeleted,alreadyDeleted,noDataFound"`
	}
}

func (s *Surface) deleteData(ctx context.Context, c account.Caller, in *UUIDInput) (*deleteOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	if err := s.deletions.take(c.KeyID, s.Clock.Now()); err != nil {
		return nil, err
	}
	found, err := s.Bots.Erase(ctx, c.TeamID, id, false)
	if err != nil {
		return nil, err
	}
	out := &deleteOutput{}
	out.Body.OK, out.Body.Status = true, string(found)
	return out, nil
}

type shotsOutput struct{ Body []shot }

type shot struct {
	Date string `json:"date" format:"date-time" doc:"When it was stored."`
	URL  string `json:"url" format:"uri"`
}

func (s *Surface) screenshots(ctx context.Context, c account.Caller, in *UUIDInput) (*shotsOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	found, err := s.Bots.AllScreenshots(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	out := &shotsOutput{Body: make([]shot, 0, len(found))}
	for _, f := range found {
		out.Body = append(out.Body, shot{stamp(f.At), f.URL})
	}
	return out, nil
}

type retranscribeInput struct {
	KeyInput
	Body struct {
		BotUUID      string            `json:"bot_uuid"`
		SpeechToText opt[speechToText] `json:"speech_to_text,omitempty" required:"false" doc:"A provider, or an object with provider and api_key."`
		WebhookURL   opt[string]       `json:"webhook_url,omitempty" required:"false" doc:"Hears of the end in place of the bot's own address."`
	}
}

type nothing struct{}

func (s *Surface) retranscribe(ctx context.Context, c account.Caller, in *retranscribeInput) (*nothing, error) {
	id, err := door.ID("/bot_uuid", in.Body.BotUUID)
	if err != nil {
		return nil, err
	}
	if err := door.Plain(map[string]string{"/webhook_url": in.Body.WebhookURL.or()}); err != nil {
		return nil, err
	}
	speech := in.Body.SpeechToText.or()
	return nil, s.Bots.Retranscribe(ctx, c.TeamID, id, bot.Retranscription{
		Provider: services[speech.Provider], APIKey: speech.APIKey, WebhookURL: in.Body.WebhookURL.or(), WebhookKey: in.key,
	})
}

type listBotsInput struct {
	Limit         int    `query:"limit" minimum:"1" maximum:"50" default:"10"`
	Cursor        string `query:"cursor" doc:"next_cursor of the page before."`
	BotName       string `query:"bot_name" doc:"Part of the name, in any case."`
	MeetingURL    string `query:"meeting_url" doc:"Part of the meeting URL, in any case."`
	SpeakerName   string `query:"speaker_name" doc:"Part of the name of somebody who spoke, in any case."`
	CreatedAfter  string `query:"created_after" doc:"As 2026-01-31T12:00:00Z; without a zone it is UTC."`
	CreatedBefore string `query:"created_before" doc:"As 2026-01-31T12:00:00Z; without a zone it is UTC."`
	EndedAfter    string `query:"ended_after" doc:"As 2026-01-31T12:00:00Z; without a zone it is UTC."`
	FilterByExtra string `query:"filter_by_extra" doc:"key:value, with commas; all must match exactly."`
	SortByExtra   string `query:"sort_by_extra" doc:"A key, or key:asc or key:desc: the order within the page."`
}

type listBotsOutput struct {
	Body struct {
		Bots        []recentBot `json:"bots"`
		RecentBots  []recentBot `json:"recent_bots" doc:"The same as bots, by its older name."`
		NextCursor  *string     `json:"next_cursor"`
		LastUpdated string      `json:"last_updated" format:"date-time"`
	}
}

type recentBot struct {
	ID             int             `json:"id"`
	UUID           string          `json:"uuid" format:"uuid"`
	BotName        string          `json:"bot_name"`
	MeetingURL     string          `json:"meeting_url"`
	CreatedAt      string          `json:"created_at"`
	EndedAt        *string         `json:"ended_at"`
	Duration       *int64          `json:"duration" doc:"Of the recording, in seconds."`
	Extra          json.RawMessage `json:"extra"`
	Speakers       []string        `json:"speakers"`
	SessionID      *string         `json:"session_id" doc:"Always null."`
	AccessCount    *int            `json:"access_count" doc:"Always null: it is not counted."`
	LastAccessedAt *string         `json:"last_accessed_at" doc:"Always null."`
}

func (s *Surface) listBots(ctx context.Context, c account.Caller, in *listBotsInput) (*listBotsOutput, error) {
	f, by, err := in.filter()
	if err != nil {
		return nil, err
	}
	found, next, err := s.Bots.Recent(ctx, c.TeamID, f, by, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(found))
	for _, b := range found {
		ids = append(ids, b.ID)
	}
	n, err := s.Bots.Numbers(ctx, c.TeamID, ids...)
	if err != nil {
		return nil, err
	}
	out := &listBotsOutput{}
	out.Body.Bots, out.Body.NextCursor, out.Body.LastUpdated = make([]recentBot, 0, len(found)), text(next), stamp(s.Clock.Now())
	for _, b := range found {
		out.Body.Bots = append(out.Body.Bots, recentBot{
			ID: n[b.ID], UUID: b.ID, BotName: b.Name, MeetingURL: b.MeetingURL, CreatedAt: stamp(b.CreatedAt), EndedAt: maybeStamp(b.EndedAt),
			Duration: bot.Seconds(b.Duration), Extra: orNull(b.Extra), Speakers: b.Speakers,
		})
	}
	out.Body.RecentBots = out.Body.Bots
	return out, nil
}

func maybeStamp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return text(stamp(*t))
}

// Databases bound the length of what they search for, and the number of terms.
const (
	maxFilter = 2000
	maxItems  = 50
)

// filter translates, and says everything that is wrong with the query.
func (in *listBotsInput) filter() (f bot.Filter, by bot.Sort, err error) {
	var bad []bot.Issue
	broke := func(pointer, rule string) { bad = append(bad, bot.Issue{Pointer: pointer, Rule: rule}) }
	words := func(pointer, v string) string {
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) || len(v) > maxFilter {
			broke(pointer, fmt.Sprintf("must be text in UTF-8 of at most %d bytes, without U+0000", maxFilter))
			return ""
		}
		return v
	}
	at := func(pointer, v string) time.Time {
		t, ok := timeOf(v)
		if !ok {
			broke(pointer, "must be a time such as 2026-01-31T12:00:00Z")
		}
		return t
	}
	f = bot.Filter{
		Name: words("/bot_name", in.BotName), MeetingURL: words("/meeting_url", in.MeetingURL), Speaker: words("/speaker_name", in.SpeakerName),
		CreatedAfter: at("/created_after", in.CreatedAfter), CreatedBefore: at("/created_before", in.CreatedBefore), EndedAfter: at("/ended_after", in.EndedAfter),
	}
	for item := range strings.SplitSeq(words("/filter_by_extra", in.FilterByExtra), ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(item), ":")
		switch {
		case key != "" && ok:
			f.Extra = append(f.Extra, bot.Pair{Key: key, Value: value})
		case item != "":
			broke("/filter_by_extra", "must be key:value, with commas between several")
		}
	}
	if len(f.Extra) > maxItems {
		broke("/filter_by_extra", fmt.Sprintf("must have at most %d items", maxItems))
	}
	key, order, said := strings.Cut(words("/sort_by_extra", in.SortByExtra), ":")
	if by = (bot.Sort{Key: key, Descending: order == "desc"}); said && (key == "" || order != "asc" && order != "desc") {
		broke("/sort_by_extra", "must be a key, key:asc or key:desc")
	}
	if len(bad) > 0 {
		err = bot.Invalid(bad...)
	}
	return f, by, err
}
