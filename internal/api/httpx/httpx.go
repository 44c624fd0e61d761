// Package httpx is what all API surfaces share: request ids, the access log,
// limits, recovery from panics, and paths with and without a slash at the end.
//
// It must not know what any request means.
package httpx

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"steno/internal/clock"
)

// Options of Wrap.
type Options struct {
	Log   *slog.Logger
	Clock clock.Clock
	// Panic answers a request whose handler panicked before it wrote anything.
	Panic http.HandlerFunc
	// Observe is told of every request when it is done; may be nil.
	Observe func(method string, status int, took time.Duration)
}

const (
	// MaxBody is the largest request body that a surface should accept.
	MaxBody = 1 << 20
	// backstop cuts off bodies that no surface reads as a whole.
	backstop = 2 * MaxBody
	// requestTime bounds reading a request and writing its answer. Handlers that
	// stream files lift the bound for themselves.
	requestTime = 30 * time.Second
)

// Server returns a server for h with limits on time and headers.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       requestTime,
		WriteTimeout:      requestTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what broken clients do
		// OPTIONS * is answered like all that there is not, not with an empty 200.
		DisableGeneralOptionsHandler: true,
	}
}

// Wrap puts everything that is common to all requests around h.
func Wrap(h http.Handler, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := o.Clock.Now()
		id := requestID(r)
		w.Header().Set("X-Request-Id", id)
		// A client that has said all it has to say may close its half of the
		// connection and still wait for the answer; net/http takes that for gone
		// and ends the request's context. What is begun is finished instead.
		r = r.WithContext(context.WithValue(context.WithoutCancel(r.Context()), requestIDKey{}, id))
		r.URL.Path = trimSlash(r.URL.Path)
		r.URL.RawPath = trimSlash(r.URL.RawPath)
		out := &recorder{ResponseWriter: w}
		r.Body = http.MaxBytesReader(out, r.Body, backstop)
		defer func() {
			if p := recover(); p != nil {
				answerPanic(o, out, r, p)
			}
			took := o.Clock.Now().Sub(begin)
			if o.Observe != nil {
				o.Observe(r.Method, out.code(), took)
			}
			logAccess(o.Log, r, out, id, took)
		}()
		h.ServeHTTP(out, r)
	})
}

// logAccess writes one line for each request. It never shows the query, which
// may hold a signature, nor any header.
func logAccess(log *slog.Logger, r *http.Request, out *recorder, id string, took time.Duration) {
	level := slog.LevelInfo
	if r.URL.Path == "/health" || r.URL.Path == "/liveness" || r.URL.Path == "/metrics" {
		level = slog.LevelDebug
	}
	if !log.Enabled(r.Context(), level) {
		return
	}
	log.LogAttrs(r.Context(), level, "request",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", out.code()),
		slog.Int64("bytes", out.bytes), slog.Float64("took_ms", float64(took.Microseconds())/1000), slog.String("request_id", id))
}

func answerPanic(o Options, out *recorder, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // a sentinel that is compared as documented
		panic(p)
	}
	o.Log.Error("handler panicked", "panic", p, "path", r.URL.Path, "request_id", RequestID(r.Context()), "stack", string(debug.Stack()))
	if out.status == 0 {
		o.Panic(out, r)
	}
}

// trimSlash makes /v2/bots/ and /v2/bots the same path. A redirect would turn
// a POST into a GET in some clients (digest 1.1).
func trimSlash(path string) string {
	for len(path) > 1 && strings.HasSuffix(path, "/") {
		path = path[:len(path)-1]
	}
	return path
}

type requestIDKey struct{}

// RequestID returns the id of the request that ctx belongs to.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// requestID takes over the caller's id if it looks harmless, and makes one
// otherwise.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 64 && strings.Trim(id, idAlphabet) == "" {
		return id
	}
	var raw [12]byte
	_, _ = rand.Read(raw[:]) // never fails, see crypto/rand
	return hex.EncodeToString(raw[:])
}

const idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_."

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
