package store

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"steno/internal/ident"
	"steno/internal/webhook"
)

// EmitWebhook tells the team's endpoints of an event: one message, and one
// delivery for each enabled endpoint that wants it. They are sent if and when
// the transaction commits. Without such an endpoint nothing is stored. One that
// was disabled because it failed gets a dropped delivery: what it missed can be
// recovered. An event of a bot with an address of its own goes there, and to no
// endpoint.
func (tx *Tx) EmitWebhook(ctx context.Context, e webhook.Event) error {
	if e.Own != nil {
		message, err := tx.addMessage(ctx, e)
		if err != nil {
			return err
		}
		return tx.addDirect(ctx, message, e, direct{kind: webhook.ToV1, url: e.Own.URL, method: "POST", secret: e.Own.SealedKey})
	}
	all, err := webhooks(ctx, tx, `WHERE team_id = $1 AND (enabled OR disabled_reason <> '') ORDER BY id`, e.TeamID)
	if err != nil {
		return err
	}
	var now, missed []string
	for _, to := range all {
		switch {
		case to.Takes(e):
			now = append(now, to.ID)
		case to.Misses(e):
			missed = append(missed, to.ID)
		}
	}
	if len(now)+len(missed) == 0 {
		return nil
	}
	message, err := tx.addMessage(ctx, e)
	if err != nil {
		return err
	}
	if err := tx.addDeliveries(ctx, message, e, webhook.Pending, now); err != nil {
		return err
	}
	return tx.addDeliveries(ctx, message, e, webhook.Dropped, missed)
}

// deliveriesPerInsert bounds one statement on PostgreSQL, where each costs a
// round trip. On SQLite a statement for each row is the quicker way.
const deliveriesPerInsert = 50

// addDeliveries queues a message for endpoints, each of which is a lane of its
// own.
func (tx *Tx) addDeliveries(ctx context.Context, message string, e webhook.Event, state webhook.State, endpoints []string) error {
	each := deliveriesPerInsert
	if tx.db.sqlite {
		each = 1
	}
	for len(endpoints) > 0 {
		some := endpoints[:min(len(endpoints), each)]
		endpoints = endpoints[len(some):]
		values, args := make([]string, len(some)), []any{message, e.TeamID, string(endpointKind(e.Surface)), string(state), e.At.UnixMilli()}
		for i, id := range some {
			values[i] = fmt.Sprintf("($%d, $1, $2, $3, $%d, $%d, '', '', '', $4, 0, $5, '', $5)", len(args)+1, len(args)+2, len(args)+2)
			args = append(args, ident.New(), id)
		}
		_, err := tx.Exec(ctx, `INSERT INTO webhook_deliveries
			(id, message_id, team_id, kind, lane, endpoint_id, url, method, secret, state, attempt, next_at, lease_by, created_at)
			VALUES `+strings.Join(values, ", "), args...)
		if err != nil {
			return err
		}
		if state == webhook.Pending {
			tx.nudgeSender()
		}
	}
	return nil
}

func endpointKind(s webhook.Surface) webhook.Kind {
	if s == webhook.V1 {
		return webhook.ToV1
	}
	return webhook.ToEndpoint
}

// EmitCallback sends a bot's final event to the bot's own address.
func (tx *Tx) EmitCallback(ctx context.Context, c webhook.Callback) error {
	e := webhook.Event{TeamID: c.TeamID, Type: c.Type, BotID: c.BotID, Payload: c.Payload, At: c.At}
	message, err := tx.insertMessage(ctx, e, 0)
	if err != nil {
		return err
	}
	return tx.addDirect(ctx, message, e, direct{kind: webhook.ToCallback, url: c.URL, method: c.Method, secret: c.SealedSecret})
}

// direct is a receiver that is no endpoint; secret is sealed.
type direct struct {
	kind                webhook.Kind
	url, method, secret string
}

func (tx *Tx) addDirect(ctx context.Context, message string, e webhook.Event, to direct) error {
	_, err := tx.Exec(ctx, `INSERT INTO webhook_deliveries
		(id, message_id, team_id, kind, lane, endpoint_id, url, method, secret, state, attempt, next_at, lease_by, created_at)
		VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, 'pending', 0, $9, '', $9)`,
		ident.New(), message, e.TeamID, string(to.kind), to.lane(e.TeamID), to.url, to.method, to.secret, e.At.UnixMilli())
	if err == nil {
		tx.nudgeSender()
	}
	return err
}

// lane puts what a team's bots send to one host into one lane.
func (d direct) lane(team string) string {
	host := "?"
	if u, err := url.Parse(d.url); err == nil {
		host = u.Host
	}
	return string(d.kind) + " " + team + " " + host
}

// addMessage stores a message to endpoints. Those of a bot are numbered.
func (tx *Tx) addMessage(ctx context.Context, e webhook.Event) (string, error) {
	step := 0
	if e.BotID != "" {
		step = 1
	}
	return tx.insertMessage(ctx, e, step)
}

// insertMessage stores a message whose number is that of the bot's last one and
// step. Messages of a bot come about one after the other: whoever tells of a bot
// has its row locked. A message to a callback stands outside of the counting.
func (tx *Tx) insertMessage(ctx context.Context, e webhook.Event, step int) (string, error) {
	id := webhook.NewMessageID()
	_, err := tx.Exec(ctx, `INSERT INTO webhook_messages (id, team_id, bot_id, event, payload, payload_objects, created_at, sequence)
		VALUES ($1, $2, $3, $4, $5, $6, $7,
			$8 + COALESCE((SELECT MAX(sequence) FROM webhook_messages m WHERE m.bot_id = $3 AND m.bot_id <> ''), 0))`,
		id, e.TeamID, e.BotID, string(e.Type), string(e.Payload), string(e.PayloadObjects), e.At.UnixMilli(), step)
	return id, err
}

// nudgeSender wakes the sender of this process once after the commit.
func (tx *Tx) nudgeSender() {
	if tx.nudged {
		return
	}
	tx.nudged = true
	tx.AfterCommit(func() {
		if f := tx.db.onDelivery.Load(); f != nil {
			(*f)()
		}
	})
}

// OnDelivery has f called after each commit that added something to deliver.
// f must not block. The sender sets it; other hosts find the rows by polling.
func (db *DB) OnDelivery(f func()) { db.onDelivery.Store(&f) }
