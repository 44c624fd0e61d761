// Package artifacts serves recorded files under their signed URLs: GET and
// HEAD, with ranges, from the local folder or from S3.
//
// It must not decide who may read: the signature does.
package artifacts

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"steno/internal/api/httpx"
	"steno/internal/artifact"
	"steno/internal/blob"
	"steno/internal/fail"
)

// Objects is where the files are.
type Objects interface {
	Open(ctx context.Context, key string) (*blob.Object, error)
}

// Verifier checks signed URLs.
type Verifier interface {
	Verify(key, expires, signature string) error
}

// Handler answers below artifact.Route.
type Handler struct {
	Objects  Objects
	Verifier Verifier
	Log      *slog.Logger
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowAnyOrigin(w.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		refuse(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "only GET and HEAD", 0)
		return
	}
	key := strings.TrimPrefix(r.URL.Path, artifact.Route)
	q := r.URL.Query()
	if err := h.Verifier.Verify(key, q.Get("expires"), q.Get("signature")); err != nil {
		h.answerError(w, r, err)
		return
	}
	stored, decoded := artifact.Stored(key)
	o, err := h.Objects.Open(r.Context(), stored)
	if err != nil {
		h.answerError(w, r, err)
		return
	}
	defer o.Close()
	var content io.ReadSeeker = o
	if decoded {
		if content, err = newWAV(o); err != nil {
			h.answerError(w, r, err)
			return
		}
	}
	head := w.Header()
	head.Set("Content-Type", artifact.ContentType(key))
	head.Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": path.Base(key)}))
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "private, max-age=3600")
	// An object never changes under its key but for a bot that recovered.
	head.Set("ETag", fmt.Sprintf(`"%x-%x"`, o.ModTime.UnixNano(), o.Bytes))
	http.ServeContent(w, r, "", o.ModTime, content)
}

// allowAnyOrigin lets pages of other sites play a recording, whose URL is its
// permission.
func allowAnyOrigin(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Access-Control-Allow-Headers", "Range, If-Range, If-None-Match, If-Modified-Since")
	h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Length, Content-Range, ETag")
	h.Set("Access-Control-Max-Age", "86400")
}

// answerError is where this surface turns errors into answers.
func (h *Handler) answerError(w http.ResponseWriter, r *http.Request, err error) {
	e := fail.As(err)
	switch {
	case e != nil && e.Kind == fail.Forbidden:
		refuse(w, http.StatusForbidden, e.Code, e.Message, 0)
	case e != nil && (e.Kind == fail.NotFound || e.Kind == fail.Invalid):
		refuse(w, http.StatusNotFound, blob.CodeNotFound, "this file does not exist (any more)", 0)
	default:
		if r.Context().Err() != nil {
			return // the client has gone
		}
		h.Log.Error("artifact cannot be read", "path", r.URL.Path, "error", err)
		refuse(w, http.StatusServiceUnavailable, blob.CodeUnavailable, "the storage does not answer; try again in a moment", 5*time.Second)
	}
}

// refuse answers HEAD as GET: the server leaves the body out by itself.
func refuse(w http.ResponseWriter, status int, code, message string, retryAfter time.Duration) {
	w.Header().Set("Cache-Control", "no-store")
	httpx.Problem(w, status, code, message, retryAfter)
}
