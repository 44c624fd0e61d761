package v1

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
)

type meetingDataInput struct {
	BotID       string `query:"bot_id" required:"true" doc:"The UUID of the bot."`
	Transcripts bool   `query:"include_transcripts" default:"true"`
}

type meetingDataOutput struct{ Body meetingData }

// meetingData holds links that live 24 hours; what is not there is empty.
type meetingData struct {
	MP4              string  `json:"mp4"`
	Audio            string  `json:"audio" doc:"WAV, decoded on its way."`
	ParticipantsFile string  `json:"meeting_participants_file" doc:"Always empty: the participants are in the details of API v2."`
	Diarization      string  `json:"speaker_diarization_file" doc:"JSON lines of speaker, start_time and end_time in seconds."`
	NetworkFile      string  `json:"speaker_diarization_file_network" doc:"Always empty."`
	Duration         int64   `json:"duration" doc:"Of the recording, in seconds."`
	BotData          botData `json:"bot_data"`
}

type botData struct {
	Bot         botRow       `json:"bot"`
	Transcripts []transcript `json:"transcripts"`
	EventUUID   *string      `json:"event_uuid" format:"uuid"`
}

// transcript is what one speaker said in one go.
type transcript struct {
	ID        int      `json:"id"`
	BotID     int      `json:"bot_id"`
	Speaker   string   `json:"speaker"`
	StartTime float64  `json:"start_time"`
	EndTime   *float64 `json:"end_time"`
	Lang      *string  `json:"lang"`
	UserID    *int     `json:"user_id"`
	Words     []word   `json:"words"`
}

type word struct {
	ID        int     `json:"id"`
	BotID     int     `json:"bot_id"`
	Text      string  `json:"text"`
	StartTime float64 `json:"start_time"`
	EndTime   float64 `json:"end_time"`
	UserID    *int    `json:"user_id"`
}

// botRow is a bot with what was asked of it. The integers stand for UUIDs.
type botRow struct {
	BotParam
	ID                   int             `json:"id"`
	AccountID            int             `json:"account_id"`
	BotParamID           int             `json:"bot_param_id"`
	EventID              *int            `json:"event_id"`
	ScheduledBotID       *int            `json:"scheduled_bot_id"`
	UUID                 string          `json:"uuid" format:"uuid"`
	MeetingURL           string          `json:"meeting_url"`
	CreatedAt            string          `json:"created_at" format:"date-time"`
	EndedAt              *string         `json:"ended_at" format:"date-time"`
	BotJoinedAt          *string         `json:"bot_joined_at" format:"date-time"`
	BotExitedAt          *string         `json:"bot_exited_at" format:"date-time"`
	MP4S3Path            string          `json:"mp4_s3_path"`
	IsStopped            bool            `json:"is_stopped" doc:"It was asked to leave."`
	Reserved             bool            `json:"reserved"`
	DiarizationV2        bool            `json:"diarization_v2"`
	SessionID            *string         `json:"session_id"`
	Errors               *string         `json:"errors" doc:"Why it failed."`
	DiarizationFails     *int            `json:"diarization_fails"`
	TranscriptionFails   *int            `json:"transcription_fails" doc:"1 if the last transcription failed, else null."`
	TranscriptionPayload json.RawMessage `json:"transcription_payloads"`
	UserReportedError    json.RawMessage `json:"user_reported_error"`
	SilenceTimeout       *int            `json:"silence_timeout"`
}

func (s *Surface) meetingData(ctx context.Context, c account.Caller, in *meetingDataInput) (*meetingDataOutput, error) {
	id, err := door.ID("/bot_id", in.BotID)
	if err != nil {
		return nil, err
	}
	d, err := s.Bots.Details(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	urls, err := s.Bots.URLsV1(ctx, d.Artifacts)
	if err != nil {
		return nil, err
	}
	ids := []string{id}
	if d.EventID != "" {
		ids = append(ids, d.EventID)
	}
	n, err := s.Bots.Numbers(ctx, c.TeamID, ids...)
	if err != nil {
		return nil, err
	}
	out := &meetingDataOutput{Body: meetingData{MP4: urls[bot.KindVideo], Audio: urls[bot.KindAudio], Diarization: urls[bot.KindDiarization]}}
	if d.Duration != nil {
		out.Body.Duration = int64(math.Round(d.Duration.Seconds()))
	}
	out.Body.BotData = botData{Bot: rowOf(d, c.TeamID, n), Transcripts: []transcript{}, EventUUID: text(d.EventID)}
	if in.Transcripts {
		said, err := s.Bots.SaidV1(ctx, d.Artifacts)
		if err != nil {
			return nil, err
		}
		out.Body.BotData.Transcripts = transcripts(said, n[id])
	}
	return out, nil
}

// transcripts are numbered within the bot, utterances and words apart.
func transcripts(said []bot.UtteranceV1, of int) []transcript {
	list := make([]transcript, len(said))
	words := 0
	for i, u := range said {
		t := transcript{ID: i + 1, BotID: of, Speaker: u.Speaker, StartTime: u.Start, EndTime: &said[i].End, Lang: text(u.Lang), Words: make([]word, len(u.Words))}
		for k, w := range u.Words {
			words++
			t.Words[k] = word{ID: words, BotID: of, Text: w.Word, StartTime: w.Start, EndTime: w.End}
		}
		list[i] = t
	}
	return list
}

func rowOf(d bot.Details, team string, n map[string]int) botRow {
	r := botRow{
		BotParam: paramOf(requestOf(d)), ID: n[d.ID], AccountID: n[team], BotParamID: n[d.ID], UUID: d.ID, MeetingURL: d.MeetingURL,
		CreatedAt: stamp(d.CreatedAt), EndedAt: maybeStamp(d.EndedAt), BotJoinedAt: maybeStamp(d.JoinedAt), BotExitedAt: maybeStamp(d.ExitedAt),
		IsStopped: d.LeaveRequestedAt != nil, DiarizationV2: true, TranscriptionPayload: orNull(nil), UserReportedError: orNull(nil),
		SilenceTimeout: inSeconds(d.Config.Timeouts.Silence),
	}
	if d.Status == bot.Failed {
		r.Errors = text(d.EndMessage)
	}
	if d.Transcribed.State == bot.TranscriptionError {
		r.TranscriptionFails = new(int)
		*r.TranscriptionFails = 1
	}
	switch {
	case d.EventID != "":
		event := n[d.EventID]
		r.EventID = &event
	case !d.Config.JoinAt.IsZero():
		r.ScheduledBotID = &r.ID
	}
	for _, a := range d.Artifacts {
		if a.Kind == bot.KindVideo {
			r.MP4S3Path = a.Key
		}
	}
	return r
}

// requestOf is what was asked of a bot, as far as it may be shown.
func requestOf(d bot.Details) bot.Request {
	c := d.Config
	r := bot.Request{
		Name: d.Name, Images: c.Images, Mode: d.Mode, EntryMessage: c.EntryMessage, Zoom: c.Zoom, Extra: d.Extra, DedupKey: c.DedupKey, V1: c.V1,
		Timeouts:  bot.TimeoutRequest{NoOneJoined: inSeconds(c.Timeouts.NoOneJoined), WaitingRoom: inSeconds(c.Timeouts.WaitingRoom)},
		Streaming: c.Streaming,
	}
	if t := c.Transcription; t != nil {
		r.TranscriptionEnabled, r.Transcription = true, &bot.TranscriptionRequest{Custom: t.Custom}
	}
	return r
}

func inSeconds(d time.Duration) *int {
	n := int(d.Seconds())
	return &n
}
