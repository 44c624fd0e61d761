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
	"steno/internal/provider/transcribe"
	"steno/internal/record/compose"
	"steno/internal/record/ogg"
	"steno/internal/transcript"
)

// ErrNoAudio is the error of a folder that holds no recording.
var ErrNoAudio = errors.New("the folder holds no recording: neither participants/*.opus nor output.flac is there")

// Folder reads a finished recording as it stands in a folder: the participants'
// own files, the timeline of who spoke when, and where the recording breaks off. all is how long it is; 0: that is
// measured. Where nobody has a file of their own there are no voices: see Mix.
func Folder(dir fs.FS, all time.Duration) ([]Voice, transcript.Meeting, error) {
	m := transcript.Meeting{Length: all}
	turns, err := timeline(dir)
	if err != nil {
		return nil, m, err
	}
	if m.Breaks, err = breaks(dir); err != nil {
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

// timeline reads diarization.jsonl, if it is there: else nobody knows who spoke.
func timeline(dir fs.FS) (turns []transcript.Turn, err error) {
	lines, err := jsonLines[struct {
		Speaker string  `json:"speaker"`
		Start   float64 `json:"start_time"`
		End     float64 `json:"end_time"`
	}](dir, artifact.Diarization)
	for _, l := range lines {
		turns = append(turns, transcript.Turn{Speaker: l.Speaker, Span: transcript.Span{From: transcribe.Seconds(l.Start), To: transcribe.Seconds(l.End)}})
	}
	return turns, err
}

// breaks reads breaks.jsonl, if there are any.
func breaks(dir fs.FS) (list []time.Duration, err error) {
	lines, err := jsonLines[struct {
		At float64 `json:"at"`
	}](dir, artifact.Breaks)
	for _, l := range lines {
		list = append(list, transcribe.Seconds(l.At))
	}
	return list, err
}

// jsonLines reads a file of one line of JSON for each; none if it is not there.
func jsonLines[T any](dir fs.FS, kind artifact.Kind) (list []T, err error) {
	f, err := dir.Open(artifact.File(kind, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", kind, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("read the %s: line %d: %w", kind, n, err)
		}
		list = append(list, one)
	}
	return list, lines.Err()
}
