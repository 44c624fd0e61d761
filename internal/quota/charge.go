package quota

import (
	"fmt"
	"strings"
	"time"
)

// Rates in thousandths of a token for an hour (digest 5.3; those of streaming
// are documented nowhere and are ours).
const (
	rateRecording     = 1000
	rateTranscription = 250
	rateBYOK          = 50
	rateStreaming     = 100
)

// Reservation is held for a bot from its start to its end (digest 5.3).
const Reservation = Token / 2

// Usage is what a bot did that costs.
type Usage struct {
	Recorded          time.Duration
	Waited            time.Duration // charged like recording
	Transcribed       time.Duration // with our key
	TranscribedOwnKey time.Duration
	StreamedIn        time.Duration
	StreamedOut       time.Duration
	Why               string // how the bot ended, for people
}

// Charge returns what the usage costs: by the second, each item rounded up to a
// thousandth.
func (u Usage) Charge() Charge {
	return Charge{
		Recording:     price(u.Recorded+u.Waited, rateRecording),
		Transcription: price(u.Transcribed, rateTranscription), BYOKTranscription: price(u.TranscribedOwnKey, rateBYOK),
		StreamingInput: price(u.StreamedIn, rateStreaming), StreamingOutput: price(u.StreamedOut, rateStreaming),
	}
}

func price(d time.Duration, rate int64) Tokens {
	if d <= 0 {
		return 0
	}
	return Tokens((seconds(d)*rate + 3599) / 3600)
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// note says in words what was charged.
func (u Usage) note() string {
	var parts []string
	for _, p := range []struct {
		what string
		d    time.Duration
		rate Tokens
	}{
		{"recording", u.Recorded, rateRecording}, {"waiting to be let in", u.Waited, rateRecording},
		{"transcription", u.Transcribed, rateTranscription}, {"transcription with own key", u.TranscribedOwnKey, rateBYOK},
		{"streaming in", u.StreamedIn, rateStreaming}, {"streaming out", u.StreamedOut, rateStreaming},
	} {
		if p.d > 0 {
			parts = append(parts, fmt.Sprintf("%s %d s at %s an hour", p.what, seconds(p.d), p.rate))
		}
	}
	text := strings.Join(parts, ", ")
	if text == "" {
		text = "nothing that costs"
	}
	if u.Why != "" {
		text += "; " + u.Why
	}
	return text
}
