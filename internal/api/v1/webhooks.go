package v1

import (
	"context"
	"encoding/json"
	"slices"

	"steno/internal/account"
	"steno/internal/api/door"
)

// Webhooks is what the surface needs of the room of webhooks.
type Webhooks interface {
	SetV1URL(ctx context.Context, team, url, key string) error
	V1URL(ctx context.Context, team string) (string, error)
}

type webhookURLOutput struct {
	Body struct {
		WebhookURL *string `json:"webhook_url"`
	}
}

func (s *Surface) getWebhookURL(ctx context.Context, c account.Caller, _ *struct{}) (*webhookURLOutput, error) {
	url, err := s.Webhooks.V1URL(ctx, c.TeamID)
	out := &webhookURLOutput{}
	out.Body.WebhookURL = text(url)
	return out, err
}

type setWebhookURLInput struct {
	KeyInput
	Body struct {
		WebhookURL string `json:"webhook_url" maxLength:"2048" doc:"Empty: nowhere any more. The key of this request goes with each message."`
	}
}

func (s *Surface) setWebhookURL(ctx context.Context, c account.Caller, in *setWebhookURLInput) (*webhookURLOutput, error) {
	if err := door.Plain(map[string]string{"/webhook_url": in.Body.WebhookURL}); err != nil {
		return nil, err
	}
	if err := s.Webhooks.SetV1URL(ctx, c.TeamID, in.Body.WebhookURL, in.key); err != nil {
		return nil, err
	}
	return s.getWebhookURL(ctx, c, nil)
}

// described says what is sent when.
type described struct {
	Event   string          `json:"event"`
	When    string          `json:"when"`
	Fields  string          `json:"fields"`
	Example json.RawMessage `json:"example"`
}

type documentationOutput struct {
	Body struct {
		Delivery []string    `json:"delivery"`
		Events   []described `json:"events"`
	}
}

var docDelivery = []string{
	"POST with a JSON body to the webhook_url of the bot or, if it has none, to that of the account (POST /accounts/webhook_url).",
	"The header x-meeting-baas-api-key carries the API key with which the bot was made or the address was set. Compare it with yours.",
	"Answer with any 2xx within 10 seconds. Anything else is tried again 5 s, 10 s, 5 min, 15 min, 30 min and 2 h later. 410 ends it at once.",
	"A message may come twice and out of order; all attempts carry the same webhook-id.",
}

var docBots = []described{
	{
		"bot.status_change", "A bot gets into another status.",
		"code is one of joining_call, in_waiting_room, in_call_not_recording, in_call_recording, recording_paused, recording_resumed, call_ended, bot_rejected, bot_removed, " +
			"waiting_room_timeout, invalid_meeting_url, meeting_error. in_call_recording has start_time (Unix seconds), meeting_error has error_message and error_type.",
		json.RawMessage(`{"event":"bot.status_change","data":{"bot_id":"8a7c4c1e-64a6-4d35-9a8e-0d2b7a1f3c55","status":{"code":"in_call_recording","created_at":"2026-01-31T12:00:05.000Z","start_time":1769860805}}}`),
	},
	{
		"complete", "A bot has recorded a meeting, and its files are there.",
		"mp4 and audio are links that live 24 hours; empty where there is no file. audio is WAV. event_uuid is null unless the bot was sent for an event of a calendar. transcript is what was said, empty if nothing was transcribed; times are seconds.",
		json.RawMessage(`{"event":"complete","data":{"bot_id":"8a7c4c1e-64a6-4d35-9a8e-0d2b7a1f3c55","event_uuid":null,"transcript":[{"speaker":"Ada","offset":1.2,"start_time":1.2,"end_time":1.9,"words":[{"start":1.2,"end":1.5,"word":"Good"},{"start":1.5,"end":1.9,"word":"morning."}]}],"speakers":["Ada"],"mp4":"https://steno.example/artifacts/video.mp4","audio":"https://steno.example/artifacts/output.flac","event":"complete","extra":{"customer":"42"}}}`),
	},
	{
		"failed", "A bot has recorded nothing.",
		"error is one of meeting_not_found, access_denied, authentication_error, internal_error, or a code of API v2 in lower case, as timeout_waiting_to_start. message begins with the code as in BotNotAccepted.",
		json.RawMessage(`{"event":"failed","data":{"bot_id":"8a7c4c1e-64a6-4d35-9a8e-0d2b7a1f3c55","event_uuid":null,"error":"access_denied","message":"BotNotAccepted: The bot was not let into the meeting.","extra":null}}`),
	},
	{
		"transcription_complete", "A transcription that was asked for by POST /bots/retranscribe is done.", "bot_id.",
		json.RawMessage(`{"event":"transcription_complete","data":{"bot_id":"8a7c4c1e-64a6-4d35-9a8e-0d2b7a1f3c55"}}`),
	},
}

var docCalendars = []described{{
	"calendar.sync_events", "A sync of a calendar is done that has changed something, and the first one. Only the account's address is told.",
	"affected_event_uuids are events that are new, changed or gone, at most 10,000 in a message: ask GET /calendar_events/{uuid} for each.",
	json.RawMessage(`{"event":"calendar.sync_events","data":{"calendar_id":"3f0c9d52-7f7a-4a0e-8f3a-5f6f0a3f6a11","last_updated_ts":"2026-01-31T12:00:00.000Z","affected_event_uuids":["b1c4c7de-0e7c-4f0f-b5a8-2f1a7c9d0e22"]}}`),
}}

// documentation answers with what is said of some events.
func documentation(parts ...[]described) func(*Surface, context.Context, account.Caller, *struct{}) (*documentationOutput, error) {
	return func(*Surface, context.Context, account.Caller, *struct{}) (*documentationOutput, error) {
		out := &documentationOutput{}
		out.Body.Delivery, out.Body.Events = docDelivery, slices.Concat(parts...)
		return out, nil
	}
}
