package httpx

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Patience is how long a handler may take. It is shorter than the server's own
// limits, behind which a client gets no answer at all.
const Patience = 20 * time.Second

// RetryAfter is what clients are told to wait when a dependency of ours is away.
const RetryAfter = time.Second

// Problem answers outside of a surface with a framework of its own: the body has
// the six keys of all refusals, and retryAfter with its header if it is above 0.
func Problem(w http.ResponseWriter, status int, code, message string, retryAfter time.Duration) {
	body := map[string]any{
		"success": false, "error": http.StatusText(status), "code": code, "statusCode": status, "message": message, "details": nil,
	}
	if seconds := int(retryAfter / time.Second); seconds > 0 {
		body["retryAfter"] = seconds
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
