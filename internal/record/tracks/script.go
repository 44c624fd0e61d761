package tracks

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

//go:embed inject.js
var injectSource string

//go:embed worker.js
var workerSource string

// script puts the page's script together. The worker travels as a string: a
// page of another origin can only start it from a blob.
func script(url string, audioOnly bool, fallback time.Duration) (string, error) {
	config, err := json.Marshal(map[string]any{
		"url": url, "audioOnly": audioOnly, "fallbackMs": fallback.Milliseconds(),
	})
	if err != nil {
		return "", fmt.Errorf("make script: %w", err)
	}
	worker, err := json.Marshal(workerSource)
	if err != nil {
		return "", fmt.Errorf("make script: %w", err)
	}
	return fmt.Sprintf("(\n%s\n)(%s, %s);", trimComment(injectSource), config, worker), nil
}

// trimComment takes off the comment before the function, so that the rest is
// an expression.
func trimComment(source string) string {
	if i := strings.Index(source, "(config"); i > 0 {
		return source[i:]
	}
	return source
}
