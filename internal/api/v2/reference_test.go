package v2_test

import (
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/store/storetest"
)

// Every answer about Zoom credentials, screenshots and bots that are told
// something must satisfy the reference document.
func TestAnswersOfLiveBotsSatisfyTheReferenceDocument(t *testing.T) {
	db := storetest.SQLite(t)
	s := newStand(t, db)
	s.bots.CommandWait = 5 * time.Second
	s.zoom.Authorise("c1", ada)
	s.zoom.Authorise("c2", ada)
	noZoom, noBot := "/v2/zoom-credentials/00000000-0000-0000-0000-000000000000", "/v2/bots/00000000-0000-0000-0000-000000000000/"
	one := "/v2/zoom-credentials/" + s.credential(t, userCredential("Ada", "c1"))
	shown, id := s.create(t, minimal), s.inCall(t, bot.Recording)
	s.report(t, shown, 1, 1, 3)
	go func() { // the host of the bot, which answers in this order
		for i, c := range []struct {
			state  bot.CommandState
			status bot.Status
		}{{bot.CommandDone, ""}, {bot.CommandDisabled, ""}, {bot.CommandFailed, ""}, {bot.CommandDone, bot.Paused}, {bot.CommandDone, bot.Resumed}} {
			<-s.host(t, db, id, int64(i+2), c.state, "no", c.status)
		}
	}()
	shots, live := "/v2/bots/"+shown+"/screenshots", "/v2/bots/"+id+"/"
	s.satisfy(t, []request{
		{"POST", live + "send-chat-message", `{"message":"m"}`}, {"POST", live + "send-chat-message", `{"message":"m"}`},
		{"POST", live + "send-chat-message", `{"message":"m"}`}, {"POST", live + "pause-recording", `{}`}, {"POST", live + "resume-recording", `{}`},
		{"POST", live + "send-chat-message", `{}`}, {"POST", noBot + "send-chat-message", `{"message":"m"}`}, {"POST", noBot + "pause-recording", `{}`},
		{"POST", live + "resume-recording", `{}`}, {"POST", noBot + "resume-recording", `{}`},
		{"POST", "/v2/bots/" + shown + "/send-chat-message", `{"message":"m"}`}, {"POST", "/v2/bots/" + shown + "/pause-recording", ""},

		{"GET", shots + "?limit=2", ""}, {"GET", shots + "?limit=2&cursor=Mg==", ""}, {"GET", shots + "?limit=2&cursor=x", ""}, {"GET", noBot + "screenshots?limit=2", ""},

		{"POST", "/v2/zoom-credentials", appKeys}, {"POST", "/v2/zoom-credentials", userCredential("Ada", "c2")}, {"POST", "/v2/zoom-credentials", "{}"},
		{"POST", "/v2/zoom-credentials", userCredential("Ada", "none")}, {"GET", "/v2/zoom-credentials", ""}, {"GET", "/v2/zoom-credentials?state=odd", ""},
		{"GET", one, ""}, {"GET", noZoom, ""}, {"GET", "/v2/zoom-credentials/x", ""}, {"PATCH", one, `{"name":"B","extra":null}`},
		{"PATCH", one, `{"client_id":"x"}`}, {"PATCH", noZoom, `{"name":"B"}`}, {"DELETE", one, ""}, {"DELETE", one, ""},
	})
}

func TestScreenshotsHaveTheirShape(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	id := s.create(t, minimal)
	s.report(t, id, 1, 1, 3)
	golden(t, "screenshots", s.call(t, s.key, "GET", "/v2/bots/"+id+"/screenshots?limit=2", ""))
}
