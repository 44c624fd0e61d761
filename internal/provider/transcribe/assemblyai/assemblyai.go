// Package assemblyai speaks AssemblyAI's API v2: POST /v2/upload, POST, GET and
// DELETE /v2/transcript, as assemblyai.com/docs describes them.
//
// A job whose answer was lost is found again by the address of its upload,
// which is different for each.
package assemblyai

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/internal/provider/transcribe"
	"steno/internal/transcript"
)

// URL is where AssemblyAI is; https://api.eu.assemblyai.com keeps all in Europe.
const URL = "https://api.assemblyai.com"

const (
	jobs = "/v2/transcript"
	// pages of 200 of the newest jobs are looked through.
	pages = 5
)

// Client implements transcript.Service. It is safe for concurrent use.
type Client struct{ transcribe.Door }

// New returns a client.
func New(o transcribe.Options) (*Client, error) {
	c := &Client{transcribe.Door{Name: "assemblyai",
		Sign:    func(r *http.Request, key string) { r.Header.Set("Authorization", key) },
		Explain: explain}}
	return c, c.Open(o, URL)
}

// Limits are AssemblyAI's.
func (*Client) Limits() transcript.Limits {
	return transcript.Limits{Bytes: 2200 << 20, Length: 10 * time.Hour}
}

func explain(status int, body []byte) (transcript.ErrorKind, string) {
	var e struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &e) // no JSON: the status speaks for itself
	low := strings.ToLower(e.Error)
	switch {
	case status == http.StatusBadRequest && strings.Contains(low, "not found"):
		return transcript.Gone, e.Error
	case status == http.StatusForbidden && strings.Contains(low, "uploaded file"):
		return transcript.Gone, e.Error // of another project's key
	case status == http.StatusBadRequest && strings.Contains(low, "balance"):
		return transcript.WrongKey, e.Error
	}
	return "", e.Error
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
	return transcribe.Calls(r, "webhook_url", "webhook_auth_header_name", "webhook_auth_header_value")
}

func (c *Client) upload(ctx context.Context, r transcript.Request) (string, error) {
	const op = "upload audio"
	a, err := c.Do(ctx, r.Key, transcribe.Call{Op: op, Method: http.MethodPost, Path: "/v2/upload", Type: "application/octet-stream", Body: r.Open, Size: r.Size})
	if err != nil {
		return "", err
	}
	var up struct {
		URL string `json:"upload_url"`
	}
	if json.Unmarshal(a.Body, &up) != nil || up.URL == "" {
		return "", c.Odd(op, "upload_url")
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
	delete(body, "audio_url")
	transcribe.Default(body, "audio_url", r.Upload)
	transcribe.Default(body, "language_detection", true, "language_code", "language_codes")
	transcribe.Default(body, "speech_models", []string{"universal-3-pro", "universal-2"}, "speech_model")
	if r.Several {
		transcribe.Default(body, "speaker_labels", true)
	}
	if calls(r) { // the URL is in all of its answers, and so in the raw transcription; the header is not
		transcribe.Default(body, "webhook_url", r.Callback.URL)
		transcribe.Default(body, "webhook_auth_header_name", transcript.CallbackToken)
		transcribe.Default(body, "webhook_auth_header_value", r.Callback.Token)
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

// find looks through the newest jobs for one of the upload that has not failed.
func (c *Client) find(ctx context.Context, r transcript.Request) (string, error) {
	const op = "look for the job"
	query := url.Values{"limit": {"200"}}
	for range pages {
		a, err := c.Do(ctx, r.Key, transcribe.Call{Op: op, Method: http.MethodGet, Path: jobs, Query: query})
		if err != nil {
			return "", err
		}
		var page struct {
			List []struct {
				ID     string `json:"id"`
				Status string `json:"status"`
				Audio  string `json:"audio_url"`
			} `json:"transcripts"`
			Details struct {
				Older *string `json:"prev_url"`
			} `json:"page_details"`
		}
		if json.Unmarshal(a.Body, &page) != nil {
			return "", c.Odd(op, "transcripts")
		}
		for _, j := range page.List {
			if j.Audio == r.Upload && j.Status != "error" {
				return j.ID, nil
			}
		}
		if len(page.List) == 0 || page.Details.Older == nil {
			break
		}
		query.Set("before_id", page.List[len(page.List)-1].ID)
	}
	return "", nil
}

// Result asks what has become of a job.
func (c *Client) Result(ctx context.Context, key, id string) (*transcript.Result, error) {
	const op = "fetch transcription"
	a, err := c.Do(ctx, key, transcribe.Call{Op: op, Method: http.MethodGet, Path: jobs + "/" + url.PathEscape(id)})
	if err != nil {
		return nil, err
	}
	var job struct {
		Status   string  `json:"status"`
		Audio    string  `json:"audio_url"`
		Error    string  `json:"error"`
		Language string  `json:"language_code"`
		Duration float64 `json:"audio_duration"`
		Words    []struct {
			Text       string  `json:"text"`
			Start      float64 `json:"start"`
			End        float64 `json:"end"`
			Confidence float64 `json:"confidence"`
			Speaker    *string `json:"speaker"`
			Language   string  `json:"language"`
		} `json:"words"`
	}
	if json.Unmarshal(a.Body, &job) != nil {
		return nil, c.Odd(op, "status")
	}
	if strings.Contains(job.Audio, "deleted_by_user") {
		return nil, c.Fail(op, transcript.Gone, "the transcription was deleted", nil)
	}
	switch job.Status {
	case "queued", "processing":
		return nil, nil
	case "error":
		if !silent(job.Error) {
			return nil, c.failed(op, key, job.Error)
		}
	case "completed":
	default:
		return nil, c.Odd(op, "status that is known")
	}
	out := &transcript.Result{Duration: transcribe.Seconds(job.Duration)}
	voices := map[string]int{}
	for _, w := range job.Words {
		one := transcript.Word{Text: w.Text, Start: transcribe.Millis(w.Start), End: transcribe.Millis(w.End), Confidence: w.Confidence, Voice: -1,
			Language: transcribe.Language(job.Language)}
		if w.Language != "" {
			one.Language = transcribe.Language(w.Language)
		}
		if w.Speaker != nil {
			if _, known := voices[*w.Speaker]; !known {
				voices[*w.Speaker] = len(voices)
			}
			one.Voice = voices[*w.Speaker]
		}
		out.Words = append(out.Words, one)
	}
	out.Languages = transcribe.Languages(out.Words)
	out.Raw, err = transcript.RawOf(*out, 0, a.Body)
	return out, err
}

// silent reports whether a job failed because nobody speaks: the language of
// silence cannot be found out. Nothing was said, which is a result.
func silent(why string) bool {
	why = strings.ToLower(why)
	return strings.Contains(why, "no spoken audio") || strings.Contains(why, "no speech")
}

func (c *Client) failed(op, key, why string) error {
	low := strings.ToLower(why)
	switch {
	case strings.Contains(low, "download"):
		return c.Fail(op, transcript.Gone, "the service has lost the audio", nil)
	case strings.Contains(low, "server error") || strings.Contains(low, "try again") || strings.Contains(low, "timed out"):
		return c.Fail(op, transcript.JobFailed, "the service gave the job up", nil)
	}
	return c.Fail(op, transcript.RefusedAudio, "the service cannot make anything of the audio: "+transcribe.Quote(why, key), nil)
}

// Delete removes a job with its audio.
func (c *Client) Delete(ctx context.Context, key, id string) error {
	_, err := c.Do(ctx, key, transcribe.Call{Op: "delete transcription", Method: http.MethodDelete, Path: jobs + "/" + url.PathEscape(id)})
	return transcribe.Deleted(err)
}
