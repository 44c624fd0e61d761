package transcribe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"steno/internal/transcript"
)

// Field is one value of a form.
type Field struct{ Name, Value string }

// Form gives a call a multipart body: the fields and, behind them, the audio,
// which is read as it is sent.
func (c Call) Form(fields []Field, file string, r transcript.Request) (Call, error) {
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	for _, f := range fields {
		if err := w.WriteField(f.Name, f.Value); err != nil {
			return c, err
		}
	}
	h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"; filename="audio.ogg"`, file)}, "Content-Type": {"audio/ogg"}}
	if _, err := w.CreatePart(h); err != nil {
		return c, err
	}
	before := slices.Clone(frame.Bytes())
	frame.Reset()
	if err := w.Close(); err != nil {
		return c, err
	}
	after := frame.Bytes()
	c.Type, c.Size = w.FormDataContentType(), int64(len(before)+len(after))+r.Size
	c.Body = func() (io.ReadCloser, error) {
		audio, err := r.Open()
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(before), audio, bytes.NewReader(after)), audio}, nil
	}
	return c, nil
}

// Custom reads the caller's options; none are an empty object.
func (d *Door) Custom(op string, raw json.RawMessage) (map[string]json.RawMessage, error) {
	m := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(raw)) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, d.Fail(op, transcript.RefusedRequest, "the custom parameters are not a JSON object", nil)
	}
	if m == nil {
		m = map[string]json.RawMessage{}
	}
	return m, nil
}

// Default sets an option that the caller has not set by this or another name.
func Default(m map[string]json.RawMessage, name string, value any, others ...string) {
	for _, n := range append(others, name) {
		if _, set := m[n]; set {
			return
		}
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // our own constants
	}
	m[name] = b
}

// Values writes an option as the values of a form or query: each item of an
// array is one of its own.
func Values(raw json.RawMessage) []string {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	var out []string
	for _, one := range list {
		switch one := one.(type) {
		case nil:
		case string:
			out = append(out, one)
		case json.Number, bool:
			out = append(out, fmt.Sprint(one))
		default:
			b, _ := json.Marshal(one) // came from JSON
			out = append(out, string(b))
		}
	}
	return out
}

// Seconds and Millis are times as services write them.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Millis is the same in milliseconds.
func Millis(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// Language cuts a code down to ISO 639-1: "en_us" and "en-GB" are "en".
func Language(code string) string {
	code, _, _ = strings.Cut(strings.ReplaceAll(strings.ToLower(code), "_", "-"), "-")
	return code
}

// Languages lists those of words, in the order in which they come.
func Languages(words []transcript.Word) []string {
	list := []string{}
	for _, w := range words {
		if w.Language != "" && !slices.Contains(list, w.Language) {
			list = append(list, w.Language)
		}
	}
	return list
}
