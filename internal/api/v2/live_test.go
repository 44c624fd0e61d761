package v2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// inCall brings a bot into its call.
func (s *stand) inCall(t testing.TB, statuses ...bot.Status) string {
	t.Helper()
	id := s.create(t, minimal)
	if _, err := s.bots.Launch(t.Context(), id, "host"); err != nil {
		t.Fatal(err)
	}
	p := bot.Progress{Seq: 1}
	for _, status := range append([]bot.Status{bot.JoiningCall, bot.InCall}, statuses...) {
		p.Transitions = append(p.Transitions, bot.Transition{Status: status, At: s.now})
	}
	if err := s.bots.Apply(t.Context(), id, p); err != nil {
		t.Fatal(err)
	}
	return id
}

// host plays the host of a bot: it takes the next command and says what came of
// it, and tells the bot's new status.
func (s *stand) host(t testing.TB, db *store.DB, id string, seq int64, state bot.CommandState, message string, status bot.Status) <-chan bot.Command {
	t.Helper()
	told := make(chan bot.Command, 1)
	bots := store.Bots{DB: db}
	go func() {
		defer close(told)
		for t.Context().Err() == nil {
			list, err := bots.Commands(t.Context(), []string{id}, s.now)
			if err != nil || len(list) == 0 {
				time.Sleep(5 * time.Millisecond)
				continue
			}
			if taken, err := bots.TakeCommand(t.Context(), list[0].ID); err != nil || !taken {
				return
			}
			if status != "" {
				_ = s.bots.Apply(t.Context(), id, bot.Progress{Seq: seq, Transitions: []bot.Transition{{Status: status, At: s.now}}})
			}
			if state != bot.CommandTaken {
				_ = bots.SettleCommand(t.Context(), list[0].ID, state, message)
			}
			told <- list[0]
			return
		}
	}()
	return told
}

// heard is what the bot was told.
func heard(t *testing.T, told <-chan bot.Command) bot.Command {
	t.Helper()
	select {
	case c := <-told:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("the bot is told nothing")
		return bot.Command{}
	}
}

// left is how many commands are in the database.
func left(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.Read(t.Context(), func(q store.Querier) error {
		return q.QueryRow(t.Context(), "SELECT COUNT(*) FROM bot_commands").Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestChatMessagesAreSentOrSaidNotToBe(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		s.bots.CommandWait = 5 * time.Second
		id := s.inCall(t)
		path := "/v2/bots/" + id + "/send-chat-message"
		for _, c := range []struct {
			state        bot.CommandState
			status       int
			code, answer string
		}{
			{bot.CommandDone, http.StatusOK, "", "Chat message sent"},
			{bot.CommandDisabled, http.StatusUnprocessableEntity, "FST_ERR_CHAT_DISABLED", "chat is not available"},
			{bot.CommandFailed, http.StatusInternalServerError, "FST_ERR_SEND_CHAT_MESSAGE_FAILED", "the page is odd"},
		} {
			told := s.host(t, db, id, 0, c.state, "the page is odd", "")
			r := s.call(t, s.key, "POST", path, `{"message":"Hello & <all>"}`)
			if r.status != c.status || !strings.Contains(r.body, c.answer) {
				t.Errorf("%s: %d %s", c.state, r.status, r.body)
			}
			if code := ""; c.code != "" {
				if code, _, _ = r.problem(t); code != c.code {
					t.Errorf("%s: code %s", c.state, code)
				}
			}
			if got := heard(t, told); got.Text != "Hello & <all>" || got.Kind != bot.CommandChat {
				t.Errorf("the bot is told %+v", got)
			}
		}
		// Nobody takes it; somebody takes it and is never heard of again.
		s.bots.CommandWait = 150 * time.Millisecond
		for name, play := range map[string]func(){"no host": func() {}, "silent host": func() { s.host(t, db, id, 0, bot.CommandTaken, "", "") }} {
			play()
			r := s.call(t, s.key, "POST", path, `{"message":"Hello"}`)
			if code, _, _ := r.problem(t); r.status != http.StatusInternalServerError || code != "FST_ERR_SEND_CHAT_MESSAGE_FAILED" {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		for _, body := range []string{`{}`, `{"message":""}`, `{"message":" \n\t "}`, `{"message":"` + strings.Repeat("ä", 501) + `"}`, `{"message":7}`, `{"message":"\u0000"}`, `[]`} {
			if r := s.call(t, s.key, "POST", path, body); r.status != http.StatusBadRequest {
				t.Errorf("%.40s: %d %s", body, r.status, r.body)
			}
		}
		if n := left(t, db); n != 0 {
			t.Errorf("%d commands are left", n)
		}
	})
}

// Statuses decide, on every status of a bot's life; another team finds nothing.
func TestCommandsNeedTheRightStatus(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	s.bots.CommandWait = time.Millisecond
	allowed := map[string][]bot.Status{
		"send-chat-message": {bot.InCall, bot.Recording, bot.Paused, bot.Resumed},
		"pause-recording":   {bot.Recording, bot.Resumed},
		"resume-recording":  {bot.Paused},
	}
	for _, status := range bot.Statuses {
		if status.Terminal() || status == bot.Queued || status == bot.JoiningCall {
			continue
		}
		id := s.inCall(t, status)
		for operation, in := range allowed {
			want := http.StatusConflict
			for _, ok := range in {
				if ok == status {
					want = http.StatusInternalServerError // nobody runs it
				}
			}
			r := s.call(t, s.key, "POST", "/v2/bots/"+id+"/"+operation, `{"message":"m"}`)
			if r.status != want {
				t.Errorf("%s in %s: %d %s", operation, status, r.status, r.body)
			}
			if code, _, _ := r.problem(t); want == http.StatusConflict && code != "FST_ERR_BOT_STATUS" {
				t.Errorf("%s in %s: %s", operation, status, code)
			}
		}
	}
	queued, done := s.create(t, minimal), s.create(t, minimal)
	s.finish(t, done)
	other, err := s.accounts.CreateTeam(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	blue := s.newKey(t, other, account.Full)
	calling := s.inCall(t, bot.Recording)
	for operation := range allowed {
		for _, id := range []string{queued, done} {
			if r := s.call(t, s.key, "POST", "/v2/bots/"+id+"/"+operation, `{"message":"m"}`); r.status != http.StatusConflict {
				t.Errorf("%s: %d %s", operation, r.status, r.body)
			}
		}
		if r := s.call(t, blue, "POST", "/v2/bots/"+calling+"/"+operation, `{"message":"m"}`); r.status != http.StatusNotFound {
			t.Errorf("%s by another team: %d %s", operation, r.status, r.body)
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		s.bots.CommandWait = 5 * time.Second
		id := s.inCall(t, bot.Recording)
		for i, c := range []struct {
			operation, body string
			state           bot.CommandState
			status          bot.Status
			want            int
		}{
			{"pause", "", bot.CommandDone, bot.Paused, http.StatusOK},
			{"resume", `{"chat_message":null}`, bot.CommandDone, bot.Resumed, http.StatusOK},
			{"pause", `{"chat_message":"Now we pause"}`, bot.CommandDone, bot.Paused, http.StatusOK},
			{"resume", "", bot.CommandFailed, "", http.StatusInternalServerError},
			{"resume", "{}", bot.CommandDone, bot.Resumed, http.StatusOK},
		} {
			told := s.host(t, db, id, int64(i+2), c.state, "not now", c.status)
			r := s.call(t, s.key, "POST", "/v2/bots/"+id+"/"+c.operation+"-recording", c.body)
			if r.status != c.want {
				t.Errorf("%d: %d %s", i, r.status, r.body)
			}
			if got := heard(t, told); string(got.Kind) != c.operation || (got.Text != "") != strings.Contains(c.body, "Now") {
				t.Errorf("%d: the bot is told %+v", i, got)
			}
			if now := s.call(t, s.key, "GET", "/v2/bots/"+id+"/status", ""); c.status != "" && !strings.Contains(now.body, string(c.status)) {
				t.Errorf("%d: %s", i, now.body)
			}
		}
		if r := s.call(t, s.key, "POST", "/v2/bots/"+id+"/pause-recording", fmt.Sprintf(`{"chat_message":%q}`, strings.Repeat("x", 501))); r.status != http.StatusBadRequest {
			t.Errorf("%d %s", r.status, r.body)
		}
		if n := left(t, db); n != 0 {
			t.Errorf("%d commands are left", n)
		}
	})
}
