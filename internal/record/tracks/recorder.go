package tracks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

const (
	// maxTracks and maxContributors keep a page that has gone mad from filling
	// disk and memory.
	maxTracks       = 4096
	maxContributors = 1024
	maxNotes        = 200

	pulseEvery      = 5 * time.Second
	defaultFallback = 5 * time.Second
)

// Recorder serves the socket of the page's script and writes what arrives.
type Recorder struct {
	o      Options
	log    *slog.Logger
	socket *socket
	script string
	queue  *queue
	disk   *disk

	stop  context.CancelFunc
	pages sync.WaitGroup
	wrote chan struct{} // closed when the disk has finished
	once  sync.Once

	mu       sync.Mutex
	next     int // number of the next track
	tracks   []*track
	activity Activity
	pulsed   time.Time
	pulse    journal.Pulse
	gap      journal.Gap // frames that the queue refused; From is zero if none
	notes    int
	pauses   []pause // the last ones
	open     map[*page]bool
	left     time.Time // when the last page went
	picture  []byte    // what the pages' cameras show, as it is sent to them
}

// New starts a Recorder on the folder; it may have recorded there before, ids
// of tracks go on. Close stops it.
func New(o Options) (*Recorder, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Fallback == 0 {
		o.Fallback = defaultFallback
	}
	next, err := nextTrack(o.Folder)
	if err != nil {
		return nil, err
	}
	r := &Recorder{o: o, log: o.Log, queue: newQueue(), wrote: make(chan struct{}), next: next, pulsed: o.Clock.Now(), open: map[*page]bool{}}
	r.disk = &disk{
		folder: o.Folder, journal: o.Journal, log: o.Log, queue: r.queue, tick: r.tick,
		files: map[string]*file{}, seal: make(chan *segment.Writer, 64),
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	if r.socket, err = listen(ctx, r.serve); err != nil {
		stop()
		return nil, err
	}
	if r.script, err = script(r.socket.url(), o); err != nil {
		stop()
		r.socket.close()
		return nil, err
	}
	writing, written := context.WithCancel(context.Background())
	go func() {
		defer close(r.wrote)
		r.disk.run(writing)
	}()
	context.AfterFunc(ctx, func() {
		r.pages.Wait()
		r.finish()
		written()
	})
	return r, nil
}

// nextTrack finds the first free number of a track.
func nextTrack(folder string) (int, error) {
	entries, err := journal.Read(folder)
	if err != nil {
		return 0, fmt.Errorf("start recorder: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.Track != nil {
			ids = append(ids, e.Track.ID)
		}
	}
	dirs, err := os.ReadDir(filepath.Join(folder, segment.Dir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("start recorder: %w", err)
	}
	for _, d := range dirs {
		ids = append(ids, d.Name())
	}
	next := 1
	for _, id := range ids {
		if n, err := strconv.Atoi(strings.TrimPrefix(id, "t")); err == nil && n >= next {
			next = n + 1
		}
	}
	return next, nil
}

// Script returns the JavaScript to be installed before the page loads.
func (r *Recorder) Script() string { return r.script }

// Addr is where the script finds the recorder, as host:port on the loopback
// interface.
func (r *Recorder) Addr() string { return r.socket.listener.Addr().String() }

// Tracks returns all tracks that this Recorder has written, ended ones too.
func (r *Recorder) Tracks() []TrackInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	infos := make([]TrackInfo, 0, len(r.tracks))
	for _, t := range r.tracks {
		if t.told.Load() { // what is said of it comes behind its own entry
			infos = append(infos, t.info)
		}
	}
	return infos
}

// Contributors returns the sources seen within tracks.
func (r *Recorder) Contributors() []Contributor {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Contributor
	for _, t := range r.tracks {
		for _, c := range t.speech {
			all = append(all, *c)
		}
	}
	return all
}

// Activity returns what flows.
func (r *Recorder) Activity() Activity {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.activity
	for _, t := range r.tracks {
		a.Lost += t.lost()
	}
	a.Pending = r.queue.waiting()
	a.Down = r.down()
	return a
}

// down is since when all pages that had connections have none.
func (r *Recorder) down() (since time.Time) {
	if len(r.open) == 0 {
		return r.left
	}
	for p := range r.open {
		switch {
		case p.down.IsZero() && len(p.receivers) > 0:
			return time.Time{}
		case p.down.After(since):
			since = p.down
		}
	}
	return since
}

// line notes whether a page's connections are down.
func (r *Recorder) line(p *page, down bool) {
	if !down {
		p.down = time.Time{}
	} else if p.down.IsZero() {
		p.down = r.o.Clock.Now()
	}
	r.log.Info("connections of the page", "down", down)
}

// Err is nil while all is well, or wraps ErrDiskFull.
func (r *Recorder) Err() error { return r.disk.state() }

// Close ends all tracks and syncs everything to disk. It may be called more
// than once, and returns what Err would if the disk refused the rest.
func (r *Recorder) Close() error {
	r.once.Do(func() {
		r.stop()
		r.socket.close()
	})
	<-r.wrote
	return r.Err()
}

func (r *Recorder) opened() *page {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.activity.Connected++
	p := &page{receivers: map[int]*receiver{}}
	r.open[p] = true
	return p
}

// gone ends what a page had: it was closed, left or killed.
func (r *Recorder) gone(p *page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.activity.Connected--
	delete(r.open, p)
	for _, rc := range p.receivers {
		r.end(rc)
	}
	if len(r.open) == 0 {
		r.left = r.o.Clock.Now()
	}
}

// end ends the track of a receiver, if it has one.
func (r *Recorder) end(rc *receiver) {
	t := rc.track
	if t == nil {
		return
	}
	rc.track = nil
	t.info.Ended, t.entry.Ended = true, true
	entry := t.entry
	r.queue.put(item{track: entry.ID, end: true})
	r.queue.put(item{entry: &journal.Entry{Track: &entry}})
}

// begin makes a track of what a receiver carries now. Nil if there are too
// many.
func (r *Recorder) begin(rc *receiver) *track {
	if len(r.tracks) >= maxTracks {
		return nil
	}
	entry := describe(fmt.Sprintf("t%d", r.next), rc)
	r.next++
	t := &track{
		entry: entry, from: rc.info, format: rc.format, speech: map[uint32]*Contributor{},
		info: TrackInfo{
			ID: entry.ID, Kind: entry.Kind, Codec: entry.Codec, Source: entry.Source,
			MediaID: entry.MediaID, StreamID: entry.StreamID,
		},
	}
	r.tracks = append(r.tracks, t)
	rc.track, rc.repair, rc.clock = t, redundancy{}, anchor{rate: entry.ClockRate}
	r.queue.put(item{entry: &journal.Entry{Track: &entry}, told: &t.told})
	r.log.Info("track", "track", entry.ID, "kind", entry.Kind, "codec", entry.Codec, "source", entry.Source, "media_id", entry.MediaID)
	return t
}

// take handles one frame of a receiver.
func (r *Recorder) take(rc *receiver, s sample) {
	if rc.format.Mime == "" {
		return // a frame that nobody described cannot be played
	}
	if rc.track != nil && !rc.track.fits(rc) {
		r.end(rc)
	}
	t := rc.track
	if t == nil {
		if t = r.begin(rc); t == nil {
			return
		}
	}
	if r.activity.LastFrame.IsZero() && r.o.FirstFrame != nil {
		r.o.FirstFrame(s.arrival)
	}
	t.count(s)
	switch {
	case strings.EqualFold(rc.format.Mime, "audio/red"):
		for _, one := range rc.repair.fresh(s) {
			r.write(t, one)
		}
	case rc.format.Source == decoded:
		s.rtp = rc.clock.stamp(s.arrival, len(s.payload)/2/max(1, rc.format.Channels))
		r.write(t, s)
	default:
		r.write(t, s)
	}
}

// decoded is the source of audio that comes out of the browser's decoder.
const decoded = "decoded"

// write passes a frame on to the disk.
func (r *Recorder) write(t *track, s sample) {
	t.hear(s)
	a := &r.activity
	a.LastFrame = t.info.LastFrame
	a.Bytes += int64(len(s.payload))
	if t.entry.Kind == "video" {
		a.VideoFrames++
	} else {
		a.AudioFrames++
		a.LastAudio = t.info.LastFrame
		if t.info.LastSound.After(a.LastSound) {
			a.LastSound = t.info.LastSound
		}
	}
	if r.withheld(t, s) {
		return
	}
	if r.o.Sound != nil && t.entry.Kind == "audio" {
		r.o.Sound(Sound{t.entry.ID, t.entry.Codec, t.entry.ClockRate, t.entry.Channels, s.rtp, s.payload, s.csrc()})
	}
	if r.queue.put(item{track: t.entry.ID, frame: s.frame()}) {
		r.closeGap()
		return
	}
	a.Dropped++
	if r.gap.From == 0 {
		r.gap = journal.Gap{From: s.arrival, Reason: "disk"}
	}
	r.gap.To = s.arrival
}

// closeGap journals the time in which the disk took nothing.
func (r *Recorder) closeGap() {
	if r.gap.From == 0 {
		return
	}
	gap := r.gap
	r.gap = journal.Gap{}
	r.queue.put(item{entry: &journal.Entry{Gap: &gap}})
}

// note keeps what the page's script has to say; the page could write any
// number of them.
func (r *Recorder) note(text string) {
	const longest = 500
	if r.notes++; r.notes > maxNotes {
		return
	}
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "")
	}
	r.log.Info("recorder script", "note", text)
	r.queue.put(item{entry: &journal.Entry{Note: &journal.Note{Text: text}}})
}

// tick writes a pulse when frames came since the last one.
func (r *Recorder) tick() {
	now := r.o.Clock.Now()
	a := r.Activity()
	r.mu.Lock()
	defer r.mu.Unlock()
	p := journal.Pulse{AudioFrames: a.AudioFrames, VideoFrames: a.VideoFrames, Bytes: a.Bytes, Lost: a.Lost}
	if now.Sub(r.pulsed) < pulseEvery || p == r.pulse {
		return
	}
	r.pulsed, r.pulse = now, p
	r.queue.put(item{entry: &journal.Entry{Pulse: &p}})
}

// finish queues what is still to be said when all pages are gone.
func (r *Recorder) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeGap()
}
