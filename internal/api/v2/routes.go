package v2

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
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
	register func(*Surface, huma.API, huma.Operation)
}

// routes lists all operations of the surface (digest 2.0).
var routes = []route{
	{"createBot", http.MethodPost, "/v2/bots", account.ScopeSend, http.StatusCreated, "Send a bot to a meeting", do((*Surface).createBot)},
	{"listBots", http.MethodGet, "/v2/bots", account.ScopeFull, http.StatusOK, "List bots, newest first", do((*Surface).listBots)},
	{"getBotDetails", http.MethodGet, "/v2/bots/{bot_id}", account.ScopeFull, http.StatusOK, "Show a bot with its recording", do((*Surface).getBotDetails)},
	{"getBotStatus", http.MethodGet, "/v2/bots/{bot_id}/status", account.ScopeFull, http.StatusOK, "Show the status of a bot", do((*Surface).getBotStatus)},
	{"leaveBot", http.MethodPost, "/v2/bots/{bot_id}/leave", account.ScopeFull, http.StatusOK, "Have a bot leave its meeting", do((*Surface).leaveBot)},
	{"deleteBotData", http.MethodDelete, "/v2/bots/{bot_id}/delete-data", account.ScopeFull, http.StatusOK, "Delete the recording of a bot", do((*Surface).deleteBotData)},
}
