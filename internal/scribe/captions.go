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
		if v.Said, err = ofCaptions(said[i]); err != nil {
			return nil, err
		}
		voices[i] = v
	}
	return voices, nil
}

// ofCaptions is what one person said. Captions have no times of words: a line's
// time is shared out by their length.
func ofCaptions(lines []caption) (*transcript.Result, error) {
	r := &transcript.Result{}
	for _, c := range lines {
		words := strings.Fields(c.Text)
		letters := utf8.RuneCountInString(strings.Join(words, ""))
		from, to := transcribe.Seconds(c.Start), transcribe.Seconds(c.End)
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
