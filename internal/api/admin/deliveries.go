package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"steno/internal/webhook"
)

var deliveryRoutes = []route{
	{"listDeliveries", http.MethodGet, "/teams/{team_id}/webhooks/{webhook_id}/deliveries", http.StatusOK, "Deliveries", "The delivery log of an endpoint, newest first", do(ofTeam((*Surface).listDeliveries))},
	{"listCallbacks", http.MethodGet, "/teams/{team_id}/callbacks", http.StatusOK, "Deliveries", "The delivery log of the callbacks of a team's bots, newest first", do(ofTeam((*Surface).listCallbacks))},
	{"getDelivery", http.MethodGet, "/teams/{team_id}/deliveries/{delivery_id}", http.StatusOK, "Deliveries", "Show a delivery with its attempts", do((*Surface).getDelivery)},
	{"replayDelivery", http.MethodPost, "/teams/{team_id}/deliveries/{delivery_id}/replay", http.StatusOK, "Deliveries", "Send one message again", do((*Surface).replayDelivery)},
	{"replayWebhook", http.MethodPost, "/teams/{team_id}/webhooks/{webhook_id}/replay", http.StatusOK, "Deliveries", "Send all messages of a time range again", do((*Surface).replayWebhook)},
	{"recoverWebhook", http.MethodPost, "/teams/{team_id}/webhooks/{webhook_id}/recover", http.StatusOK, "Deliveries", "Send the messages of a time range again that did not arrive", do((*Surface).recoverWebhook)},
}

// Delivery is one line of the log.
type Delivery struct {
	ID         string  `json:"delivery_id" format:"uuid"`
	MessageID  string  `json:"message_id" doc:"What the receiver sees as webhook-id."`
	WebhookID  *string `json:"webhook_id" doc:"null: a callback"`
	BotID      *string `json:"bot_id"`
	Event      string  `json:"event"`
	State      string  `json:"state" enum:"pending,delivered,exhausted,dropped"`
	Attempts   int     `json:"attempts"`
	Status     *int    `json:"status" doc:"HTTP status of the last attempt; null: no answer, or no attempt yet"`
	Failure    *string `json:"failure" doc:"Why the last attempt got no answer."`
	Sequence   *int64  `json:"sequence" doc:"The running number of the bot's messages."`
	ReplayOf   *string `json:"replay_of" doc:"The first delivery of the message to this receiver, if this is not it."`
	CreatedAt  string  `json:"created_at" format:"date-time"`
	NextAt     *string `json:"next_at" format:"date-time"`
	FinishedAt *string `json:"finished_at" format:"date-time"`
}

func wireDelivery(d webhook.Delivery) Delivery {
	out := Delivery{
		ID: d.ID, MessageID: d.MessageID, WebhookID: text(d.EndpointID), BotID: text(d.BotID), Event: string(d.Event), State: string(d.State),
		Attempts: d.Attempts, Failure: text(string(d.LastFailure)), ReplayOf: text(d.ReplayOf),
		CreatedAt: stamp(d.CreatedAt), NextAt: maybeStamp(d.NextAt), FinishedAt: maybeStamp(d.FinishedAt),
	}
	if d.LastStatus != 0 {
		out.Status = &d.LastStatus
	}
	if d.Sequence != 0 {
		out.Sequence = &d.Sequence
	}
	return out
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// LogQuery holds the filters of a log.
type LogQuery struct {
	TeamInput
	State  string    `query:"state" enum:"pending,delivered,exhausted,dropped"`
	Event  string    `query:"event" maxLength:"100"`
	BotID  string    `query:"bot_id" maxLength:"100"`
	Since  time.Time `query:"since" doc:"Only deliveries that were queued then or later."`
	Until  time.Time `query:"until" doc:"Only deliveries that were queued before."`
	Limit  int       `query:"limit" minimum:"1" maximum:"250" default:"50"`
	Cursor string    `query:"cursor" maxLength:"100" doc:"From the page before."`
}

type logInput struct {
	LogQuery
	WebhookID string `path:"webhook_id" doc:"The id of the endpoint."`
}

func (s *Surface) listDeliveries(ctx context.Context, in *logInput) (*many[Delivery], error) {
	return s.log(ctx, in.LogQuery, in.WebhookID)
}

func (s *Surface) listCallbacks(ctx context.Context, in *LogQuery) (*many[Delivery], error) {
	return s.log(ctx, *in, "")
}

// log asks for one more than the page holds: if it comes, there is a next page.
func (s *Surface) log(ctx context.Context, in LogQuery, endpoint string) (*many[Delivery], error) {
	found, err := s.Deliveries.List(ctx, in.TeamID, webhook.Query{
		EndpointID: endpoint, State: webhook.State(in.State), Event: webhook.EventType(in.Event), BotID: in.BotID,
		Since: in.Since, Until: in.Until, Before: in.Cursor, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, err
	}
	more := len(found) > in.Limit
	out := answerList(found[:min(len(found), in.Limit)], wireDelivery)
	if more {
		out.Body.Cursor = &found[in.Limit-1].ID
	}
	return out, nil
}

type deliveryInput struct {
	TeamInput
	DeliveryID string `path:"delivery_id" doc:"The id of the delivery."`
}

// record is a delivery with what was sent and what came back.
type record struct {
	Delivery
	Request request `json:"request"`
	Tries   []try   `json:"tries"`
}

type request struct {
	Method string          `json:"method"`
	URL    string          `json:"url"`
	Body   json.RawMessage `json:"body" doc:"The message as it was first sent; a replay carries fresh links."`
}

type try struct {
	N          int     `json:"n"`
	At         string  `json:"at" format:"date-time"`
	DurationMS int64   `json:"duration_ms"`
	Failure    *string `json:"failure"`
	Error      *string `json:"error"`
	Request    sent    `json:"request"`
	Response   *got    `json:"response" doc:"null: there was no answer"`
}

type sent struct {
	URL     string      `json:"url"`
	Headers http.Header `json:"headers" doc:"Without what only the receiver may know."`
}

type got struct {
	Status  int         `json:"status"`
	Headers http.Header `json:"headers" doc:"The first 2 kB."`
	Body    string      `json:"body" doc:"The first kB."`
}

func (s *Surface) getDelivery(ctx context.Context, in *deliveryInput) (*one[record], error) {
	r, err := s.Deliveries.Get(ctx, in.TeamID, in.DeliveryID)
	if err != nil {
		return nil, err
	}
	out := record{Delivery: wireDelivery(r.Delivery), Request: request{r.Method, r.URL, r.Body}, Tries: []try{}}
	for _, t := range r.Attempts {
		w := try{
			N: t.N, At: stamp(t.At), DurationMS: t.Duration.Milliseconds(), Failure: text(string(t.Failure)), Error: text(t.Error),
			Request: sent{t.URL, r.RequestHeaders(t)},
		}
		if t.Status != 0 {
			w.Response = &got{t.Status, t.ResponseHeaders, t.ResponseBody}
		}
		out.Tries = append(out.Tries, w)
	}
	return answer(out), nil
}

// queued says what came of a replay.
type queued struct {
	Messages int     `json:"messages" doc:"How many messages were queued."`
	Next     *string `json:"next" doc:"If it is not null there are more: give it as after in the next call."`
}

func (s *Surface) replayDelivery(ctx context.Context, in *deliveryInput) (*one[queued], error) {
	if err := s.Deliveries.Again(ctx, in.TeamID, in.DeliveryID); err != nil {
		return nil, err
	}
	return answer(queued{Messages: 1}), nil
}

type scopeInput struct {
	EndpointInput
	Body struct {
		Since time.Time  `json:"since" doc:"Messages that came about then or later."`
		Until *time.Time `json:"until,omitempty" doc:"Messages that came about before. Default: now."`
		After string     `json:"after,omitempty" doc:"The next of the call before."`
	}
}

func (s *Surface) replayWebhook(ctx context.Context, in *scopeInput) (*one[queued], error) {
	return s.replay(ctx, in, false)
}

func (s *Surface) recoverWebhook(ctx context.Context, in *scopeInput) (*one[queued], error) {
	return s.replay(ctx, in, true)
}

func (s *Surface) replay(ctx context.Context, in *scopeInput, failedOnly bool) (*one[queued], error) {
	scope := webhook.Scope{EndpointID: in.WebhookID, Since: in.Body.Since, After: in.Body.After, FailedOnly: failedOnly}
	if in.Body.Until != nil {
		scope.Until = *in.Body.Until
	}
	q, err := s.Deliveries.Replay(ctx, in.TeamID, scope)
	if err != nil {
		return nil, err
	}
	return answer(queued{q.Messages, text(q.Next)}), nil
}
