// Package compose derives everything that people get of a meeting from a bot's
// folder: the video, the mix, a file per person, the speaker timeline. It reads
// the journal and the segments, never changes them, and writes only below the
// folder's "out" and "work" directories, so it may be killed at any instant
// and run again.
//
// It does not write the journal: that is the business of the process that
// holds the folder's lock.
package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/journal"
)

// Folders and files within a bot's folder.
const (
	OutDir   = "out"  // finished artifacts
	WorkDir  = "work" // pieces of them; may be deleted while no composer runs
	Manifest = "out/manifest.json"
)

// Artifact kinds (digest section 7).
const (
	KindVideo            = "video"
	KindAudio            = "audio"
	KindDiarization      = "diarization"
	KindParticipantAudio = "participant_audio"
	KindChat             = "chat_messages"
	KindCaptions         = "captions"
	KindBreaks           = "breaks"
)

// Options says what to compose and how.
type Options struct {
	// Folder is the bot's folder, which holds journal.jsonl.
	Folder string
	Mode   bot.RecordingMode
	// FFmpeg is the path of the program; empty: look for it in PATH.
	FFmpeg string
	// Follow goes on until the journal has an End entry. Without it, what is
	// there is taken to be all there is: for folders whose bot died for good.
	Follow bool
	Log    *slog.Logger // nil: silent
	Clock  clock.Clock  // nil: the system's
	// Progress is called now and then, from one goroutine, with the length of
	// what is composed and of what is known to be recorded, in ms of recording
	// time. May be nil.
	Progress func(doneMS, knownMS int64)

	chunk    int64         // length of a chunk of video in ticks; 0: chunkTicks
	patience time.Duration // with a video decoder; 0: patience
}

// Output is what came out. Paths of artifacts are relative to the bot's
// folder, below OutDir.
type Output struct {
	Artifacts []journal.Artifact `json:"artifacts"`
	Result    journal.Result     `json:"result"`
	// EndSeq is the number of the End entry that was composed up to, 0 if
	// there was none.
	EndSeq int64 `json:"end_seq"`
}

// finished returns the output of an earlier Run if it went up to the same End
// and all its files are still there: its sums may be in the journal already,
// so it must not be made anew.
func finished(folder string, endSeq int64) (Output, bool) {
	out, err := ReadOutput(folder)
	if err != nil || endSeq == 0 || out.EndSeq != endSeq {
		return Output{}, false
	}
	for _, a := range out.Artifacts {
		if st, err := os.Stat(filepath.Join(folder, a.Path)); err != nil || st.Size() != a.Bytes {
			return Output{}, false
		}
	}
	return out, true
}

// ErrNothing is returned by Run for a folder in which no recording ever began
// (the journal has no Epoch entry): there is nothing to compose.
var ErrNothing = errors.New("compose: nothing was recorded")

// ReadOutput returns what the last Run that finished left in the folder's
// manifest. It wraps os.ErrNotExist if none has finished.
func ReadOutput(folder string) (Output, error) {
	var out Output
	b, err := os.ReadFile(filepath.Join(folder, Manifest))
	if err != nil {
		return out, fmt.Errorf("read manifest: %w", err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("read manifest: %w", err)
	}
	return out, nil
}
