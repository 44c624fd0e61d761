package v1

import (
	"net/http"

	"steno/internal/account"
)

// botRoutes lists the operations on bots (digest 3.3), and that on the address
// which hears of them.
var botRoutes = []route{
	{"join", http.MethodPost, "/bots", account.ScopeSend, http.StatusOK, "Send a bot to a meeting, now or at a time", do((*Surface).join)},
	{"leave", http.MethodDelete, "/bots/{uuid}", account.ScopeFull, http.StatusOK, "Have a bot leave its meeting", do((*Surface).leave)},
	{"get_meeting_data", http.MethodGet, "/bots/meeting_data", account.ScopeFull, http.StatusOK, "Show a bot with its recording", do((*Surface).meetingData)},
	{"delete_data", http.MethodPost, "/bots/{uuid}/delete_data", account.ScopeFull, http.StatusOK, "Delete the recording of a bot", do((*Surface).deleteData)},
	{"bots_with_metadata", http.MethodGet, "/bots/bots_with_metadata", account.ScopeFull, http.StatusOK, "List bots, newest first", do((*Surface).listBots)},
	{"retranscribe_bot", http.MethodPost, "/bots/retranscribe", account.ScopeFull, http.StatusAccepted, "Have a recording transcribed again", do((*Surface).retranscribe)},
	{"get_screenshots", http.MethodGet, "/bots/{uuid}/screenshots", account.ScopeFull, http.StatusOK, "List what the bot's page looked like", do((*Surface).screenshots)},

	{"webhook_documentation", http.MethodGet, "/bots/webhooks", account.ScopeFull, http.StatusOK, "Describe all webhooks", do(documentation(docBots, docCalendars))},
	{"bot_webhook_documentation", http.MethodGet, "/bots/webhooks/bot", account.ScopeFull, http.StatusOK, "Describe the webhooks of bots", do(documentation(docBots))},
	{"calendar_webhook_documentation", http.MethodGet, "/bots/webhooks/calendar", account.ScopeFull, http.StatusOK, "Describe the webhooks of calendars", do(documentation(docCalendars))},
	{"get_webhook_url", http.MethodGet, "/accounts/webhook_url", account.ScopeFull, http.StatusOK, "Show where the account is told of its bots", do((*Surface).getWebhookURL)},
	{"set_webhook_url", http.MethodPost, "/accounts/webhook_url", account.ScopeFull, http.StatusOK, "Set where the account is told of its bots", do((*Surface).setWebhookURL)},

	{"list_zoom_oauth_connections", http.MethodGet, "/zoom_oauth_connections", account.ScopeFull, http.StatusOK, "List the Zoom users who let bots act for them", do((*Surface).listZoom)},
	{"create_zoom_oauth_connection", http.MethodPost, "/zoom_oauth_connections", account.ScopeFull, http.StatusCreated, "Let bots act for the Zoom user who gave the code", do((*Surface).createZoom)},
	{"get_zoom_oauth_connection", http.MethodGet, "/zoom_oauth_connections/{uuid}", account.ScopeFull, http.StatusOK, "Show a connection", do((*Surface).getZoom)},
	{"delete_zoom_oauth_connection", http.MethodDelete, "/zoom_oauth_connections/{uuid}", account.ScopeFull, http.StatusNoContent, "Remove a connection", do((*Surface).deleteZoom)},
}
