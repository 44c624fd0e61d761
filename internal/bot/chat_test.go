package bot_test

import (
	"encoding/json"
	"strings"
	"testing"

	"steno/internal/bot"
)

// A message in the meeting is told once, with the sender's number, and the
// payload of the contract.
func TestChatMessagesAreTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.listen(t, "red")
		id := h.launched(t, "red", bot.Request{Extra: json.RawMessage(`{"a":1}`)})
		p := bot.Progress{Seq: 5, Chats: []bot.ChatMessage{{ID: "m-1", Sender: "Ada", N: 2, Text: "<b>hi</b>"}, {ID: "m-2", Sender: "Somebody", Text: "ho"}}}
		for range 2 { // a report may come twice
			if err := h.Apply(t.Context(), id, p); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, body := range h.sent(t, "payload") {
			if strings.Contains(body, bot.EventChat) {
				got = append(got, body)
			}
		}
		want := []string{
			`{"event":"bot.chat_message","data":{"bot_id":"` + id + `","event_id":null,"message_id":"m-1","sender_name":"Ada","sender_id":2,"text":"<b>hi</b>","sent_at":"2026-03-01T12:00:00.000Z"},"extra":{"a":1}}`,
			`{"event":"bot.chat_message","data":{"bot_id":"` + id + `","event_id":null,"message_id":"m-2","sender_name":"Somebody","sender_id":null,"text":"ho","sent_at":"2026-03-01T12:00:00.000Z"},"extra":{"a":1}}`,
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
