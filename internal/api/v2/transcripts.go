package v2

import (
	"context"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/transcript"
)

// Transcripts is what the surface needs of the room of transcripts.
type Transcripts interface {
	Search(ctx context.Context, team string, q transcript.Search, limit int, cursor string) (transcript.Hits, error)
}

type searchInput struct {
	Query         string `query:"q" required:"true" maxLength:"500" doc:"Words that one utterance must all have. A phrase stands in double quotes; * behind at least three characters of a word stands for any ending. Case and accents make no difference. Everything else is text."`
	Limit         int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Cursor        string `query:"cursor" doc:"cursor or prev_cursor of the page before, with the same parameters."`
	BotID         string `query:"bot_id" doc:"Only what was said in this bot's meeting."`
	BotUUID       string `query:"bot_uuid" doc:"Another name of bot_id."`
	Speaker       string `query:"speaker" maxLength:"200" doc:"Words of the speaker's name; * stands for any ending."`
	MeetingURL    string `query:"meeting_url" doc:"Only meetings of this URL."`
	CreatedAfter  string `query:"created_after" doc:"Only bots made at or after this time, as 2026-01-31T12:00:00Z."`
	CreatedBefore string `query:"created_before" doc:"Only bots made before this time."`
}

type searchOutput struct {
	Body struct {
		Success    bool    `json:"success"`
		Data       []said  `json:"data"`
		Cursor     *string `json:"cursor"`
		PrevCursor *string `json:"prev_cursor"`
	}
}

type said struct {
	BotID      string  `json:"bot_id" format:"uuid"`
	MeetingURL string  `json:"meeting_url" format:"uri"`
	Speaker    string  `json:"speaker"`
	Text       string  `json:"text" doc:"The whole utterance."`
	Snippet    string  `json:"snippet" doc:"The part of it around what was found, as HTML: the words found are between <mark> and </mark>, all else is escaped."`
	StartTime  float64 `json:"start_time" doc:"Seconds from the beginning of the recording: where a player jumps to."`
	EndTime    float64 `json:"end_time"`
	CreatedAt  string  `json:"created_at" format:"date-time" doc:"When the bot was made."`
}

func (s *Surface) searchTranscripts(ctx context.Context, c account.Caller, in *searchInput) (*searchOutput, error) {
	q, err := in.search()
	if err != nil {
		return nil, err
	}
	found, err := s.Transcripts.Search(ctx, c.TeamID, q, in.Limit, value(in.Cursor))
	if err != nil {
		return nil, err
	}
	out := &searchOutput{}
	out.Body.Success, out.Body.Data = true, make([]said, 0, len(found.Hits))
	for _, h := range found.Hits {
		out.Body.Data = append(out.Body.Data, said{h.BotID, h.MeetingURL, h.Speaker, h.Text, h.Snippet, h.Start, h.End, stamp(h.CreatedAt)})
	}
	out.Body.Cursor, out.Body.PrevCursor = text(found.Next), text(found.Prev)
	return out, nil
}

func (in *searchInput) search() (q transcript.Search, err error) {
	p := filterParser{}
	q = transcript.Search{
		Text: p.text("/q", in.Query), Speaker: p.text("/speaker", in.Speaker), MeetingURL: p.text("/meeting_url", in.MeetingURL),
		From: p.time("/created_after", in.CreatedAfter), To: p.time("/created_before", in.CreatedBefore),
	}
	if in.Query == "null" {
		q.Text = in.Query // it may have been said
	}
	if id := value(in.BotID) + value(in.BotUUID); id != "" {
		if q.BotID, err = door.ID("/bot_id", id); err != nil {
			return q, err
		}
	}
	if len(p.issues) > 0 {
		return q, bot.Invalid(p.issues...)
	}
	return q, nil
}
