package webhook

import "time"

// disabledData is the data of webhook.endpoint_disabled.
type disabledData struct {
	EndpointID   string  `json:"endpoint_id"`
	Name         string  `json:"name"`
	Reason       string  `json:"reason"`
	FailingSince *string `json:"failing_since"`
	DisabledAt   string  `json:"disabled_at"`
}

// exhaustedData is the data of webhook.delivery_exhausted.
type exhaustedData struct {
	DeliveryID string  `json:"delivery_id"`
	MessageID  string  `json:"message_id"`
	Kind       Kind    `json:"kind"`
	Event      string  `json:"event"`
	EndpointID *string `json:"endpoint_id"` // null: a callback
	BotID      *string `json:"bot_id"`
	Attempts   int     `json:"attempts"`
	Status     *int    `json:"status"` // of the last answer; null if there was none
	Failure    *string `json:"failure"`
	CreatedAt  string  `json:"created_at"`
}

// DisabledNotice tells that Steno disabled an endpoint.
func DisabledNotice(e Endpoint, at time.Time) (Event, error) {
	d := disabledData{EndpointID: e.ID, Name: e.Name, Reason: e.DisabledReason, DisabledAt: stamp(at)}
	if e.FailingSince != nil {
		text := stamp(*e.FailingSince)
		d.FailingSince = &text
	}
	body, err := MarshalPlain(EndpointDisabled, d)
	return Event{TeamID: e.TeamID, Type: EndpointDisabled, Payload: body, At: at, OnRequest: true}, err
}

// ExhaustedNotice tells that the last attempt of a delivery failed.
func ExhaustedNotice(d Delivery, at time.Time) (Event, error) {
	x := exhaustedData{
		DeliveryID: d.ID, MessageID: d.MessageID, Kind: d.Kind, Event: string(d.Event), EndpointID: orNil(d.EndpointID), BotID: orNil(d.BotID),
		Attempts: d.Attempts, Failure: orNil(string(d.LastFailure)), CreatedAt: stamp(d.CreatedAt),
	}
	if d.LastStatus != 0 {
		x.Status = &d.LastStatus
	}
	body, err := MarshalPlain(DeliveryExhausted, x)
	return Event{TeamID: d.TeamID, Type: DeliveryExhausted, Payload: body, At: at, OnRequest: true}, err
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
