package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"
)

// Service transcribes audio. What it is given and what it says are the same for
// all services; each of them is a folder of its own under provider/transcribe.
type Service interface {
	// Submit hands audio over and returns the service's id of the job. It can be
	// called again with the same Request after any failure: where the service can
	// be asked what became of the first call, the audio is not transcribed twice.
	// A service that answers at once gives the Result along.
	Submit(ctx context.Context, r Request) (Submission, error)
	// Result asks what has become of a job; nil while it is under way.
	Result(ctx context.Context, key, id string) (*Result, error)
	// Delete removes a job and its audio from the service. A job that is not there
	// any more is no error.
	Delete(ctx context.Context, key, id string) error
	// Limits are those of one job.
	Limits() Limits
}

// Request asks for the transcript of one piece of audio.
type Request struct {
	// Key is the API key, the operator's or the team's own.
	Key string
	// Tag is the caller's name of the audio, by which a lost job is found again.
	// It must be different for each.
	Tag string
	// Open opens the audio, an Ogg Opus file of Size bytes. It is called once for
	// each try.
	Open func() (io.ReadCloser, error)
	Size int64
	// Several says that the audio holds several people, who are to be told apart.
	Several bool
	// Custom are the caller's options for the service, an object that is handed
	// through as it is; null or empty: none.
	Custom json.RawMessage
	// Callback is told of the job's end by services that do so; nil: nobody is.
	Callback *Callback
	// Upload is where an earlier call left the audio at the service; empty: nowhere.
	Upload string
	// Uploaded is told where the audio is before a job is made of it, and keeps it
	// for the next call. nil: nobody wants to know.
	Uploaded func(ctx context.Context, upload string) error
}

// Callback is where a service tells that a job has ended.
type Callback struct {
	URL string
	// Token proves that it is the service who tells: it goes in the header
	// CallbackToken, or else in a parameter of this name of the URL.
	Token string
}

// CallbackToken is the name of the header, and of the parameter.
const CallbackToken = "X-Steno-Token"

// WithToken returns the URL with the token in it.
func (c Callback) WithToken() string {
	return c.URL + "?" + url.Values{CallbackToken: {c.Token}}.Encode()
}

// Submission is a job that a service has taken.
type Submission struct {
	ID     string
	Result *Result // nil: ask for it later
	// Calls: the service will tell Request.Callback of the job's end, or, beside an
	// error, was asked to.
	Calls bool
}

// Result is what a service heard; times count from the beginning of its audio.
type Result struct {
	Words     []Word
	Languages []string
	Duration  time.Duration // of the audio, as the service measured it
	// Raw is the service's answer in the form of the raw transcription's entries
	// (digest 7): as it is, or for services that speak otherwise under "payload".
	Raw json.RawMessage
}

// ErrorKind says what a failed call means.
type ErrorKind string

// The kinds of failure.
const (
	// WrongKey: the key is unknown, may not do this, or its account is empty.
	// Only another key, or money, helps.
	WrongKey ErrorKind = "wrong_key"
	// RateLimited: come back after RetryAfter.
	RateLimited ErrorKind = "rate_limited"
	// Transient: the service or the network failed; try again.
	Transient ErrorKind = "transient"
	// RefusedAudio: the service cannot make anything of the audio.
	RefusedAudio ErrorKind = "refused_audio"
	// RefusedRequest: the service does not take the options.
	RefusedRequest ErrorKind = "refused_request"
	// Gone: there is no such job or upload at the service (any more). Submitting
	// anew, without Request.Upload, helps.
	Gone ErrorKind = "gone"
	// JobFailed: the service gave the job up by its own fault. Submitting anew may
	// help, asking again does not.
	JobFailed ErrorKind = "job_failed"
)

// Error is a failed call to a service. It holds no secret, and nothing of what
// was said.
type Error struct {
	Kind    ErrorKind
	Service string
	Op      string // what was tried, as "upload audio"
	Message string // for people
	// RetryAfter is how long the service asks to wait; 0: the caller decides.
	RetryAfter time.Duration
	Err        error // the cause, for logs; may be nil
}

// Error says who refused what and why.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s: %s", e.Service, e.Op, e.Message)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Passes reports whether the same call may succeed later.
func (e *Error) Passes() bool { return e.Kind == RateLimited || e.Kind == Transient }

// AsError returns the Error in err's chain, or nil.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
