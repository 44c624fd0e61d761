package bot

import (
	"strconv"
	"strings"
	"unicode"
)

// check checks a callback at the given place of the request.
func (c *CallbackRequest) check(at string, validURL func(string) error) []Issue {
	if c == nil || c.URL == "" {
		return []Issue{{at + "/url", "is required", nil}}
	}
	var bad []Issue
	if err := validURL(c.URL); err != nil {
		bad = append(bad, Issue{at + "/url", err.Error(), nil}) // the URL may hold a token
	}
	if c.Method != "" && c.Method != "POST" && c.Method != "PUT" {
		bad = append(bad, Issue{at + "/method", "must be POST or PUT", c.Method})
	}
	if strings.ContainsFunc(c.Secret, unicode.IsControl) || len(c.Secret) > maxSecret {
		bad = append(bad, Issue{at + "/secret", "must be at most 4096 bytes without control characters: it is sent as a header", nil})
	}
	return bad
}

// maxSecret bounds a callback's secret, which goes into a header.
const maxSecret = 4096

// callback returns the callback that is asked for.
func (c *CallbackRequest) callback() Callback {
	out := Callback{URL: c.URL, Method: c.Method, Objects: c.Objects}
	if out.Method == "" {
		out.Method = "POST"
	}
	return out
}

// checkURLs holds every address that Steno or one of its bots would call for
// the caller against the rules of where requests may go.
func (r Request) checkURLs(validURL func(string) error) (bad []Issue) {
	check := func(pointer, url string) {
		if url == "" {
			return
		}
		if err := validURL(url); err != nil {
			bad = append(bad, Issue{pointer, err.Error(), nil})
		}
	}
	for i, u := range r.Images {
		pointer := "/bot_image"
		if len(r.Images) > 1 {
			pointer += "/" + strconv.Itoa(i)
		}
		check(pointer, u)
	}
	if z := r.Zoom; z != nil {
		check("/zoom_config/obf_token_url", z.OBFTokenURL)
		check("/zoom_config/zak_token_url", z.ZAKTokenURL)
	}
	if r.V1 != nil {
		check("/webhook_url", r.V1.WebhookURL)
	}
	stream := func(pointer, url string) {
		// The rules of http for the address, and no other scheme than these.
		web, ok := asWeb(url)
		if !ok && url != "" {
			bad = append(bad, Issue{pointer, "must be a ws:// or wss:// URL", nil})
		}
		check(pointer, web)
	}
	if s := r.Streaming; s != nil {
		stream("/streaming_config/input_url", s.InputURL)
		stream("/streaming_config/output_url", s.OutputURL)
	}
	return bad
}

// asWeb returns a WebSocket's URL as that of the HTTP request that opens it.
func asWeb(u string) (string, bool) {
	scheme, rest, _ := strings.Cut(u, "://")
	switch strings.ToLower(scheme) {
	case "ws":
		return "http://" + rest, true
	case "wss":
		return "https://" + rest, true
	}
	return "", false
}
