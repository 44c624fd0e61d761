package v2

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/api/door"
)

// route is one operation: what it is called, where it is, what a key needs to
// be allowed to call it, what does it.
type route struct {
	id       string
	method   string
	path     string
	scope    account.Scope
	status   int
	summary  string
	register register
}

// register adds an operation to the surface.
type register func(*Surface, *door.Door, account.Scope, huma.Operation)

// routes lists all operations of the surface (digest 2.0).
var routes = []route{
	{"createBot", http.MethodPost, "/v2/bots", account.ScopeSend, http.StatusCreated, "Send a bot to a meeting", do((*Surface).createBot)},
	{"batchCreateBots", http.MethodPost, "/v2/bots/batch", account.ScopeSend, http.StatusCreated, "Send up to 100 bots; each succeeds or fails by itself", do((*Surface).batchCreateBots)},
	{"listBots", http.MethodGet, "/v2/bots", account.ScopeFull, http.StatusOK, "List bots, newest first", do((*Surface).listBots)},
	{"getBotDetails", http.MethodGet, "/v2/bots/{bot_id}", account.ScopeFull, http.StatusOK, "Show a bot with its recording", do((*Surface).getBotDetails)},
	{"getBotStatus", http.MethodGet, "/v2/bots/{bot_id}/status", account.ScopeFull, http.StatusOK, "Show the status of a bot", do((*Surface).getBotStatus)},
	{"leaveBot", http.MethodPost, "/v2/bots/{bot_id}/leave", account.ScopeFull, http.StatusOK, "Have a bot leave its meeting", do((*Surface).leaveBot)},
	{"updateBotConfig", http.MethodPatch, "/v2/bots/{bot_id}/update-config", account.ScopeFull, http.StatusOK, "Change the extra data of a bot", do((*Surface).updateBotConfig)},
	{"deleteBotData", http.MethodDelete, "/v2/bots/{bot_id}/delete-data", account.ScopeFull, http.StatusOK, "Delete the recording of a bot", do((*Surface).deleteBotData)},
	{"sendChatMessage", http.MethodPost, "/v2/bots/{bot_id}/send-chat-message", account.ScopeFull, http.StatusOK, "Have a bot post a chat message", do((*Surface).sendChatMessage)},
	{"pauseBotRecording", http.MethodPost, "/v2/bots/{bot_id}/pause-recording", account.ScopeFull, http.StatusOK, "Have a bot record nothing for a while", do((*Surface).pauseBotRecording)},
	{"resumeBotRecording", http.MethodPost, "/v2/bots/{bot_id}/resume-recording", account.ScopeFull, http.StatusOK, "Have a paused bot record again", do((*Surface).resumeBotRecording)},
	{"resendFinalWebhook", http.MethodPost, "/v2/bots/{bot_id}/resend-webhook", account.ScopeFull, http.StatusOK, "Send the final webhook of a bot again", do((*Surface).resendFinalWebhook)},
	{"retryCallback", http.MethodPost, "/v2/bots/{bot_id}/retry-callback", account.ScopeFull, http.StatusOK, "Send the callback of a bot again", retryCallbackRoute},

	{"createScheduledBot", http.MethodPost, "/v2/bots/scheduled", account.ScopeSend, http.StatusCreated, "Have a bot join a meeting at a time", do((*Surface).createScheduledBot)},
	{"batchCreateScheduledBots", http.MethodPost, "/v2/bots/scheduled/batch", account.ScopeSend, http.StatusCreated, "Schedule up to 100 bots; each succeeds or fails by itself", do((*Surface).batchCreateScheduledBots)},
	{"listScheduledBots", http.MethodGet, "/v2/bots/scheduled", account.ScopeFull, http.StatusOK, "List scheduled bots in the order of their time", do((*Surface).listScheduledBots)},
	{"getScheduledBotDetails", http.MethodGet, "/v2/bots/scheduled/{bot_id}", account.ScopeFull, http.StatusOK, "Show a scheduled bot", do((*Surface).getScheduledBot)},
	{"updateScheduledBot", http.MethodPatch, "/v2/bots/scheduled/{bot_id}", account.ScopeFull, http.StatusOK, "Change a scheduled bot", do((*Surface).updateScheduledBot)},
	{"deleteScheduledBot", http.MethodDelete, "/v2/bots/scheduled/{bot_id}", account.ScopeFull, http.StatusOK, "Cancel a scheduled bot", do((*Surface).deleteScheduledBot)},
	{"getBotScreenshots", http.MethodGet, "/v2/bots/{bot_id}/screenshots", account.ScopeFull, http.StatusOK, "List what the bot's page looked like", do((*Surface).getBotScreenshots)},
	{"streamTranscript", http.MethodGet, "/v2/bots/{bot_id}/transcript/stream", account.ScopeFull, http.StatusOK, "Hear what is said while the meeting goes on", streamTranscriptRoute},

	{"listRawCalendars", http.MethodPost, "/v2/calendars/list-raw", account.ScopeFull, http.StatusOK, "List the calendars of an account; nothing is stored", do((*Surface).listRawCalendars)},
	{"createCalendarConnection", http.MethodPost, "/v2/calendars", account.ScopeFull, http.StatusCreated, "Connect a calendar", do((*Surface).createCalendar)},
	{"listCalendars", http.MethodGet, "/v2/calendars", account.ScopeFull, http.StatusOK, "List connected calendars, newest first", do((*Surface).listCalendars)},
	{"getCalendarDetails", http.MethodGet, "/v2/calendars/{calendar_id}", account.ScopeFull, http.StatusOK, "Show a connected calendar", do((*Surface).getCalendar)},
	{"updateCalendarConnection", http.MethodPatch, "/v2/calendars/{calendar_id}", account.ScopeFull, http.StatusOK, "Give a calendar new credentials", do((*Surface).updateCalendar)},
	{"deleteCalendarConnection", http.MethodDelete, "/v2/calendars/{calendar_id}", account.ScopeFull, http.StatusOK, "Disconnect a calendar", do((*Surface).deleteCalendar)},
	{"syncCalendar", http.MethodPost, "/v2/calendars/{calendar_id}/sync", account.ScopeFull, http.StatusOK, "Read a calendar anew", do((*Surface).syncCalendar)},
	{"resubscribeCalendar", http.MethodPost, "/v2/calendars/{calendar_id}/resubscribe", account.ScopeFull, http.StatusOK, "Open a new push channel for a calendar", do((*Surface).resubscribeCalendar)},
	{"listEvents", http.MethodGet, "/v2/calendars/{calendar_id}/events", account.ScopeFull, http.StatusOK, "List events in the order of their start", do((*Surface).listEvents)},
	{"getEventDetails", http.MethodGet, "/v2/calendars/{calendar_id}/events/{event_id}", account.ScopeFull, http.StatusOK, "Show an event", do((*Surface).getEvent)},
	{"listEventDecisions", http.MethodGet, "/v2/calendars/{calendar_id}/events/{event_id}/decisions", account.ScopeFull, http.StatusOK, "Tell why an event got a bot or not", do((*Surface).listDecisions)},
	{"listEventSeries", http.MethodGet, "/v2/calendars/{calendar_id}/series", account.ScopeFull, http.StatusOK, "List series with their events", do((*Surface).listSeries)},
	{"createCalendarBot", http.MethodPost, "/v2/calendars/{calendar_id}/bots", account.ScopeSend, http.StatusCreated, "Put a bot on an event or a series", do((*Surface).createCalendarBot)},
	{"updateCalendarBot", http.MethodPatch, "/v2/calendars/{calendar_id}/bots", account.ScopeFull, http.StatusOK, "Change the bot of an event or a series", do((*Surface).updateCalendarBot)},
	{"deleteCalendarBot", http.MethodDelete, "/v2/calendars/{calendar_id}/bots", account.ScopeFull, http.StatusOK, "Take the bot of an event or a series away", do((*Surface).deleteCalendarBot)},

	{"searchTranscripts", http.MethodGet, "/v2/transcripts/search", account.ScopeFull, http.StatusOK, "Find what was said, newest meeting first", do((*Surface).searchTranscripts)},

	{"createZoomCredential", http.MethodPost, "/v2/zoom-credentials", account.ScopeFull, http.StatusCreated, "Store the keys of a Zoom app", do((*Surface).createZoomCredential)},
	{"listZoomCredentials", http.MethodGet, "/v2/zoom-credentials", account.ScopeFull, http.StatusOK, "List Zoom credentials, newest first", do((*Surface).listZoomCredentials)},
	{"getZoomCredential", http.MethodGet, "/v2/zoom-credentials/{id}", account.ScopeFull, http.StatusOK, "Show a Zoom credential", do((*Surface).getZoomCredential)},
	{"updateZoomCredential", http.MethodPatch, "/v2/zoom-credentials/{id}", account.ScopeFull, http.StatusOK, "Change a Zoom credential", do((*Surface).updateZoomCredential)},
	{"deleteZoomCredential", http.MethodDelete, "/v2/zoom-credentials/{id}", account.ScopeFull, http.StatusOK, "Delete a Zoom credential", do((*Surface).deleteZoomCredential)},
}

// tag groups the operations in the OpenAPI document.
func (r route) tag() string {
	if strings.HasPrefix(r.path, "/v2/calendars") {
		return "Calendars"
	}
	if strings.HasPrefix(r.path, "/v2/zoom-credentials") {
		return "Zoom Credentials"
	}
	if strings.HasPrefix(r.path, "/v2/transcripts") {
		return "Transcripts"
	}
	return "Bots"
}
