package microsoft

import (
	"net/http"
	"strconv"

	"steno/simulator/service"
)

func (s *Server) requestID() string {
	return s.Random("0123456789abcdef", 8) + "-" + s.Random("0123456789abcdef", 4) + "-4000-8000-" + s.Random("0123456789abcdef", 12)
}

// failure is an error as Graph words it.
func (s *Server) failure(status int, code, message string) service.Reply {
	id := s.requestID()
	return service.Reply{Status: status, Body: map[string]any{"error": map[string]any{"code": code, "message": message,
		"innerError": map[string]string{"date": s.Now().Format("2006-01-02T15:04:05"), "request-id": id, "client-request-id": id}}}}
}

func (s *Server) notFound() service.Reply {
	return s.failure(http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store.")
}

func (s *Server) invalid(message string) service.Reply {
	return s.failure(http.StatusBadRequest, "ErrorInvalidRequest", message)
}

// crowded is the answer to the fifth call at once, in one of its two forms.
func (s *Server) crowded(n int) service.Reply {
	r := s.failure(http.StatusTooManyRequests, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
	if n%2 == 0 {
		r = s.failure(http.StatusServiceUnavailable, "ErrorServerBusy", "Application is over its MailboxConcurrency limit.")
	}
	r.Header = http.Header{"Retry-After": {"1"}}
	return r
}

// voice words the faults.
type voice struct{ s *Server }

// TooMany is a 429 that says when to come back.
func (v voice) TooMany(after int) service.Reply {
	r := v.s.failure(http.StatusTooManyRequests, "TooManyRequests", "Too many requests")
	r.Header = http.Header{"Retry-After": {strconv.Itoa(after)}}
	return r
}

// TooManySilent is throttling that does not say so.
func (v voice) TooManySilent(n uint64) service.Reply {
	if n%2 == 0 {
		return v.s.failure(http.StatusTooManyRequests, "UnknownError", "")
	}
	return v.s.failure(http.StatusTooManyRequests, "ApplicationThrottled", "Application is over its request limit.")
}

// ServerError is one of the 5xx that pass.
func (v voice) ServerError(n uint64) service.Reply {
	switch n % 4 {
	case 0:
		return v.s.failure(http.StatusInternalServerError, "ErrorInternalServerTransientError", "Cannot query rows in a table., The operation failed.")
	case 1:
		return v.s.failure(http.StatusServiceUnavailable, "serviceNotAvailable", "The service is unavailable.")
	case 2:
		return service.Reply{Status: http.StatusBadGateway, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html><h1>502 Bad Gateway</h1></html>"}
	}
	return v.s.failure(http.StatusGatewayTimeout, "UnknownError", "")
}
