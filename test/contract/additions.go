package contract

import (
	"slices"
	"strings"
)

// undocumented are statuses that any operation may answer with although the
// document does not list them there.
var undocumented = map[int]string{
	401: "no key, or one that nobody knows (C30); listed only where it tells of OAuth",
	403: "a sending key, or a limit of the plan (C16)",
	404: "calendars that do not exist, at operations whose list of statuses forgets it (digest 2.4)",
	409: "a bot whose status does not allow it (digest 2.4)",
	402: "tokens ran out",
	408: "the body did not arrive in time",
	413: "the body is too large",
	415: "the body is no JSON",
	503: "the database or a service is away; try again",
}

// additions are members that we send beyond the document, by operation.
var additions = map[string][]string{
	"listBots":           {"/next_cursor"},                                      // the older name of cursor (C2)
	"getBotDetails":      {"/data/participant_audio", "/data/transcript_files"}, // each participant's own audio; subtitles
	"listEventSeries":    {"/data/*/series_bot_scheduled"},                      // named by the older reference only (C25)
	"bots_with_metadata": {"/recent_bots"},                                      // the older name of bots (C62)
	"getEventDetails":    {"/data/series_bot_scheduled", "/data/deleted_at"},

	// of the unified calendar: which connection an event is in, its series, and
	// calendars that could not contribute
	"listCalendarEvents":      {"/events/*/calendarId", "/events/*/seriesId", "/events/*/recurrence", "/errors"},
	"getCalendarEvent":        eventAdditions,
	"createCalendarEvent":     eventAdditions,
	"updateCalendarEvent":     eventAdditions,
	"getCalendarAvailability": {"/errors"},
}

var eventAdditions = []string{"/event/calendarId", "/event/seriesId", "/event/recurrence"}

// services are those that transcribe beyond the document's only one.
var services = []string{"assemblyai", "deepgram", "openai", "captions"}

// asDocumented gives details the document's transcription service where another
// one has transcribed.
func asDocumented(value any) {
	answer, _ := value.(map[string]any)
	data, _ := answer["data"].(map[string]any)
	if name, is := data["transcription_provider"].(string); is && slices.Contains(services, name) {
		data["transcription_provider"] = "gladia"
	}
}

// additionalInMessages is the same for webhooks, by event.
var additionalInMessages = map[string][]string{
	"bot.completed": {"/data/chat_messages"}, // C55
	// sequence: messages may overtake each other
	"calendar.events_synced":   {"/data/events/*/instances/*/sequence"},
	"calendar.event_created":   {"/data/instances/*/sequence"},
	"calendar.event_updated":   {"/data/affected_instances/*/sequence"},
	"calendar.event_cancelled": {"/data/cancelled_instances/*/sequence"},
}

// ourMessages are webhooks that only Steno has.
var ourMessages = []string{"bot.transcript"}

// ours says whether a request is for an operation that only Steno has.
func ours(method, path string) bool {
	own := []string{"GET /v2/calendars/{}/events/{}/decisions", "GET /v2/bots/{}/transcript/stream", "GET /v2/openapi.json", "GET /v2/transcripts/search"}
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	return slices.ContainsFunc(own, func(o string) bool {
		m, p, _ := strings.Cut(o, " ")
		return m == method && literals(strings.Split(p, "/"), parts) >= 0
	})
}

// take removes members by JSON pointer; * is any member or item.
func take(value any, pointers []string) {
	for _, p := range pointers {
		remove(value, strings.Split(p, "/")[1:])
	}
}

func remove(value any, path []string) {
	switch v := value.(type) {
	case map[string]any:
		if len(path) == 1 {
			delete(v, path[0])
			return
		}
		remove(v[path[0]], path[1:])
	case []any:
		for _, item := range v {
			if path[0] == "*" && len(path) > 1 {
				remove(item, path[1:])
			}
		}
	}
}

// namesToObjects puts people who are told by name into the document's form: we
// send names unless a receiver asks for objects (C51).
func namesToObjects(value any) {
	message, _ := value.(map[string]any)
	data, _ := message["data"].(map[string]any)
	for _, key := range []string{"participants", "speakers"} {
		if list, ok := data[key].([]any); ok {
			for i, p := range list {
				if name, ok := p.(string); ok {
					list[i] = map[string]any{"name": name, "id": nil}
				}
			}
		} else if v, ok := data[key]; ok && v == nil {
			data[key] = []any{}
		}
	}
}
