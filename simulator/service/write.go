package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Encode writes a value as the services do: without HTML escapes.
func encode(v any) []byte {
	switch v := v.(type) {
	case nil:
		return nil
	case []byte:
		return v
	case string:
		return []byte(v)
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("simulator cannot encode its answer: %v", err))
	}
	return buf.Bytes()
}

func (c *Core) write(w http.ResponseWriter, r Reply) { WriteReply(w, r) }

// WriteReply writes an answer.
func WriteReply(w http.ResponseWriter, r Reply) {
	h := w.Header()
	for k, v := range r.Header {
		h[k] = v
	}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	body := encode(r.Body)
	if len(body) > 0 && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Status == http.StatusNoContent {
		h.Del("Content-Length")
	}
	w.WriteHeader(r.Status)
	if r.Status != http.StatusNoContent {
		_, _ = w.Write(body) // the client is gone if this fails
	}
}

// ErrBody is the error of a body that is no JSON object.
var ErrBody = errors.New("the body is not a JSON object")

// ReadJSON decodes the body of a request, at most 4 MiB.
func ReadJSON(r *http.Request, into any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %w", ErrBody, err)
	}
	return nil
}
