package v2

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/fail"
)

const (
	// listenEvery is how often a stream looks for what is new: any server may have
	// written it.
	listenEvery = time.Second
	// beatEvery is how often a stream that has nothing to say gives a sign of life,
	// by which both sides and what is between them see whether it stands.
	beatEvery = 15 * time.Second
	// writeLimit is how long a client may take to take what it is sent.
	writeLimit = 30 * time.Second
	// maxListeners bounds the streams of a team at one server.
	maxListeners = 200
)

// codeListeners refuses a stream more than that.
const codeListeners = "FST_ERR_TOO_MANY_STREAMS"

// listeners counts the open streams by team.
type listeners struct {
	mu sync.Mutex
	n  map[string]int
}

// enter counts one more stream, which leaves by the function; nil: too many.
func (l *listeners) enter(team string) (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == nil {
		l.n = map[string]int{}
	}
	if l.n[team] >= maxListeners {
		return nil
	}
	l.n[team]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.n[team]--; l.n[team] == 0 {
			delete(l.n, team)
		}
	}
}

type streamInput struct {
	BotID       string `path:"bot_id" doc:"The id of the bot, a UUID."`
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last utterance that the client has: the stream goes on behind it."`
}

// streamTranscriptRoute is do, with the document's words for what is no JSON.
func streamTranscriptRoute(s *Surface, d *door.Door, scope account.Scope, op huma.Operation) {
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events: utterance, with an id; partial, if that was asked for; and end when nothing more comes",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	op.Errors = append(op.Errors, http.StatusNotFound, http.StatusConflict)
	do((*Surface).streamTranscript)(s, d, scope, op)
}

// streamTranscript tells what is said in a bot's meeting, from the beginning or
// from where the client was, until the bot has ended.
func (s *Surface) streamTranscript(ctx context.Context, c account.Caller, in *streamInput) (*huma.StreamResponse, error) {
	id, err := botInput{in.BotID}.id()
	if err != nil {
		return nil, err
	}
	after := int64(0)
	if in.LastEventID != "" {
		if after, err = strconv.ParseInt(in.LastEventID, 10, 64); err != nil || after < 0 {
			return nil, bot.Invalid(bot.Issue{Pointer: "/Last-Event-ID", Rule: "is not the id of an utterance"})
		}
	}
	if err := s.Bots.CheckLive(ctx, c.TeamID, id); err != nil {
		return nil, err
	}
	leave := s.listeners.enter(c.TeamID)
	if leave == nil {
		return nil, fail.New(fail.Limited, codeListeners, "the team has %d streams open at this server; close one", maxListeners)
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer leave()
		r, w := humachi.Unwrap(h)
		// The patience with requests ends, the stream does not.
		t := &teller{w: w, line: http.NewResponseController(w), team: c.TeamID, id: id, after: after}
		t.run(context.WithoutCancel(r.Context()), s)
	}}, nil
}

// teller tells one client what is said.
type teller struct {
	w        http.ResponseWriter
	line     *http.ResponseController
	team, id string
	after    int64
	partial  []bot.Utterance // what was sent last of what is being said
	told     time.Time       // when anything was sent last
}

// run tells until all is told, the client is gone or the server stops. Then the
// client comes back with the id of what it has.
func (t *teller) run(ctx context.Context, s *Surface) {
	_ = t.line.SetReadDeadline(time.Time{}) // that of a request
	t.w.Header().Set("Content-Type", "text/event-stream")
	t.w.Header().Set("Cache-Control", "no-store")
	t.w.Header().Set("X-Accel-Buffering", "no") // proxies that collect answers
	tick := time.NewTicker(listenEvery)
	defer tick.Stop()
	for more := t.send("retry: 2000\n\n") && t.news(ctx, s); more; more = t.news(ctx, s) {
		if time.Since(t.told) >= beatEvery && !t.send(": still here\n\n") {
			return
		}
		select {
		case <-s.Closing:
			return
		case <-tick.C:
		}
	}
}

// news tells what is new, and reports whether more may come and the client is there.
// A database that is away is asked again.
func (t *teller) news(ctx context.Context, s *Surface) (more bool) {
	for {
		asking, cancel := context.WithTimeout(ctx, writeLimit)
		talk, err := s.Bots.Talk(asking, t.team, t.id, t.after)
		cancel()
		if err != nil {
			return !fail.Is(err, fail.NotFound)
		}
		for _, u := range talk.Said {
			if !t.event("utterance", fmt.Sprintf("id: %d\n", u.Seq), u.Shown()) {
				return false
			}
			t.after = u.Seq
		}
		if talk.Over != "" {
			t.event("end", "", ended{t.id, string(talk.Over)})
			return false
		}
		if len(talk.Said) == 0 {
			return t.goesOn(talk.Partial)
		}
	}
}

// goesOn tells what is being said, if that has changed.
func (t *teller) goesOn(partial []bot.Utterance) bool {
	if slices.Equal(partial, t.partial) {
		return true
	}
	t.partial = partial
	list := make([]bot.ShownPartial, len(partial))
	for i, u := range partial {
		list[i] = u.Partial()
	}
	return t.event("partial", "", goesOn{list})
}

type goesOn struct {
	Utterances []bot.ShownPartial `json:"utterances"`
}

type ended struct {
	BotID  string `json:"bot_id"`
	Status string `json:"status"`
}

func (t *teller) event(name, id string, data any) bool {
	text, err := json.Marshal(data)
	return err == nil && t.send(fmt.Sprintf("event: %s\n%sdata: %s\n\n", name, id, text))
}

// send writes and reports whether the client took it.
func (t *teller) send(text string) bool {
	_ = t.line.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := t.w.Write([]byte(text)); err != nil {
		return false
	}
	t.told = time.Now()
	return t.line.Flush() == nil
}
