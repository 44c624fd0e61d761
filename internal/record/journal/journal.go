// Package journal is the append-only diary of one bot: what it knows goes
// here before anything acts on it. Everything else about a meeting (status,
// participants, artifacts) is derived from the journal and the segments, so
// any process may be killed at any instant.
//
// The journal is JSON lines in journal.jsonl of the bot's folder. One process
// writes (the one that holds the folder's lock); any number may read.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
)

// File is the journal's name in a bot's folder.
const File = "journal.jsonl"

// Entry is one line. Seq counts from 1 without holes. At is wall time, UTC.
// Exactly one of the pointers is set.
type Entry struct {
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`

	Session  *Session  `json:"session,omitempty"`
	State    *State    `json:"state,omitempty"`
	Epoch    *Epoch    `json:"epoch,omitempty"`
	Person   *Person   `json:"person,omitempty"`
	Track    *Track    `json:"track,omitempty"`
	Bind     *Bind     `json:"bind,omitempty"`
	Speech   *Speech   `json:"speech,omitempty"`
	Chat     *Chat     `json:"chat,omitempty"`
	Caption  *Caption  `json:"caption,omitempty"`
	Heard    *Heard    `json:"heard,omitempty"`
	Command  *Command  `json:"command,omitempty"`
	Gap      *Gap      `json:"gap,omitempty"`
	Pause    *Pause    `json:"pause,omitempty"`
	Pulse    *Pulse    `json:"pulse,omitempty"`
	Streamed *Streamed `json:"streamed,omitempty"`
	Note     *Note     `json:"note,omitempty"`
	End      *End      `json:"end,omitempty"`
	Artifact *Artifact `json:"artifact,omitempty"`
	Result   *Result   `json:"result,omitempty"`
	Done     *Done     `json:"done,omitempty"`
}

// Session: a bot process began to work on the folder. N counts from 1; more
// than one means that an earlier process died.
type Session struct {
	N       int    `json:"n"`
	PID     int    `json:"pid"`
	Version string `json:"version,omitempty"`
}

// State: the bot entered a status (a code of package bot).
type State struct {
	Code    bot.Status  `json:"code"`
	Message string      `json:"message,omitempty"` // for recording_failed, meeting_error
	Reason  bot.EndCode `json:"reason,omitempty"`  // for meeting_error
}

// Epoch: recording began; time zero of every artifact, Unix microseconds. Only
// the first Epoch entry of a journal counts.
type Epoch struct {
	UnixMicro int64 `json:"unix_us"`
}

// Person: somebody was seen in the roster, changed or left. ID is the
// platform's own id of the participant, stable within the meeting.
type Person struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Picture     string `json:"picture,omitempty"`
	Self        bool   `json:"self,omitempty"` // the bot itself
	Left        bool   `json:"left,omitempty"`
}

// Track: a media track appeared. ID is ours ("t1", "t2", … never reused in a
// folder) and names its folder under segments/.
type Track struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`       // audio, video
	Codec     string `json:"codec"`      // opus, VP8, VP9, H264, AV1
	ClockRate int    `json:"clock_rate"` // of the RTP timestamps, Hz
	Channels  int    `json:"channels,omitempty"`
	Screen    bool   `json:"screen,omitempty"` // a screen share
	MediaID   string `json:"media_id,omitempty"`
	StreamID  string `json:"stream_id,omitempty"`
	Source    string `json:"source,omitempty"` // encoded, decoded, screen
	Ended     bool   `json:"ended,omitempty"`
}

// Bind: from this moment a track carries that person.
type Bind struct {
	Track  string `json:"track"`
	Person string `json:"person"`
	Source string `json:"source"` // roster, csrc, page
	Screen bool   `json:"screen,omitempty"`
	// CSRC narrows the binding to one contributing source of a track that
	// carries several people; 0: the whole track. On other tracks of the same
	// connection it is the same person's.
	CSRC uint32 `json:"csrc,omitempty"`
}

// Speech: an observation that a person started or stopped speaking, seen
// live. The final timeline is computed from the audio; these are evidence.
type Speech struct {
	Person    string `json:"person"`
	On        bool   `json:"on"`
	Source    string `json:"source"`
	UnixMicro int64  `json:"unix_us,omitempty"` // when; 0: the time of the entry
}

// Chat is a message in the meeting's chat.
type Chat struct {
	ID     string    `json:"id"`
	Sender string    `json:"sender"`
	Text   string    `json:"text"`
	Self   bool      `json:"self,omitempty"`
	SentAt time.Time `json:"sent_at"`
}

// Caption is a line of the platform's own captions. Text grows while somebody
// speaks; the last entry of an ID is what counts, and Final says that no other
// comes. From and To are when its words were first and last seen to change, Unix
// microseconds.
type Caption struct {
	ID       string `json:"id"`                 // ours, never reused in a folder
	Person   string `json:"person,omitempty"`   // id in the roster, empty when unknown
	Name     string `json:"name"`               // as the captions show it
	Text     string `json:"text"`               // of the whole line
	Language string `json:"language,omitempty"` // BCP 47, as far as the page tells
	From     int64  `json:"from_us"`
	To       int64  `json:"to_us"`
	Final    bool   `json:"final,omitempty"`
}

// Heard is what a streaming service heard somebody say in one go. It does not
// change any more, unless it is Partial: then it goes on, and the next entry of its
// line takes its place, or nothing does if that has no text. From and To are Unix
// microseconds.
type Heard struct {
	Line     string `json:"line,omitempty"`   // the connection to the service
	Person   string `json:"person,omitempty"` // id in the roster, empty when unknown
	Name     string `json:"name,omitempty"`
	Text     string `json:"text"`
	Language string `json:"language,omitempty"` // BCP 47
	From     int64  `json:"from_us"`
	To       int64  `json:"to_us"`
	Partial  bool   `json:"partial,omitempty"`
}

// Command: something to be done, written before it is done. Name: leave; say
// (post the entry message); post (a message, told by its ID); film (the screen engine takes over).
type Command struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"` // api, signal, terminal, spec, ladder
	ID   string `json:"id,omitempty"`   // of what is done once only
}

// CommandFilm is the name of the command that has the page filmed from now on.
const CommandFilm = "film"

// Gap: media of this span (Unix microseconds) are missing, and why.
type Gap struct {
	From   int64  `json:"from_us"`
	To     int64  `json:"to_us"`
	Reason string `json:"reason"` // browser_died, bot_died, page_frozen, reconnect, engine
}

// Pause: recording was paused (On) or goes on again, at a moment that is a
// little before the entry. Media of a pause are not on disk.
type Pause struct {
	On        bool  `json:"on"`
	UnixMicro int64 `json:"unix_us,omitempty"` // 0: the time of the entry
}

// Pulse: a heartbeat from the media path, every few seconds while recording.
type Pulse struct {
	AudioFrames int64 `json:"audio_frames"`
	VideoFrames int64 `json:"video_frames"`
	Bytes       int64 `json:"bytes"`
	// Lost counts RTP packets that never arrived, as far as known.
	Lost int64 `json:"lost,omitempty"`
}

// Streamed: so much more audio was sent to the bot's output stream, and so much
// from its input stream was said in the meeting.
type Streamed struct {
	OutMS int64 `json:"out_ms,omitempty"`
	InMS  int64 `json:"in_ms,omitempty"`
}

// Note is evidence for people: what was seen, which rung of the ladder was
// taken. It never changes what happens.
type Note struct {
	Text string `json:"text"`
	File string `json:"file,omitempty"` // relative to the folder
}

// End: the bot is out of the meeting for good, and why. Recorded tells whether
// there is anything to keep.
type End struct {
	Code     bot.EndCode `json:"code"`
	Message  string      `json:"message,omitempty"`
	Recorded bool        `json:"recorded"`
}

// Artifact: a finished file in the folder. Kind is one of package artifact's.
type Artifact struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"` // relative to the folder
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Name tells per-participant files apart.
	Name string `json:"name,omitempty"`
}

// Result sums the recording up, once all artifacts are there.
type Result struct {
	DurationMS   int64     `json:"duration_ms"`
	Participants []Speaker `json:"participants"`
	Speakers     []Speaker `json:"speakers"`
	LostMS       int64     `json:"lost_ms"` // of all gaps
}

// Speaker is a participant in a Result; N is the sequence number 1, 2, 3 of
// the API's id. TalkMS is zero in participants that never spoke.
type Speaker struct {
	N           int    `json:"n"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Picture     string `json:"picture,omitempty"`
	TalkMS      int64  `json:"talk_ms,omitempty"`
}

// Done is always the last entry: nothing more comes. Status is completed or
// failed.
type Done struct {
	Status bot.Status  `json:"status"`
	Code   bot.EndCode `json:"code"`
}

// Writer appends entries. It is safe for concurrent use.
type Writer struct {
	mu    sync.Mutex
	f     *os.File
	seq   int64
	clock clock.Clock
}

// Open opens the folder's journal for appending. A torn last line, left by a
// killed writer, is cut off. It returns the entries that are already there.
func Open(folder string, clk clock.Clock) (*Writer, []Entry, error) {
	path := filepath.Join(folder, File)
	entries, good, err := read(path, 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open journal: %w", err)
	}
	err = f.Truncate(good)
	if err == nil {
		_, err = f.Seek(good, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("open journal: %w", err)
	}
	w := &Writer{f: f, clock: clk}
	if n := len(entries); n > 0 {
		w.seq = entries[n-1].Seq
	}
	return w, entries, nil
}

// Append writes e with the next sequence number and the present time, and
// returns it as written. The line is in the kernel when Append returns; it is
// synced to disk for entries that the world acts on (all but Pulse, Speech, Note and
// a partial Heard).
func (w *Writer) Append(e Entry) (Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e.Seq, e.At = w.seq+1, w.clock.Now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return e, fmt.Errorf("append to journal: %w", err)
	}
	start, err := w.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return e, fmt.Errorf("append to journal: %w", err)
	}
	if _, err := w.f.Write(append(line, '\n')); err != nil {
		// A half line must not stay: the next one would be glued to it.
		_ = w.f.Truncate(start)
		_, _ = w.f.Seek(start, io.SeekStart)
		return e, fmt.Errorf("append to journal: %w", err)
	}
	w.seq = e.Seq
	if e.Pulse == nil && e.Speech == nil && e.Note == nil && (e.Heard == nil || !e.Heard.Partial) {
		if err := w.f.Sync(); err != nil {
			return e, fmt.Errorf("sync journal: %w", err)
		}
	}
	return e, nil
}

// Close closes the file. It may be called more than once.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.f.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Read returns all whole entries of the folder's journal; none if there is no
// journal yet.
func Read(folder string) ([]Entry, error) {
	entries, _, err := read(filepath.Join(folder, File), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// ReadFrom returns the whole entries after byte offset, and the offset behind
// the last of them, to be given to the next call.
func ReadFrom(folder string, offset int64) ([]Entry, int64, error) {
	entries, end, err := read(filepath.Join(folder, File), offset)
	if errors.Is(err, os.ErrNotExist) {
		return nil, offset, nil
	}
	return entries, end, err
}

func read(path string, offset int64) (entries []Entry, end int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, offset, err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, offset, fmt.Errorf("read journal: %w", err)
	}
	end = offset
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return entries, end, nil // a line without an end is not there yet
		}
		if err != nil {
			return entries, end, fmt.Errorf("read journal: %w", err)
		}
		var e Entry
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			return entries, end, fmt.Errorf("read journal: line at byte %d: %w", end, err)
		}
		entries = append(entries, e)
		end += int64(len(line))
	}
}
