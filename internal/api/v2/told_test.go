package v2_test

import (
	"os"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/store/storetest"
	"steno/test/fakecalendar"
	"steno/test/hostile"
)

// Every webhook and callback of the reference is told at least once, as
// documented. With STENO_CONTRACT_TABLE set, how often each was seen is added to
// that file.
func TestEveryDocumentedWebhookIsTold(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	failed := w.create(t, `{"bot_name":"N","meeting_url":"https://zoom.us/j/2","extra":{"a":1},"callback_enabled":true,"callback_config":{"url":"https://receiver.example","participants":"objects"}}`)
	if err := w.bots.Fail(t.Context(), failed, bot.EndNotAccepted, "the host said no"); err != nil {
		t.Fatal(err)
	}
	chats := []bot.ChatMessage{{ID: "m-1", Sender: "Ada", N: 1, Text: "<b>hi</b> \U0001F4A1"}, {ID: "m-2", Sender: "Somebody whom nobody knows", Text: "ho"}}
	if err := w.bots.Apply(t.Context(), w.ids["calling"], bot.Progress{Seq: 99, Chats: chats}); err != nil {
		t.Fatal(err)
	}
	w.lifeOfACalendar(t)
	w.checkMessages(t)
	for what, n := range w.watch.Told() {
		if n == 0 {
			t.Errorf("no %s", what)
		}
	}
	table := w.watch.ToldTable()
	t.Logf("documented webhooks and callbacks and how often each was seen:\n%s", table)
	if file := os.Getenv("STENO_CONTRACT_TABLE"); file != "" && !hostile.Raced() {
		add, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer add.Close()
		if _, err := add.WriteString("\n" + table); err != nil {
			t.Error(err)
		}
	}
}

// lifeOfACalendar has an event come, change and go, and the connection fail, get
// new credentials and end.
func (w *world) lifeOfACalendar(t *testing.T) {
	t.Helper()
	id, service := w.ids["calendar"], w.calendars.Providers[calendar.Google].(*fakecalendar.Service)
	event := titledItem(service.Items, "Review <of> Q1")
	event.ID, event.UID = "late", "late"
	change := func(items ...calendar.Item) {
		service.Items = items
		w.now = w.now.Add(time.Hour) // the sync is due
		if err := w.calendars.Sync(t.Context(), id, "test"); err != nil {
			t.Fatal(err)
		}
	}
	change(event)
	event.Title = "Other"
	change(event)
	change(calendar.Item{Kind: calendar.Tombstone, ID: event.ID})
	w.refusal = calendar.Revoked
	change()
	w.refusal = ""
	w.call(t, w.key, "PATCH", "/v2/calendars/"+id, `{"oauth_refresh_token":"other"}`)
	w.call(t, w.key, "DELETE", "/v2/calendars/"+id, "")
}

func titledItem(items []calendar.Item, title string) (found calendar.Item) {
	for _, item := range items {
		if item.Title == title {
			found = item
		}
	}
	return found
}
