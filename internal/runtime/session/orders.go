package session

import (
	"context"
	"errors"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/record/journal"
)

// Codes of replies that are not OK.
const (
	ReplyBusy   = "busy"    // not in the call just now, or in a menu; ask again
	ReplyNoChat = "no_chat" // the meeting has no chat
)

const (
	// orderWait is how long an order may wait for the bot to be in the call.
	orderWait = 2 * time.Second
	// postLimit bounds the posting of a message.
	postLimit = 8 * time.Second
	// sentPrefix is before the id of a command in the id of the chat message
	// that it posted.
	sentPrefix = "sent-"
)

// errand is a request that the page is needed for: it is carried out between
// two looks at it.
type errand struct {
	Request
	reply chan Reply
}

func isOrder(command string) bool {
	switch bot.CommandKind(command) {
	case bot.CommandChat, bot.CommandPause, bot.CommandResume:
		return true
	}
	return false
}

// order hands a request to the visit and waits for the reply.
func (s *session) order(r Request) Reply {
	o := errand{r, make(chan Reply, 1)}
	t := time.NewTimer(orderWait)
	defer t.Stop()
	select {
	case s.errands <- o:
		return <-o.reply
	case <-t.C:
		return busy()
	}
}

func busy() Reply {
	return Reply{Error: "the bot is not in the call just now, or in a menu of the page", Code: ReplyBusy}
}

// inMenu reports whether the page has something open that keeps it from being used.
func (v *visit) inMenu() bool {
	b, ok := v.adapter.(platform.Busy)
	return ok && b.Busy()
}

// obey carries out an order.
func (v *visit) obey(ctx context.Context, r Request) Reply {
	if !v.inCall() || ctx.Err() != nil {
		return busy()
	}
	switch bot.CommandKind(r.Command) {
	case bot.CommandChat:
		if v.inMenu() {
			return busy()
		}
		return v.post(ctx, r)
	case bot.CommandPause:
		return v.pause(ctx, r)
	case bot.CommandResume:
		return v.resume(ctx, r)
	}
	return Reply{Error: "unknown order"}
}

// post posts a message, once: it is noted before it is posted, and one of which
// nobody knows whether it was posted is not posted again.
func (v *visit) post(ctx context.Context, r Request) Reply {
	s := v.s
	var begun, sent bool
	s.diary.look(func(m *memory) { begun, sent = m.posts[r.ID], m.chats[sentPrefix+r.ID] })
	switch {
	case sent:
		return Reply{OK: true}
	case begun:
		return Reply{Error: "the bot was cut off while it posted the message"}
	}
	s.diary.write(journal.Entry{Command: &journal.Command{Name: commandPost, From: r.From, ID: r.ID}})
	if err := s.diary.failure(); err != nil {
		return Reply{Error: "the bot's journal cannot be written"}
	}
	posting, cancel := context.WithTimeout(ctx, postLimit)
	defer cancel()
	switch err := v.adapter.Say(posting, v.page, r.Text); {
	case errors.Is(err, platform.ErrNoChat):
		return Reply{Error: err.Error(), Code: ReplyNoChat}
	case err != nil:
		s.log.Warn("could not post a message", "error", err)
		return Reply{Error: "the meeting's page did not take the message"}
	}
	s.diary.write(journal.Entry{Chat: &journal.Chat{
		ID: sentPrefix + r.ID, Sender: s.spec.Name, Text: r.Text, Self: true, SentAt: s.clock.Now().UTC(),
	}})
	return Reply{OK: true}
}

// pause stops the recording. To be paused already is no error: the order may
// come a second time.
func (v *visit) pause(ctx context.Context, r Request) Reply {
	s := v.s
	if s.facts.recording.IsZero() {
		return busy()
	}
	if !s.diary.isPaused() {
		if v.film != nil {
			v.film.halt(s.log)
		}
		at := s.clock.Now()
		s.captions.rest()
		v.rec.Pause(at, true)
		s.pauseStream(true)
		s.pauseEars(true)
		s.diary.write(journal.Entry{Pause: &journal.Pause{On: true, UnixMicro: at.UnixMicro()}})
		s.diary.step(bot.Paused)
	}
	v.remark(ctx, r)
	return Reply{OK: true}
}

// resume goes on with the recording; a film begins anew at the next look.
func (v *visit) resume(ctx context.Context, r Request) Reply {
	s := v.s
	if s.diary.isPaused() {
		at := s.clock.Now()
		s.diary.write(journal.Entry{Pause: &journal.Pause{UnixMicro: at.UnixMicro()}})
		v.rec.Pause(at, false)
		s.pauseStream(false)
		s.pauseEars(false)
		s.diary.step(bot.Resumed)
	}
	v.remark(ctx, r)
	return Reply{OK: true}
}

// remark posts what is to be said about a pause. That it cannot be said does
// not undo the pause.
func (v *visit) remark(ctx context.Context, r Request) {
	if strings.TrimSpace(r.Text) == "" {
		return
	}
	if reply := v.post(ctx, r); !reply.OK {
		v.s.diary.note("could not say that the recording was paused or resumed: "+reply.Error, "")
	}
}
