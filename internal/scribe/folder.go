package scribe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"steno/internal/artifact"
	"steno/internal/record/compose"
	"steno/internal/record/ogg"
	"steno/internal/transcript"
)

// ErrNoAudio is the error of a folder that holds no recording.
var ErrNoAudio = errors.New("the folder holds no recording: neither participants/*.opus nor output.flac is there")

// Folder reads a finished recording as it stands in a folder: the participants'
// own files and the timeline of who spoke when. Where nobody has a file of their
// own there are no voices: see Mix.
func Folder(dir string) ([]Voice, transcript.Meeting, error) {
	var m transcript.Meeting
	turns, err := timeline(filepath.Join(dir, artifact.File(artifact.Diarization, "")))
	if err != nil {
		return nil, m, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "participants", "*.opus"))
	if err != nil {
		return nil, m, err
	}
	slices.SortFunc(names, func(a, b string) int { return number(a) - number(b) })
	var voices []Voice
	for _, path := range names {
		v, err := voice(path, len(voices), turns)
		if err != nil {
			return nil, m, fmt.Errorf("read %s: %w", path, err)
		}
		m.Length = max(m.Length, v.Source.Length)
		voices = append(voices, v)
	}
	m.Turns = turns
	return voices, m, nil
}

// number is the N of participants/N-name.opus.
func number(path string) (n int) {
	_, _ = fmt.Sscanf(filepath.Base(path), "%d-", &n) // 0 for other files
	return n
}

// voice is the participant whose file it is: the timeline has the name as it is.
// Who is not in it said nothing.
func voice(path string, channel int, turns []transcript.Turn) (Voice, error) {
	f, err := os.Open(path)
	if err != nil {
		return Voice{}, err
	}
	defer f.Close()
	n, err := ogg.Length(f)
	if err != nil {
		return Voice{}, err
	}
	base := filepath.Base(path)
	_, name, _ := strings.Cut(strings.TrimSuffix(base, filepath.Ext(base)), "-")
	v := Voice{Path: path, Source: transcript.Source{Channel: channel, Speaker: name, Length: length(n)}}
	for _, t := range turns {
		if filepath.Base(compose.VoiceFile(number(path), t.Speaker)) == base {
			v.Source.Speaker = t.Speaker
			v.Source.Voice = append(v.Source.Voice, t.Span)
		}
	}
	return v, nil
}

// timeline reads diarization.jsonl.
func timeline(path string) ([]transcript.Turn, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // nobody knows who spoke
	}
	if err != nil {
		return nil, fmt.Errorf("read the timeline of speakers: %w", err)
	}
	defer f.Close()
	var turns []transcript.Turn
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var l struct {
			Speaker string  `json:"speaker"`
			Start   float64 `json:"start_time"`
			End     float64 `json:"end_time"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("read the timeline of speakers: line %d: %w", n, err)
		}
		at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
		turns = append(turns, transcript.Turn{Speaker: l.Speaker, Span: transcript.Span{From: at(l.Start), To: at(l.End)}})
	}
	return turns, lines.Err()
}
