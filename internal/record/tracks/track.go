package tracks

import (
	"strings"
	"sync/atomic"
	"time"

	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

// page is one connected document: its receivers by its own numbers.
type page struct {
	receivers map[int]*receiver
	down      time.Time   // since when all its connections are down
	say       chan []byte // to its microphone; nil: it has none
	speaks    func() chan []byte
	show      chan []byte // to its camera, the latest; nil: it has none
	shows     func() chan []byte
}

// receiver is one RTP receiver of a page. What it carries may change, and then
// another track begins.
type receiver struct {
	info   control // the announcement
	format control // of the frames that follow
	track  *track  // nil before the first frame and after the end
	repair redundancy
	clock  anchor
}

func (p *page) receiver(n int) *receiver {
	rc := p.receivers[n]
	if rc == nil {
		rc = &receiver{}
		p.receivers[n] = rc
	}
	return rc
}

// announce takes what the page knows about a receiver.
func (p *page) announce(c control) { p.receiver(c.Track).info = c }

// track is one recorded track: one codec, one sender clock.
type track struct {
	entry  journal.Track
	told   atomic.Bool // the entry is in the journal
	from   control     // the announcement that it was made of
	format control
	info   TrackInfo
	first  uint16 // RTP sequence numbers
	last   uint16
	span   int64 // from first to last, without wrapping
	seen   int64
	speech map[uint32]*Contributor
	broken bool // frames are missing since a pause: only a keyframe can be decoded
}

// fits tells whether a receiver still carries that track.
func (t *track) fits(rc *receiver) bool {
	return t.format == rc.format && t.from.StreamID == rc.info.StreamID
}

// describe makes the journal's entry. Clock rates are those of RFC 7587 and
// RFC 3551; video is always 90 kHz.
func describe(id string, rc *receiver) journal.Track {
	kind, codec, _ := strings.Cut(rc.format.Mime, "/")
	e := journal.Track{
		ID: id, Kind: kind, Codec: codec, ClockRate: rc.format.ClockRate, Channels: rc.format.Channels,
		MediaID: rc.info.MediaID, StreamID: rc.info.StreamID, Source: rc.format.Source,
	}
	switch strings.ToLower(codec) {
	case "opus", "red":
		e.Codec, e.ClockRate, e.Channels = "opus", 48000, 2
	case "pcmu", "pcma", "g722":
		e.ClockRate, e.Channels = 8000, 1
	}
	if kind == "video" {
		e.ClockRate = 90000
	}
	return e
}

// count follows the sequence numbers; reordered packets are no loss.
func (t *track) count(s sample) {
	t.info.Frames++
	t.info.Bytes += int64(len(s.payload))
	if !s.hasSeq || t.entry.Kind != "audio" {
		return
	}
	if t.seen == 0 {
		t.first, t.last = s.seq, s.seq
	}
	t.seen++
	if ahead := int16(s.seq - t.last); ahead > 0 {
		t.span += int64(ahead)
		t.last = s.seq
	}
}

// lost is the number of packets between the first and the last that never
// came.
func (t *track) lost() int64 {
	if t.seen == 0 {
		return 0
	}
	return max(0, t.span+1-t.seen)
}

// hear notes when a frame came, and whether somebody was to be heard.
func (t *track) hear(s sample) {
	at := time.UnixMicro(s.arrival).UTC()
	t.info.LastFrame = at
	video := t.entry.Kind == "video"
	sound := !video && loud(t.entry.Codec, s)
	if sound {
		t.info.LastSound = at
	}
	for _, c := range s.csrcs {
		who := t.speech[c]
		if who == nil {
			if len(t.speech) >= maxContributors {
				return
			}
			who = &Contributor{Track: t.entry.ID, CSRC: c}
			t.speech[c] = who
		}
		who.LastFrame = at
		if sound {
			who.LastSound = at
		}
		if (sound || video) && len(s.csrcs) == 1 {
			who.Note(at)
		}
	}
}

func (s sample) frame() segment.Frame {
	return segment.Frame{Key: s.key, Level: s.level, RTP: s.rtp, Arrival: s.arrival, CSRCs: s.csrcs, Payload: s.payload}
}

// csrc is the only one who contributed to a frame; 0: nobody or several.
func (s sample) csrc() uint32 {
	if len(s.csrcs) == 1 {
		return s.csrcs[0]
	}
	return 0
}
