package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/api/httpx"
	"steno/internal/fail"
)

// AdminError is the body of every answer that is not a success. Its keys are
// those of the API v2.
type AdminError struct {
	Success    bool    `json:"success" doc:"always false"`
	Label      string  `json:"error" doc:"the HTTP status in words"`
	Code       string  `json:"code" doc:"for programs"`
	StatusCode int     `json:"statusCode"`
	Message    string  `json:"message" doc:"for people"`
	Details    *string `json:"details" doc:"more text"`
	RetryAfter int     `json:"retryAfter,omitempty" doc:"with 503: seconds to wait before the next try"`
}

// Error returns the message.
func (p *AdminError) Error() string { return p.Message }

// GetStatus returns the HTTP status.
func (p *AdminError) GetStatus() int { return p.StatusCode }

// GetHeaders returns the headers that go with the body.
func (p *AdminError) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	return h
}

const codeInternal = "FST_ERR_INTERNAL_SERVER_ERROR"

// problem is the one function that turns an error into an answer. What is not
// the caller's fault goes to the log with its cause; the answer never shows it.
func (s *Surface) problem(ctx context.Context, err error) *AdminError {
	f := fail.As(err)
	if f == nil {
		f = fail.Wrap(err, fail.Internal, codeInternal, "unexpected error")
	}
	status, known := httpx.StatusOf[f.Kind]
	if !known {
		status = http.StatusInternalServerError
	}
	if status >= http.StatusInternalServerError {
		s.Log.Error("admin request failed", "error", err, "request_id", httpx.RequestID(ctx))
	}
	if status == http.StatusInternalServerError {
		return newError(status, codeInternal, "something went wrong on our side; the request id helps to find it in the log", "")
	}
	return newError(status, f.Code, f.Message, f.Details)
}

func newError(status int, code, message, details string) *AdminError {
	p := &AdminError{Label: http.StatusText(status), Code: code, StatusCode: status, Message: message}
	if details != "" {
		p.Details = &details
	}
	if status == http.StatusServiceUnavailable {
		p.RetryAfter = int(httpx.RetryAfter.Seconds())
	}
	return p
}

// badRequest makes an answer of what huma finds wrong with a request.
func badRequest(status int, message string, errs []error) *AdminError {
	switch status {
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout:
		return newError(status, account.CodeBadInput, message, "")
	}
	if status >= http.StatusInternalServerError && message != "cannot read request body" {
		return newError(http.StatusInternalServerError, codeInternal, "something went wrong on our side", "")
	}
	var texts []string
	for _, err := range errs {
		text := err.Error()
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			text = d.ErrorDetail().Location + ": " + d.ErrorDetail().Message
		}
		texts = append(texts, text)
	}
	if len(texts) > 0 {
		message = strings.Join(texts, "; ")
	}
	return newError(http.StatusBadRequest, account.CodeBadInput, message, "")
}

// write answers outside of a handler.
func (s *Surface) write(ctx huma.Context, p *AdminError) {
	ctx.SetHeader("Content-Type", "application/json")
	ctx.SetStatus(p.StatusCode)
	_ = json.NewEncoder(ctx.BodyWriter()).Encode(p) // the client may be gone
}

// describeErrors puts the error of this surface into its document, in place of
// the one that huma takes from the whole process.
func describeErrors(api huma.API) {
	schemas := api.OpenAPI().Components.Schemas
	ours := schemas.Schema(reflect.TypeFor[AdminError](), true, "")
	theirs := reflect.TypeOf(huma.NewError(0, ""))
	for theirs.Kind() == reflect.Pointer {
		theirs = theirs.Elem()
	}
	delete(schemas.Map(), theirs.Name())
	delete(schemas.Map(), "ErrorDetail")
	for _, item := range api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete} {
			if op != nil {
				op.Responses["default"] = &huma.Response{Description: "Error", Content: map[string]*huma.MediaType{"application/json": {Schema: ours}}}
			}
		}
	}
}
