package tracks

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The parts of the script. Each but the worker is one function expression
// behind a comment.
var (
	//go:embed device.js
	deviceSource string
	//go:embed inject.js
	injectSource string
	//go:embed quiet.js
	quietSource string
	//go:embed refuse.js
	refuseSource string
	//go:embed worker.js
	workerSource string
)

// script puts the page's script together. The worker travels as a string: a
// page of another origin can only start it from a blob.
func script(url string, o Options) (string, error) {
	config, err := json.Marshal(map[string]any{
		"url": url, "audioOnly": o.AudioOnly, "listen": o.Listen, "fallbackMs": o.Fallback.Milliseconds(),
		"batchMs": batchMS(o.Live), "devices": devices(o), "heldMs": heldMS(o),
	})
	if err != nil {
		return "", fmt.Errorf("make script: %w", err)
	}
	worker, err := json.Marshal(workerSource)
	if err != nil {
		return "", fmt.Errorf("make script: %w", err)
	}
	quiet := "{silence() {}, restore() {}}"
	if !o.Playback && !o.Listen {
		quiet = call(quietSource)
	}
	s := fmt.Sprintf("(%s)(%s, %s, %s, %s);\n", function(injectSource), config, worker, quiet, function(deviceSource))
	if o.AudioOnly {
		s = call(refuseSource) + ";\n" + s
	}
	return s, nil
}

// devices lists the kinds of device that the page is given.
func devices(o Options) []string {
	kinds := []string{}
	if o.Speak {
		kinds = append(kinds, "audio")
	}
	if o.Camera {
		kinds = append(kinds, "video")
	}
	return kinds
}

// soundServer is how long Chromium and the sound server keep sound ready
// (totalPlayoutDelay of its statistics).
const soundServer = 40 * time.Millisecond

// heldMS are the lengths of the page's jitter buffers.
func heldMS(o Options) map[string]int64 {
	if !o.Listen || o.Held == 0 {
		return nil
	}
	return map[string]int64{"audio": (o.Held - soundServer).Milliseconds(), "video": o.Held.Milliseconds()}
}

func call(source string) string { return "(" + function(source) + ")()" }

// function takes off the comment before a function, so that the rest is an
// expression.
func function(source string) string {
	for strings.HasPrefix(source, "//") {
		_, source, _ = strings.Cut(source, "\n")
	}
	return strings.TrimSpace(source)
}

// batchMS is how long frames are gathered in the page: each batch costs it a
// wake-up.
func batchMS(live bool) int {
	if live {
		return 40
	}
	return 250
}
