// Package transcribe is what the clients of transcription services have in
// common: how they call, what they try again, and how they word failures. Each
// service is a folder below.
//
// It logs nothing, and its errors hold neither keys nor what was said.
package transcribe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/internal/clock"
	"steno/internal/netguard"
	"steno/internal/provider/throttle"
	"steno/internal/transcript"
)

// Limits of a call.
const (
	maxAnswer = 64 << 20 // hours of words with their times have some 10 MB
	maxError  = 64 << 10
	timeout   = time.Minute
	tries     = 3
	patience  = 20 * time.Second // of all waits of one call together
	// slowest is the speed below which an upload is given up.
	slowest = 64 << 10 // bytes a second
	// Hearing is how long a service that answers with the transcript may take.
	Hearing = 20 * time.Minute
)

// limits keep a server from being refused by a service; each key has its own.
var limits = throttle.Limits{Client: throttle.Rate{PerSecond: 10, Burst: 20}, InFlight: 8}

// Options say how a service is reached.
type Options struct {
	URL   string // empty: the real one
	Net   netguard.Options
	Clock clock.Clock    // nil: the system's
	Sleep throttle.Sleep // nil: a timer
}

// Door is the way to one service. It is safe for concurrent use.
type Door struct {
	Name string
	// Sign puts the key into a request.
	Sign func(r *http.Request, key string)
	// Explain reads a refusal: what it means, and the service's own words about
	// it. An empty kind leaves the meaning to the status.
	Explain func(status int, body []byte) (transcript.ErrorKind, string)

	base    string
	way     *netguard.Service
	http    *http.Client
	limiter *throttle.Limiter
	clock   clock.Clock
	sleep   throttle.Sleep
}

// Open makes the way to a service; real is its own address. Close ends it.
func (d *Door) Open(o Options, real string) error {
	d.base = strings.TrimRight(cmp.Or(o.URL, real), "/")
	o.Net.Patience = Hearing // each call has its own bound
	way, err := netguard.NewService(o.Net, d.base)
	if err != nil {
		return fmt.Errorf("address of %s: %w", d.Name, err)
	}
	d.way, d.http, d.clock, d.sleep = way, way.Client(), o.Clock, o.Sleep
	if d.clock == nil {
		d.clock = clock.System{}
	}
	if d.sleep == nil {
		d.sleep = throttle.Timer
	}
	d.limiter = throttle.New(limits, d.clock, d.sleep)
	return nil
}

// Close ends idle connections.
func (d *Door) Close() { d.way.Close() }

// Call is one request to a service.
type Call struct {
	Op     string // for errors, as "upload audio"
	Method string
	Path   string
	Query  url.Values
	Type   string // of the body
	// Body opens the body of Size bytes, once for each try; nil: none.
	Body func() (io.ReadCloser, error)
	Size int64
	// Once: after a failure that leaves open whether the call was carried out, it
	// is not made again. What was refused unseen is.
	Once bool
	// Time that the service may take beyond the transport of the body; 0: a minute.
	Time time.Duration
}

// JSON gives a call a body.
func (c Call) JSON(v any) (Call, error) {
	b, err := json.Marshal(v)
	c.Type, c.Size = "application/json", int64(len(b))
	c.Body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	return c, err
}

// Answer is what a service said.
type Answer struct {
	Header http.Header
	Body   []byte // JSON, or empty
	Took   time.Duration
}

// Do makes a call, again where a failure passes by itself within seconds.
// Errors are *transcript.Error or ctx's.
func (d *Door) Do(ctx context.Context, key string, c Call) (Answer, error) {
	waited := time.Duration(0)
	for try := 1; ; try++ {
		a, unseen, err := d.once(ctx, key, c)
		e := transcript.AsError(err)
		if err == nil || e == nil || !e.Passes() || try >= tries || c.Once && !unseen {
			return a, err
		}
		wait := max(e.RetryAfter, time.Second<<(try-1)/2+rand.N(time.Second/2))
		if waited += wait; waited > patience {
			return a, err
		}
		if err := d.sleep(ctx, wait); err != nil {
			return a, err
		}
	}
}

// Wait lets a moment pass before a service is asked what became of a call.
func (d *Door) Wait(ctx context.Context) error { return d.sleep(ctx, 2*time.Second) }

// once makes one try. unseen says that a failed one was certainly not carried
// out.
func (d *Door) once(ctx context.Context, key string, c Call) (a Answer, unseen bool, err error) {
	name := account(key)
	release, err := d.limiter.Acquire(ctx, name, name)
	if err != nil {
		var delay *throttle.Delay
		if errors.As(err, &delay) {
			e := d.Fail(c.Op, transcript.RateLimited, delay.Error(), nil)
			e.RetryAfter = delay.For
			return a, true, e
		}
		return a, true, err
	}
	defer release()
	bound := cmp.Or(c.Time, timeout) + time.Duration(c.Size/slowest)*time.Second
	callCtx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	req, err := d.request(callCtx, key, c)
	if err != nil {
		return a, true, err
	}
	began := d.clock.Now()
	res, err := d.http.Do(req)
	if err != nil {
		return a, false, d.unreachable(ctx, c.Op, err)
	}
	defer res.Body.Close()
	a = Answer{Header: res.Header, Took: d.clock.Now().Sub(began)}
	if res.StatusCode >= http.StatusMultipleChoices {
		e := d.refusal(c.Op, key, res)
		if e.Kind == transcript.RateLimited {
			d.limiter.PauseClient(name, max(e.RetryAfter, time.Second))
		}
		return a, e.Kind == transcript.RateLimited, e
	}
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return a, false, d.unreachable(ctx, c.Op, err)
	case len(a.Body) > maxAnswer:
		return a, false, d.Fail(c.Op, transcript.RefusedAudio, "the answer is larger than any transcript should be; use shorter chunks", nil)
	case len(a.Body) > 0 && !json.Valid(a.Body):
		return a, false, d.Fail(c.Op, transcript.Transient, "the answer is no complete JSON", nil)
	}
	return a, false, nil
}

// account is the name of a key in the limiter, which need not know it.
func account(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}

func (d *Door) request(ctx context.Context, key string, c Call) (*http.Request, error) {
	target := d.base + c.Path
	if len(c.Query) > 0 {
		target += "?" + c.Query.Encode()
	}
	var body io.ReadCloser
	if c.Body != nil {
		var err error
		if body, err = c.Body(); err != nil {
			return nil, fmt.Errorf("open audio: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, target, body)
	if err != nil {
		return nil, d.Fail(c.Op, transcript.RefusedRequest, "the request could not be built", nil)
	}
	if body != nil {
		req.ContentLength = c.Size
		req.Header.Set("Content-Type", c.Type)
	}
	req.Header.Set("Accept", "application/json")
	d.Sign(req, key)
	return req, nil
}

// Fail makes an error.
func (d *Door) Fail(op string, kind transcript.ErrorKind, message string, cause error) *transcript.Error {
	return &transcript.Error{Kind: kind, Service: d.Name, Op: op, Message: message, Err: cause}
}

// refusal turns an answer of 300 and above into an error.
func (d *Door) refusal(op, key string, res *http.Response) *transcript.Error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxError)) // the status speaks for itself
	kind, said := d.Explain(res.StatusCode, body)
	kind = cmp.Or(kind, meaning(res.StatusCode))
	e := d.Fail(op, kind, meant(kind, res.StatusCode), nil)
	if kind == transcript.RefusedAudio || kind == transcript.RefusedRequest {
		if said = Quote(said, key); said != "" {
			e.Message += ": " + said
		}
	}
	e.RetryAfter = throttle.ParseRetryAfter(res.Header.Get("Retry-After"), d.clock.Now())
	return e
}

// meaning of a status, where the service means nothing else by it.
func meaning(status int) transcript.ErrorKind {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusPaymentRequired:
		return transcript.WrongKey
	case status == http.StatusNotFound || status == http.StatusGone:
		return transcript.Gone
	case status == http.StatusRequestEntityTooLarge || status == http.StatusUnsupportedMediaType:
		return transcript.RefusedAudio
	case status == http.StatusTooManyRequests:
		return transcript.RateLimited
	case status >= http.StatusInternalServerError || status == http.StatusRequestTimeout || status < http.StatusBadRequest:
		return transcript.Transient
	}
	return transcript.RefusedRequest
}

func meant(kind transcript.ErrorKind, status int) string {
	what := map[transcript.ErrorKind]string{
		transcript.WrongKey:       "the API key is wrong, may not do this, or its account has no credit",
		transcript.RateLimited:    "too many requests for this API key",
		transcript.Transient:      "the service does not answer as it should",
		transcript.RefusedAudio:   "the service does not take the audio",
		transcript.RefusedRequest: "the service does not take the request; check the custom parameters",
		transcript.Gone:           "the service does not know of it (any more)",
	}[kind]
	return fmt.Sprintf("%s (status %d)", what, status)
}

// Quote shortens what a service said, and leaves the key out of it.
func Quote(said, key string) string {
	if key != "" {
		said = strings.ReplaceAll(said, key, "…")
	}
	said = strings.Join(strings.Fields(said), " ")
	if r := []rune(said); len(r) > 300 {
		said = string(r[:300]) + "…"
	}
	return said
}

func (d *Door) unreachable(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error // its text holds the URL
	if errors.As(err, &u) {
		err = u.Err
	}
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		return d.Fail(op, transcript.Transient, "the service did not answer in time", nil)
	}
	return d.Fail(op, transcript.Transient, "the service could not be reached", err)
}

// Odd is the error of an answer that lacks what it should hold.
func (d *Door) Odd(op, what string) error {
	return d.Fail(op, transcript.Transient, "the answer has no "+what, nil)
}
