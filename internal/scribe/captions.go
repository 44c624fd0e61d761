package scribe

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"steno/internal/artifact"
	"steno/internal/provider/transcribe"
	"steno/internal/transcript"
)

// FromCaptions is the name of the platform's own captions among the services.
const FromCaptions = "captions"

// caption is a line of captions.jsonl, as package compose writes it.
type caption struct {
	Speaker  string  `json:"speaker"`
	Start    float64 `json:"start_time"`
	End      float64 `json:"end_time"`
	Text     string  `json:"text"`
	Language string  `json:"language"`
}

// CaptionVoices are the people whom the platform's own captions name, with what
// they said by them: nothing is transcribed. None if there are no captions.
func CaptionVoices(dir fs.FS) ([]Voice, error) {
	lines, err := jsonLines[caption](dir, artifact.Captions)
	if err != nil {
		return nil, err
	}
	turns, err := timeline(dir)
	if err != nil {
		return nil, err
	}
	of := map[string]int{}
	var names []string
	said := [][]caption{}
	for _, c := range lines {
		i, known := of[c.Speaker]
		if !known {
			i = len(names)
			of[c.Speaker], names, said = i, append(names, c.Speaker), append(said, nil)
		}
		said[i] = append(said[i], c)
	}
	voices := make([]Voice, len(names))
	for i, name := range names {
		v := Voice{Source: transcript.Source{Channel: i, Speaker: cmp.Or(name, transcript.Nobody)}}
		theirs := slices.DeleteFunc(slices.Clone(turns), func(t transcript.Turn) bool { return t.Speaker != name })
		if v.Said, err = ofCaptions(said[i], theirs); err != nil {
			return nil, err
		}
		voices[i] = v
	}
	return voices, nil
}

// captionsLate is how much later than it was said a line may be shown.
const captionsLate = 6 * time.Second

// lateness follows how much later than somebody said them their lines were shown: a
// second or two. Their turns, in order, tell it: the first line of a turn began with it.
type lateness struct {
	turns []transcript.Turn
	last  time.Duration // when the line before was shown
	late  time.Duration
}

// said is when a line was said that was shown from one moment to another.
func (l *lateness) said(from, to time.Duration) (time.Duration, time.Duration) {
	began, end := time.Duration(-1), time.Duration(-1)
	for _, t := range l.turns {
		if t.From <= from {
			began, end = t.From, t.To
		}
	}
	if began > l.last && from-began <= captionsLate {
		l.late = from - began
	} else if began < from-captionsLate && end < from {
		l.late = 0 // not in any turn
	}
	l.last = from
	from, to = from-l.late, to-l.late
	if end > from {
		to = max(min(to, end), (from+to)/2)
	}
	return from, to
}

// ofCaptions is what one person said, in these turns. Captions have no times of words: a
// line's time is shared out by their length.
func ofCaptions(lines []caption, turns []transcript.Turn) (*transcript.Result, error) {
	r := &transcript.Result{}
	late := lateness{turns: turns, last: -1}
	for _, c := range lines {
		words := strings.Fields(c.Text)
		letters := utf8.RuneCountInString(strings.Join(words, ""))
		from, to := late.said(transcribe.Seconds(c.Start), transcribe.Seconds(c.End))
		at := from
		for _, w := range words {
			end := at + (to-from)*time.Duration(utf8.RuneCountInString(w))/time.Duration(letters)
			r.Words = append(r.Words, transcript.Word{Text: w, Start: at, End: end, Confidence: 1, Language: transcribe.Language(c.Language), Voice: -1})
			at = end
		}
		r.Duration = max(r.Duration, to)
	}
	slices.SortStableFunc(r.Words, func(a, b transcript.Word) int { return cmp.Compare(a.Start, b.Start) })
	r.Languages = transcribe.Languages(r.Words)
	payload, err := json.Marshal(lines)
	if err == nil {
		r.Raw, err = transcript.RawOf(*r, 0, payload)
	}
	return r, err
}
