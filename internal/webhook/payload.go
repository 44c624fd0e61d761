package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Marshal returns the body of a bot's event: {"event", "data", "extra"}. extra
// is what the caller of the API gave the bot, as JSON; nil is sent as null.
func Marshal(t EventType, data any, extra json.RawMessage) ([]byte, error) {
	if len(extra) == 0 {
		extra = json.RawMessage("null")
	}
	return encode(t, struct {
		Event EventType       `json:"event"`
		Data  any             `json:"data"`
		Extra json.RawMessage `json:"extra"`
	}{t, data, extra})
}

// MarshalPlain returns the body of an event that has no extra (calendars):
// {"event", "data"}.
func MarshalPlain(t EventType, data any) ([]byte, error) {
	return encode(t, struct {
		Event EventType `json:"event"`
		Data  any       `json:"data"`
	}{t, data})
}

// encode leaves <, > and & as they are: titles and URLs stay readable.
func encode(t EventType, v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the payload of %s: %w", t, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
