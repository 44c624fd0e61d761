package scribe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
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
// own files and the timeline of who spoke when. all is how long it is; 0: that is
// measured. Where nobody has a file of their own there are no voices: see Mix.
func Folder(dir fs.FS, all time.Duration) ([]Voice, transcript.Meeting, error) {
	m := transcript.Meeting{Length: all}
	turns, err := timeline(dir)
	if err != nil {
		return nil, m, err
	}
	names, err := fs.Glob(dir, "participants/*.opus")
	if err != nil {
		return nil, m, err
	}
	slices.SortFunc(names, func(a, b string) int { return number(a) - number(b) })
	var voices []Voice
	for _, name := range names {
		v, err := voice(dir, name, all, turns)
		if err != nil {
			return nil, m, fmt.Errorf("read %s: %w", name, err)
		}
		v.Source.Channel = len(voices)
		m.Length = max(m.Length, v.Source.Length)
		voices = append(voices, v)
	}
	m.Turns = turns
	return voices, m, nil
}

// number is the N of participants/N-name.opus.
func number(file string) (n int) {
	_, _ = fmt.Sscanf(path.Base(file), "%d-", &n) // 0 for other files
	return n
}

// voice is the participant whose file it is: the timeline has the name as it is.
// Who is not in it said nothing.
func voice(dir fs.FS, file string, all time.Duration, turns []transcript.Turn) (Voice, error) {
	base := path.Base(file)
	_, name, _ := strings.Cut(strings.TrimSuffix(base, path.Ext(base)), "-")
	v := Voice{Source: transcript.Source{Speaker: name, Length: all}, Open: func() (io.ReadCloser, error) { return dir.Open(file) }}
	for _, t := range turns {
		if path.Base(compose.VoiceFile(number(file), t.Speaker)) == base {
			v.Source.Speaker = t.Speaker
			v.Source.Voice = append(v.Source.Voice, t.Span)
		}
	}
	if all > 0 {
		return v, nil
	}
	f, err := dir.Open(file)
	if err != nil {
		return v, err
	}
	defer f.Close()
	n, err := ogg.Length(f)
	v.Source.Length = length(n)
	return v, err
}

// timeline reads diarization.jsonl.
func timeline(dir fs.FS) ([]transcript.Turn, error) {
	f, err := dir.Open(artifact.File(artifact.Diarization, ""))
	if errors.Is(err, fs.ErrNotExist) {
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
