package store

import (
	"context"
	"net/url"
	"time"

	"steno/internal/ident"
	"steno/internal/webhook"
)

// EmitWebhook tells the team's endpoints of an event: one message, and one
// delivery for each enabled endpoint that wants it. They are sent if and when
// the transaction commits. Without such an endpoint nothing is stored. One that
// was disabled because it failed gets a dropped delivery: what it missed can be
// recovered.
func (tx *Tx) EmitWebhook(ctx context.Context, e webhook.Event) error {
	all, err := webhooks(ctx, tx, `WHERE team_id = $1 AND (enabled OR disabled_reason <> '') ORDER BY id`, e.TeamID)
	if err != nil {
		return err
	}
	message := ""
	for _, to := range all {
		state := webhook.Pending
		if to.Misses(e) {
			state = webhook.Dropped
		} else if !to.Takes(e) {
			continue
		}
		if message == "" {
			if message, err = tx.addMessage(ctx, e); err != nil {
				return err
			}
		}
		// An endpoint is a lane of its own.
		d := delivery{message: message, team: e.TeamID, kind: webhook.ToEndpoint, state: state, lane: to.ID, endpoint: to.ID, at: e.At}
		if err := tx.addDelivery(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// EmitCallback sends a bot's final event to the bot's own address.
func (tx *Tx) EmitCallback(ctx context.Context, c webhook.Callback) error {
	message, err := tx.insertMessage(ctx, webhook.Event{TeamID: c.TeamID, Type: c.Type, BotID: c.BotID, Payload: c.Payload, At: c.At}, 0)
	if err != nil {
		return err
	}
	return tx.addDelivery(ctx, delivery{
		message: message, team: c.TeamID, kind: webhook.ToCallback, state: webhook.Pending, lane: callbackLane(c), url: c.URL, method: c.Method, secret: c.SealedSecret, at: c.At,
	})
}

// callbackLane puts the callbacks of a team to one host into one lane.
func callbackLane(c webhook.Callback) string {
	host := "?"
	if u, err := url.Parse(c.URL); err == nil {
		host = u.Host
	}
	return "callback " + c.TeamID + " " + host
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

type delivery struct {
	message, team, lane, endpoint, url, method, secret string
	kind                                               webhook.Kind
	state                                              webhook.State
	at                                                 time.Time
}

func (tx *Tx) addDelivery(ctx context.Context, d delivery) error {
	_, err := tx.Exec(ctx, `INSERT INTO webhook_deliveries
		(id, message_id, team_id, kind, lane, endpoint_id, url, method, secret, state, attempt, next_at, lease_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, '', $11)`,
		ident.New(), d.message, d.team, string(d.kind), d.lane, d.endpoint, d.url, d.method, d.secret, string(d.state), d.at.UnixMilli())
	if err == nil && d.state == webhook.Pending {
		tx.nudgeSender()
	}
	return err
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
