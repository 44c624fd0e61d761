// Package openai speaks POST /v1/audio/transcriptions as OpenAI describes it,
// which servers of Whisper that people run themselves speak, too.
//
// The service answers with the transcript and keeps nothing: an answer that is
// lost is lost, and the audio is transcribed again.
package openai

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"unicode"

	"steno/internal/provider/transcribe"
	"steno/internal/transcript"
)

// URL is where OpenAI is. A server of one's own is named without the /v1, too.
const URL = "https://api.openai.com"

// Client implements transcript.Service. It is safe for concurrent use.
type Client struct{ transcribe.Door }

// New returns a client.
func New(o transcribe.Options) (*Client, error) {
	c := &Client{transcribe.Door{Name: "openai", Sign: sign, Explain: explain}}
	return c, c.Open(o, URL)
}

// sign leaves out a key that is not there: one's own server may want none.
func sign(r *http.Request, key string) {
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
}

// Limits are OpenAI's.
func (*Client) Limits() transcript.Limits { return transcript.Limits{Bytes: 25 << 20} }

func explain(status int, body []byte) (transcript.ErrorKind, string) {
	var e struct {
		Error struct {
			Message string `json:"message"`
			Code    any    `json:"code"`
			Param   string `json:"param"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &e) // no JSON: the status speaks for itself
	low := strings.ToLower(e.Error.Message)
	switch {
	case e.Error.Code == "insufficient_quota":
		return transcript.WrongKey, "" // a 429 that does not pass by itself
	case status == http.StatusBadRequest && (e.Error.Param == "file" || strings.Contains(low, "audio file") || strings.Contains(low, "file format")):
		return transcript.RefusedAudio, e.Error.Message
	case status == http.StatusNotFound:
		return transcript.RefusedRequest, e.Error.Message // the model
	}
	return "", e.Error.Message
}

// Submit has the audio transcribed and returns the result.
func (c *Client) Submit(ctx context.Context, r transcript.Request) (transcript.Submission, error) {
	const op = "transcribe audio"
	fields, language, err := c.fields(op, r)
	if err != nil {
		return transcript.Submission{}, err
	}
	call, err := transcribe.Call{Op: op, Method: http.MethodPost, Path: "/v1/audio/transcriptions", Time: transcribe.Hearing}.Form(fields, "file", r)
	if err != nil {
		return transcript.Submission{}, err
	}
	a, err := c.Do(ctx, r.Key, call)
	if err != nil {
		return transcript.Submission{}, err
	}
	return c.read(op, language, a)
}

// fields are the caller's options, with what they left open. language is the
// one that was asked for.
func (c *Client) fields(op string, r transcript.Request) (fields []transcribe.Field, language string, err error) {
	options, err := c.Custom(op, r.Custom)
	if err != nil {
		return nil, "", err
	}
	const format, times = "response_format", "timestamp_granularities"
	transcribe.Default(options, "model", "whisper-1")
	transcribe.Default(options, format, "verbose_json")
	if f := transcribe.Values(options[format]); len(f) != 1 || f[0] != "verbose_json" {
		return nil, "", c.Fail(op, transcript.RefusedRequest, "the custom parameter response_format must be verbose_json: nothing else has the times of words", nil)
	}
	delete(options, times)
	delete(options, times+"[]")
	transcribe.Default(options, times, []string{"word", "segment"})
	for name, raw := range options {
		if len(raw) > 0 && raw[0] == '[' {
			name = strings.TrimSuffix(name, "[]") + "[]"
		}
		for _, v := range transcribe.Values(raw) {
			fields = append(fields, transcribe.Field{Name: name, Value: v})
			if name == "language" {
				language = v
			}
		}
	}
	return fields, language, nil
}

type segment struct {
	Start    float64 `json:"start"`
	End      float64 `json:"end"`
	Text     string  `json:"text"`
	LogProb  float64 `json:"avg_logprob"`
	NoSpeech float64 `json:"no_speech_prob"`
	Words    []word  `json:"words"` // where some servers have them
}

// empty is Whisper's own rule for text that it made up in silence.
func (s segment) empty() bool { return s.NoSpeech > 0.6 && s.LogProb < -1 }

type word struct {
	Word  string  `json:"word"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

func (c *Client) read(op, language string, a transcribe.Answer) (transcript.Submission, error) {
	var res struct {
		Text     *string   `json:"text"`
		Language string    `json:"language"`
		Duration float64   `json:"duration"`
		Words    []word    `json:"words"`
		Segments []segment `json:"segments"`
	}
	if json.Unmarshal(a.Body, &res) != nil || res.Text == nil {
		return transcript.Submission{}, c.Odd(op, "text")
	}
	if len(res.Words) == 0 {
		for _, s := range res.Segments {
			res.Words = append(res.Words, s.spread()...)
		}
	}
	written(res.Words, *res.Text)
	if language == "" {
		language = code(res.Language)
	}
	out := &transcript.Result{Duration: transcribe.Seconds(res.Duration)}
	at := 0
	for _, w := range res.Words {
		for at < len(res.Segments)-1 && w.Start >= res.Segments[at].End {
			at++
		}
		one := transcript.Word{Text: strings.TrimSpace(w.Word), Start: transcribe.Seconds(w.Start), End: transcribe.Seconds(w.End), Language: transcribe.Language(language), Voice: -1}
		if at < len(res.Segments) {
			if res.Segments[at].empty() {
				continue
			}
			one.Confidence = math.Exp(min(res.Segments[at].LogProb, 0))
		}
		if one.Text != "" {
			out.Words = append(out.Words, one)
		}
	}
	out.Languages = transcribe.Languages(out.Words)
	var err error
	out.Raw, err = transcript.RawOf(*out, a.Took, a.Body)
	return transcript.Submission{ID: a.Header.Get("X-Request-Id"), Result: out}, err
}

// spread are a segment's words; where the server told no times of theirs, its
// time is shared out by their length.
func (s segment) spread() []word {
	if len(s.Words) > 0 {
		return s.Words
	}
	texts := strings.Fields(s.Text)
	letters := 0
	for _, t := range texts {
		letters += len(t)
	}
	list := make([]word, len(texts))
	at := s.Start
	for i, t := range texts {
		end := at + (s.End-s.Start)*float64(len(t))/float64(letters)
		list[i], at = word{t, at, end}, end
	}
	return list
}

// written gives words the punctuation that only the text has, as long as the two
// are the same otherwise.
func written(words []word, text string) {
	rest := strings.Fields(text)
	for i := range words {
		w := strings.TrimSpace(words[i].Word)
		if len(rest) == 0 || !strings.EqualFold(bare(rest[0]), bare(w)) {
			return
		}
		words[i].Word, rest = rest[0], rest[1:]
	}
}

// bare is a word without the punctuation around it.
func bare(w string) string {
	return strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
}

// Result knows no job: the transcript came with the answer.
func (c *Client) Result(context.Context, string, string) (*transcript.Result, error) {
	return nil, c.Fail("fetch transcription", transcript.Gone, "the service keeps no transcripts", nil)
}

// Delete has nothing to do.
func (*Client) Delete(context.Context, string, string) error { return nil }
