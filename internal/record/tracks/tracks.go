// Package tracks is the track engine: a script in the meeting's page copies
// the encoded frames of every remote media track, and this package writes
// them to segments. Nothing is decoded here, and raw media never cross the
// socket but for an audio receiver that refuses its encoded frames.
//
// It does not drive the browser, knows no platform and decides nothing about
// the meeting: the session injects Script before the page loads and reads
// Tracks and Activity.
package tracks

import (
	"errors"
	"log/slog"
	"time"

	"steno/internal/clock"
	"steno/internal/record/journal"
)

// Options says where a Recorder writes. Folder, Journal and Clock are
// required.
type Options struct {
	Folder  string // the bot's folder
	Journal *journal.Writer
	Clock   clock.Clock
	// AudioOnly refuses video in the negotiation, so that none is sent to us.
	AudioOnly bool
	Log       *slog.Logger
	// FirstFrame is called once, with the arrival (Unix microseconds) of the
	// first frame that this Recorder takes, before the frame is on disk. It
	// must not call the Recorder.
	FirstFrame func(unixMicro int64)
	// Playback lets the page play the audio that it receives, which is silence
	// while encoded frames are taken, at the price of a third of a bot's
	// processor time. For a page that takes offence otherwise.
	Playback bool
	// Listen takes only the audio and lets it go on to the page, which plays it:
	// for a page that is filmed. Video is not touched.
	Listen bool
	// Held is how long a page that is listened to holds pictures before it shows them,
	// and sound until it is heard. Zero: as short as it can.
	Held time.Duration
	// Fallback is how long a receiver may get packets without handing out
	// encoded frames before its audio is taken decoded; 5 s if zero.
	Fallback time.Duration
	// Sound is given each frame of audio that is recorded, none of a pause. It
	// must neither block nor call the Recorder. May be nil.
	Sound func(Sound)
	// Live has the page send what it has every 40 ms instead of every 250: Sound
	// is in a hurry.
	Live bool
	// Speak gives the page a microphone; see Say.
	Speak bool
	// Camera gives the page a camera; see Show.
	Camera bool
}

// Sound is a frame of audio on its way to the disk. The payload must not be
// changed.
type Sound struct {
	Track     string // TrackInfo.ID
	Codec     string
	ClockRate int // of RTP, Hz
	Channels  int
	RTP       uint32
	Payload   []byte
	CSRC      uint32 // whose it is on a track of several people; 0: the track's
}

// TrackInfo is one recorded track as it stands.
type TrackInfo struct {
	ID       string // ours: t1, t2, …, as in the journal
	Kind     string // audio, video
	Codec    string // opus, VP8, VP9, H264, AV1, pcm
	MediaID  string // id of the MediaStreamTrack in the page
	StreamID string // id of its MediaStream, if it has one
	Source   string // encoded, decoded
	Ended    bool
	// LastFrame is the arrival of the last frame.
	LastFrame time.Time
	// LastSound is the arrival of the last frame that was loud enough to be
	// somebody (audio; zero if none yet).
	LastSound time.Time
	Frames    int64
	Bytes     int64
}

// Contributor is somebody whom a mixed or switched track carries, by RTP
// contributing source.
type Contributor struct {
	Track     string // TrackInfo.ID
	CSRC      uint32
	LastFrame time.Time
	LastSound time.Time // zero on a video track

	tenth  int64  // the last tenth of a second, since 1970, …
	tenths uint64 // … of those in which it alone was to be heard or seen, a bit each
}

// Tenths is how far back, in tenths of a second, In can tell.
const Tenths = 64

// In reports whether the source alone was to be heard on its track, or seen, in a
// tenth of a second since 1970.
func (c Contributor) In(tenth int64) bool {
	back := c.tenth - tenth
	return back >= 0 && back < Tenths && c.tenths>>back&1 == 1
}

// Note notes that the source alone was to be heard or seen at a moment.
func (c *Contributor) Note(at time.Time) {
	tenth := at.UnixMilli() / 100
	switch ahead := tenth - c.tenth; {
	case ahead > 0:
		c.tenths = c.tenths<<ahead | 1
		c.tenth = tenth
	case ahead > -Tenths:
		c.tenths |= 1 << -ahead
	}
}

// Activity sums up what flows. Times are zero as long as nothing came.
type Activity struct {
	LastFrame   time.Time // of any track
	LastAudio   time.Time // of any audio track, of silence, too
	LastSound   time.Time // of any audio track, loud enough to be somebody
	AudioFrames int64
	VideoFrames int64
	Bytes       int64 // of payloads
	Lost        int64 // RTP audio packets that never came
	Dropped     int64 // frames thrown away because the disk would not take them
	Connected   int   // pages whose sockets are open
	Pending     int64 // bytes that wait for the disk
	// Down is since when no connection stands of all that carried media, or since
	// when the last page's script is gone; zero while one does. Silence does not
	// change it.
	Down time.Time
	// NeedsScreen: a receiver gave no encoded video; only the screen engine
	// can record it.
	NeedsScreen bool
}

// ErrDiskFull is what Err returns, wrapped with its cause, while frames cannot
// be written.
var ErrDiskFull = errors.New("recorded media cannot be written")
