// Package gladia speaks Gladia's API v2 for recorded audio: POST /v2/upload,
// POST, GET and DELETE /v2/pre-recorded, as docs.gladia.io describes them.
//
// A job carries the caller's tag in its custom metadata, so that one whose
// answer was lost is found again.
package gladia

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/internal/provider/transcribe"
	"steno/internal/transcript"
)

// URL is where Gladia is.
const URL = "https://api.gladia.io"

const (
	jobs    = "/v2/pre-recorded"
	tagName = "steno"
)

// Client implements transcript.Service. It is safe for concurrent use.
type Client struct{ transcribe.Door }

// New returns a client.
func New(o transcribe.Options) (*Client, error) {
	c := &Client{transcribe.Door{Name: "gladia",
		Sign:    func(r *http.Request, key string) { r.Header.Set("x-gladia-key", key) },
		Explain: explain}}
	return c, c.Open(o, URL)
}

// Limits are Gladia's.
func (*Client) Limits() transcript.Limits {
	return transcript.Limits{Bytes: 1000 << 20, Length: 135 * time.Minute}
}

func explain(status int, body []byte) (transcript.ErrorKind, string) {
	var e struct {
		Message string          `json:"message"`
		Issues  json.RawMessage `json:"validation_errors"`
	}
	_ = json.Unmarshal(body, &e) // no JSON: the status speaks for itself
	said := e.Message
	if len(e.Issues) > 0 {
		said += " " + string(e.Issues)
	}
	return "", said
}

// Submit uploads the audio and makes a job of it.
func (c *Client) Submit(ctx context.Context, r transcript.Request) (transcript.Submission, error) {
	again := r.Upload != ""
	if !again {
		var err error
		if r.Upload, err = c.upload(ctx, r); err != nil {
			return transcript.Submission{}, err
		}
	}
	sub, err := transcribe.Create(ctx, &c.Door, again,
		func() (string, error) { return c.create(ctx, r) },
		func() (string, error) { return c.find(ctx, r) })
	sub.Calls = calls(r)
	return sub, err
}

func calls(r transcript.Request) bool {
	return transcribe.Calls(r, "callback", "callback_config", "callback_url")
}

func (c *Client) upload(ctx context.Context, r transcript.Request) (string, error) {
	call, err := transcribe.Call{Op: "upload audio", Method: http.MethodPost, Path: "/v2/upload"}.Form(nil, "audio", r)
	if err != nil {
		return "", err
	}
	a, err := c.Do(ctx, r.Key, call)
	if e := transcript.AsError(err); e != nil && e.Kind == transcript.RefusedRequest {
		e.Kind = transcript.RefusedAudio // nothing but audio is in it
	}
	if err != nil {
		return "", err
	}
	var up struct {
		URL string `json:"audio_url"`
	}
	if json.Unmarshal(a.Body, &up) != nil || up.URL == "" {
		return "", c.Odd(call.Op, "audio_url")
	}
	if r.Uploaded != nil {
		err = r.Uploaded(ctx, up.URL)
	}
	return up.URL, err
}

func (c *Client) create(ctx context.Context, r transcript.Request) (string, error) {
	call := transcribe.Call{Op: "start transcription", Method: http.MethodPost, Path: jobs, Once: true}
	body, err := c.Custom(call.Op, r.Custom)
	if err != nil {
		return "", err
	}
	meta, err := c.Custom(call.Op, body["custom_metadata"])
	if err != nil {
		return "", err
	}
	delete(meta, tagName)
	transcribe.Default(meta, tagName, r.Tag)
	delete(body, "custom_metadata")
	transcribe.Default(body, "custom_metadata", meta)
	delete(body, "audio_url")
	transcribe.Default(body, "audio_url", r.Upload)
	if r.Several {
		transcribe.Default(body, "diarization", true)
	}
	if calls(r) { // it sends no header of ours
		transcribe.Default(body, "callback", true)
		transcribe.Default(body, "callback_config", map[string]string{"url": r.Callback.WithToken(), "method": http.MethodPost})
	}
	if call, err = call.JSON(body); err != nil {
		return "", err
	}
	a, err := c.Do(ctx, r.Key, call)
	if err != nil {
		return "", err
	}
	var job struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(a.Body, &job) != nil || job.ID == "" {
		return "", c.Odd(call.Op, "id")
	}
	return job.ID, nil
}

// find looks for the job of a tag that has not failed.
func (c *Client) find(ctx context.Context, r transcript.Request) (string, error) {
	filter, err := json.Marshal(map[string]string{tagName: r.Tag})
	if err != nil {
		return "", err
	}
	a, err := c.Do(ctx, r.Key, transcribe.Call{Op: "look for the job", Method: http.MethodGet, Path: jobs,
		Query: url.Values{"custom_metadata": {string(filter)}, "limit": {"20"}}})
	if err != nil {
		return "", err
	}
	var page struct {
		Items []struct {
			ID     string `json:"id"`
			Status string `json:"status"`
			Meta   struct {
				Tag string `json:"steno"`
			} `json:"custom_metadata"`
		} `json:"items"`
	}
	if json.Unmarshal(a.Body, &page) != nil {
		return "", c.Odd("look for the job", "items")
	}
	for _, j := range page.Items {
		if j.Meta.Tag == r.Tag && j.Status != "error" {
			return j.ID, nil
		}
	}
	return "", nil
}

type word struct {
	Word       string  `json:"word"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"`
}

// Result asks what has become of a job.
func (c *Client) Result(ctx context.Context, key, id string) (*transcript.Result, error) {
	const op = "fetch transcription"
	a, err := c.Do(ctx, key, transcribe.Call{Op: op, Method: http.MethodGet, Path: jobs + "/" + url.PathEscape(id)})
	if err != nil {
		return nil, err
	}
	var job struct {
		Status string          `json:"status"`
		Code   int             `json:"error_code"`
		Result json.RawMessage `json:"result"`
	}
	if json.Unmarshal(a.Body, &job) != nil {
		return nil, c.Odd(op, "status")
	}
	switch job.Status {
	case "queued", "processing":
		return nil, nil
	case "error":
		if job.Code >= 400 && job.Code < 500 && job.Code != http.StatusRequestTimeout {
			return nil, c.Fail(op, transcript.RefusedAudio, "the service cannot make anything of the audio", nil)
		}
		return nil, c.Fail(op, transcript.JobFailed, "the service gave the job up", nil)
	case "done":
	default:
		return nil, c.Odd(op, "status that is known")
	}
	return c.read(op, job.Result)
}

func (c *Client) read(op string, raw json.RawMessage) (*transcript.Result, error) {
	var r struct {
		Metadata struct {
			Duration float64 `json:"audio_duration"`
		} `json:"metadata"`
		Transcription *struct {
			Languages  []string `json:"languages"`
			Utterances []struct {
				Language string `json:"language"`
				Speaker  *int   `json:"speaker"`
				Words    []word `json:"words"`
			} `json:"utterances"`
		} `json:"transcription"`
	}
	if json.Unmarshal(raw, &r) != nil || r.Transcription == nil {
		return nil, c.Odd(op, "transcription")
	}
	out := &transcript.Result{Duration: transcribe.Seconds(r.Metadata.Duration), Languages: r.Transcription.Languages}
	var err error
	if out.Raw, err = numbered(raw); err != nil {
		return nil, c.Odd(op, "transcription")
	}
	for _, u := range r.Transcription.Utterances {
		voice := -1
		if u.Speaker != nil {
			voice = *u.Speaker
		}
		for _, w := range u.Words {
			if text := strings.TrimSpace(w.Word); text != "" {
				out.Words = append(out.Words, transcript.Word{Text: text, Start: transcribe.Seconds(w.Start), End: transcribe.Seconds(w.End),
					Confidence: w.Confidence, Language: transcribe.Language(u.Language), Voice: voice})
			}
		}
	}
	return out, nil
}

// numbered gives each utterance the number of its speaker that the contract wants
// in the raw transcription; Gladia has none where it did not tell voices apart.
func numbered(raw json.RawMessage) (json.RawMessage, error) {
	var all, transcription map[string]json.RawMessage
	var utterances []map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(raw, &all), json.Unmarshal(all["transcription"], &transcription)); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(transcription["utterances"], &utterances); err != nil {
		return nil, err
	}
	for _, u := range utterances {
		transcribe.Default(u, "speaker", 0)
	}
	var err error
	for _, part := range []struct {
		into  map[string]json.RawMessage
		name  string
		value any
	}{{transcription, "utterances", utterances}, {all, "transcription", transcription}} {
		if part.into[part.name], err = json.Marshal(part.value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

// Delete removes a job with its audio.
func (c *Client) Delete(ctx context.Context, key, id string) error {
	_, err := c.Do(ctx, key, transcribe.Call{Op: "delete transcription", Method: http.MethodDelete, Path: jobs + "/" + url.PathEscape(id)})
	return transcribe.Deleted(err)
}
