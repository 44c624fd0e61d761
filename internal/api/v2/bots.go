package v2

import (
	"context"
	"encoding/json"
	"strings"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/ident"
)

type botInput struct {
	BotID string `path:"bot_id" doc:"The id of the bot, a UUID."`
}

// id checks the form of the path's id: the nil and the max UUID pass (digest 1.8).
func (b botInput) id() (string, error) {
	id := strings.ToLower(b.BotID)
	if !ident.Valid(id) {
		return "", bot.Invalid(bot.Issue{Pointer: "/bot_id", Rule: "must be a UUID", Value: door.Harmless("/bot_id", b.BotID)})
	}
	return id, nil
}

type detailsOutput struct {
	Body struct {
		Success bool       `json:"success"`
		Data    botDetails `json:"data"`
	}
}

// botDetails has every field at every time; null stands for nothing (digest
// 1.8, 2.2).
type botDetails struct {
	BotID                 string          `json:"bot_id" format:"uuid"`
	BotName               string          `json:"bot_name"`
	MeetingURL            string          `json:"meeting_url" format:"uri"`
	MeetingPlatform       string          `json:"meeting_platform"`
	RecordingMode         string          `json:"recording_mode"`
	Status                string          `json:"status"`
	CreatedAt             string          `json:"created_at" format:"date-time"`
	JoinedAt              *string         `json:"joined_at" format:"date-time"`
	ExitedAt              *string         `json:"exited_at" format:"date-time"`
	DurationSeconds       *int64          `json:"duration_seconds"`
	Participants          []bot.Person    `json:"participants"`
	Speakers              []bot.Person    `json:"speakers"`
	ArtifactsDeleted      bool            `json:"artifacts_deleted"`
	Video                 *string         `json:"video" format:"uri"`
	Audio                 *string         `json:"audio" format:"uri"`
	Diarization           *string         `json:"diarization" format:"uri"`
	RawTranscription      *string         `json:"raw_transcription" format:"uri"`
	Transcription         *string         `json:"transcription" format:"uri"`
	ChatMessages          *string         `json:"chat_messages" format:"uri"`
	TranscriptionIDs      []string        `json:"transcription_ids" nullable:"true"`
	TranscriptionProvider *string         `json:"transcription_provider"`
	ErrorCode             *string         `json:"error_code"`
	ErrorMessage          *string         `json:"error_message"`
	Tokens                *tokens         `json:"tokens"` // null: nothing is booked yet
	Extra                 json.RawMessage `json:"extra"`
	ZoomConfig            json.RawMessage `json:"zoom_config"`
	// ParticipantAudio is an addition of ours; absent when there is none.
	ParticipantAudio []bot.Voice `json:"participant_audio,omitempty" doc:"Each participant's own audio (Ogg Opus), in step with the recording."`
	// TranscriptFiles is one, too.
	TranscriptFiles *transcriptFiles `json:"transcript_files,omitempty" doc:"The transcript as subtitles and as text."`
}

type transcriptFiles struct {
	VTT *string `json:"vtt" format:"uri"`
	SRT *string `json:"srt" format:"uri"`
	TXT *string `json:"txt" format:"uri"`
}

func (s *Surface) getBotDetails(ctx context.Context, c account.Caller, in *botInput) (*detailsOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	d, err := s.Bots.Details(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	urls, err := s.Bots.URLs(ctx, d.Artifacts)
	if err != nil {
		return nil, err
	}
	voices, err := s.Bots.Voices(ctx, d.Artifacts)
	if err != nil {
		return nil, err
	}
	out := &detailsOutput{}
	out.Body.Success, out.Body.Data = true, details(d, urls)
	out.Body.Data.ParticipantAudio = voices
	costs, err := s.charges(ctx, c.TeamID, []string{id})
	out.Body.Data.Tokens = costs[id]
	return out, err
}

func details(d bot.Details, urls map[string]string) botDetails {
	url := func(kind string) *string { return text(urls[kind]) }
	out := botDetails{
		BotID: d.ID, BotName: d.Name, MeetingURL: d.MeetingURL, MeetingPlatform: string(d.Platform), RecordingMode: string(d.Mode),
		Status: string(d.Status), CreatedAt: stamp(d.CreatedAt), JoinedAt: maybeStamp(d.JoinedAt), ExitedAt: maybeStamp(d.ExitedAt),
		DurationSeconds: bot.Seconds(d.Duration), Participants: bot.Persons(d.People), Speakers: bot.Persons(d.Speakers),
		ArtifactsDeleted: d.ArtifactsDeleted, Video: url(bot.KindVideo), Audio: url(bot.KindAudio), Diarization: url(bot.KindDiarization),
		RawTranscription: url(bot.KindRawTranscription), Transcription: url(bot.KindTranscription), ChatMessages: url(bot.KindChat),
		Extra: orNull(d.Extra), ZoomConfig: orNull(nil),
	}
	out.ErrorCode, out.ErrorMessage = failure(d.Bot)
	out.TranscriptionProvider, out.TranscriptionIDs = d.TranscriptionProvider(), d.Transcribed.IDs
	if vtt := url(bot.KindTranscriptVTT); vtt != nil {
		out.TranscriptFiles = &transcriptFiles{VTT: vtt, SRT: url(bot.KindTranscriptSRT), TXT: url(bot.KindTranscriptText)}
	}
	if z := d.Config.Zoom; z != nil {
		out.ZoomConfig, _ = json.Marshal(z) // texts only
	}
	return out
}

// failure returns error_code and error_message: null unless the bot failed.
func failure(b bot.Bot) (code, message *string) {
	if b.Status != bot.Failed {
		return nil, nil
	}
	return text(string(b.EndCode)), text(b.EndMessage)
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orNull(j json.RawMessage) json.RawMessage {
	if len(j) == 0 {
		return json.RawMessage("null")
	}
	return j
}

type statusOutput struct {
	Body struct {
		Success bool      `json:"success"`
		Data    botStatus `json:"data"`
	}
}

type botStatus struct {
	BotID               string `json:"bot_id" format:"uuid"`
	Status              string `json:"status"`
	TranscriptionStatus string `json:"transcription_status" enum:"queued,processing,done,error,not-applicable,not-started"`
	UpdatedAt           string `json:"updated_at" format:"date-time"`
}

func (s *Surface) getBotStatus(ctx context.Context, c account.Caller, in *botInput) (*statusOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	b, transcription, err := s.Bots.TranscriptionStatus(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	out := &statusOutput{}
	out.Body.Success = true
	out.Body.Data = botStatus{BotID: b.ID, Status: string(b.Status), TranscriptionStatus: transcription, UpdatedAt: stamp(b.UpdatedAt)}
	return out, nil
}

type messageOutput struct {
	Body struct {
		Success bool    `json:"success"`
		Data    message `json:"data"`
	}
}

type message struct {
	Message string `json:"message"`
}

func say(text string) *messageOutput {
	out := &messageOutput{}
	out.Body.Success, out.Body.Data.Message = true, text
	return out
}

func (s *Surface) leaveBot(ctx context.Context, c account.Caller, in *botInput) (*messageOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	if err := s.Bots.Leave(ctx, c.TeamID, id); err != nil {
		return nil, err
	}
	return say("Leave request sent"), nil
}

type deleteInput struct {
	BotID string `path:"bot_id" doc:"The id of the bot, a UUID."`
	// Two names of one switch (C9).
	DeleteFromProvider  string `query:"delete_from_provider" enum:"true,false" doc:"Also delete at the transcription service. Default: true."`
	DeleteTranscription string `query:"delete_transcription" enum:"true,false" doc:"The same switch by its older name."`
}

func (s *Surface) deleteBotData(ctx context.Context, c account.Caller, in *deleteInput) (*messageOutput, error) {
	id, err := botInput{in.BotID}.id()
	if err != nil {
		return nil, err
	}
	keep := (in.DeleteFromProvider == "false" || in.DeleteTranscription == "false") && in.DeleteFromProvider != "true" && in.DeleteTranscription != "true"
	if err := s.Bots.DeleteData(ctx, c.TeamID, id, keep); err != nil {
		return nil, err
	}
	return say("Bot data deleted"), nil
}
