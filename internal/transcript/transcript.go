// Package transcript is the room of who said what: which parts of a recording
// are given to a transcription service, how its words come back onto the
// recording's clock and to the people who said them, and how a transcript is
// written down (digest 7).
//
// There are two ways. Where every participant has a track of their own, each is
// transcribed apart, and who spoke is certain. Where there is only the mix, its
// words are given to people by the timeline of who spoke when.
//
// It must not know a service, a database or a file: services are behind the
// interface Service, audio and results come as readers and functions.
package transcript

import "time"

// Span is a stretch of time, [From, To).
type Span struct{ From, To time.Duration }

// Source is something to be transcribed: one participant's audio, or the mix.
type Source struct {
	// Channel tells sources apart; it is the channel of the utterances.
	Channel int
	// Speaker is the participant's name; empty: the mix of all.
	Speaker string
	// Length is that of the audio.
	Length time.Duration
	// Voice is when somebody is heard, on the recording's clock. The rest is not
	// transcribed: services hear words in silence.
	Voice []Span
}

// Word is one word that a service heard.
type Word struct {
	Text       string
	Start, End time.Duration
	Confidence float64 // 0 to 1
	Language   string  // ISO 639-1, empty if not known
	// Voice is the number that the service gave the speaker; -1: none.
	Voice int
}

// Utterance is what one person said in one go.
type Utterance struct {
	Speaker    string
	Channel    int
	Language   string
	Start, End time.Duration
	Confidence float64
	Words      []Word
}

// Text returns the words as a sentence.
func (u Utterance) Text() string {
	n := len(u.Words)
	for _, w := range u.Words {
		n += len(w.Text)
	}
	b := make([]byte, 0, n)
	for i, w := range u.Words {
		if i > 0 && !joined(u.Words[i-1].Text, w.Text) {
			b = append(b, ' ')
		}
		b = append(b, w.Text...)
	}
	return string(b)
}

// Totals sum up a transcript.
type Totals struct {
	Utterances int
	Languages  []string // those of the utterances, the most frequent first
	Duration   time.Duration
}
