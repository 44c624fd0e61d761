// Package deepgram speaks Deepgram's API for recorded audio: POST /v1/listen, as
// developers.deepgram.com describes it.
//
// The service answers with the transcript and keeps nothing, so that there is
// nothing to ask for later: an answer that is lost is lost, and the audio is
// transcribed again.
package deepgram

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/internal/provider/transcribe"
	"steno/internal/transcript"
)

// URL is where Deepgram is.
const URL = "https://api.deepgram.com"

// Client implements transcript.Service. It is safe for concurrent use.
type Client struct{ transcribe.Door }

// New returns a client.
func New(o transcribe.Options) (*Client, error) {
	c := &Client{transcribe.Door{Name: "deepgram",
		Sign:    func(r *http.Request, key string) { r.Header.Set("Authorization", "Token "+key) },
		Explain: explain}}
	return c, c.Open(o, URL)
}

// Limits are Deepgram's: it gives up what takes longer than ten minutes, which
// several hours of audio do not.
func (*Client) Limits() transcript.Limits {
	return transcript.Limits{Bytes: 2 << 30, Length: 4 * time.Hour}
}

func explain(status int, body []byte) (transcript.ErrorKind, string) {
	var e struct {
		Code    string `json:"err_code"`
		Text    string `json:"err_msg"`
		Message string `json:"message"`
		Details string `json:"details"`
	}
	_ = json.Unmarshal(body, &e) // no JSON: the status speaks for itself
	said := cmp.Or(e.Text, strings.TrimSpace(e.Message+" "+e.Details))
	if status == http.StatusBadRequest && strings.Contains(said, "process audio") {
		return transcript.RefusedAudio, said
	}
	return "", said
}

// Submit has the audio transcribed and returns the result.
func (c *Client) Submit(ctx context.Context, r transcript.Request) (transcript.Submission, error) {
	const op = "transcribe audio"
	query, language, err := c.query(op, r)
	if err != nil {
		return transcript.Submission{}, err
	}
	a, err := c.Do(ctx, r.Key, transcribe.Call{Op: op, Method: http.MethodPost, Path: "/v1/listen", Query: query,
		Type: "audio/ogg", Body: r.Open, Size: r.Size, Time: transcribe.Hearing})
	if err != nil {
		return transcript.Submission{}, err
	}
	return c.read(op, language, a)
}

// query is the caller's options, with what they left open. language is the one
// that was asked for.
func (c *Client) query(op string, r transcript.Request) (q url.Values, language string, err error) {
	options, err := c.Custom(op, r.Custom)
	if err != nil {
		return nil, "", err
	}
	if _, set := options["callback"]; set {
		return nil, "", c.Fail(op, transcript.RefusedRequest, "the custom parameter callback cannot be used: the transcript would go elsewhere", nil)
	}
	transcribe.Default(options, "model", "nova-3")
	transcribe.Default(options, "smart_format", true)
	transcribe.Default(options, "detect_language", true, "language")
	if r.Several {
		transcribe.Default(options, "diarize", true)
	}
	q = url.Values{}
	for name, raw := range options {
		q[name] = transcribe.Values(raw)
	}
	if language = q.Get("language"); language == "multi" {
		language = "" // each word has its own
	}
	return q, language, nil
}

func (c *Client) read(op, language string, a transcribe.Answer) (transcript.Submission, error) {
	var res struct {
		Metadata struct {
			ID       string  `json:"request_id"`
			Duration float64 `json:"duration"`
		} `json:"metadata"`
		Results *struct {
			Channels []struct {
				Language     string `json:"detected_language"`
				Alternatives []struct {
					Words []struct {
						Word       string  `json:"word"`
						Written    string  `json:"punctuated_word"`
						Start      float64 `json:"start"`
						End        float64 `json:"end"`
						Confidence float64 `json:"confidence"`
						Speaker    *int    `json:"speaker"`
						Language   string  `json:"language"`
					} `json:"words"`
				} `json:"alternatives"`
			} `json:"channels"`
		} `json:"results"`
	}
	if json.Unmarshal(a.Body, &res) != nil || res.Results == nil {
		return transcript.Submission{}, c.Odd(op, "results")
	}
	out := &transcript.Result{Duration: transcribe.Seconds(res.Metadata.Duration)}
	for _, ch := range res.Results.Channels {
		if len(ch.Alternatives) == 0 {
			continue
		}
		for _, w := range ch.Alternatives[0].Words {
			one := transcript.Word{Text: cmp.Or(w.Written, w.Word), Start: transcribe.Seconds(w.Start), End: transcribe.Seconds(w.End),
				Confidence: w.Confidence, Language: transcribe.Language(cmp.Or(w.Language, ch.Language, language)), Voice: -1}
			if w.Speaker != nil {
				one.Voice = *w.Speaker
			}
			out.Words = append(out.Words, one)
		}
	}
	out.Languages = transcribe.Languages(out.Words)
	var err error
	out.Raw, err = transcript.RawOf(*out, a.Took, a.Body)
	return transcript.Submission{ID: res.Metadata.ID, Result: out}, err
}

// Result knows no job: the transcript came with the answer.
func (c *Client) Result(context.Context, string, string) (*transcript.Result, error) {
	return nil, c.Fail("fetch transcription", transcript.Gone, "the service keeps no transcripts", nil)
}

// Delete has nothing to do.
func (*Client) Delete(context.Context, string, string) error { return nil }
