package tracks

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

const (
	// segmentSpan is the most that one file holds, in microseconds: what a
	// power cut may take.
	segmentSpan = 4_000_000
	// retryEvery is how often a disk that refuses is tried again.
	retryEvery = 500 * time.Millisecond
	// maxUnflushed is how much is gathered before it is handed to the kernel.
	maxUnflushed = 1 << 20
)

// disk is the only writer of segments. It runs in one goroutine; socket and
// disk never wait for each other.
type disk struct {
	folder  string
	journal *journal.Writer
	log     *slog.Logger
	queue   *queue
	tick    func() // called about once a second

	files map[string]*file
	seal  chan *segment.Writer

	mu  sync.Mutex
	err error
}

// file is the open segment of a track.
type file struct {
	w     *segment.Writer // nil between two files
	n     int             // number of the segment
	first int64           // arrival of its first frame
	dirty int             // bytes added and not flushed
	since time.Time       // when it was opened
}

// run writes until ctx ends and then what is left, for as long as the disk
// takes it.
func (d *disk) run(ctx context.Context) {
	sealed := make(chan struct{})
	go func() {
		defer close(sealed)
		for w := range d.seal {
			// Closing syncs, which may take long; the next file is already
			// being written.
			if err := w.Close(); err != nil {
				d.log.Warn("segment not synced", "error", err)
			}
		}
	}()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-d.queue.wake:
		case <-second.C:
			d.tick()
			d.closeIdle()
		}
		if !d.write() {
			select {
			case <-ctx.Done():
			case <-time.After(retryEvery):
				d.again()
			}
		}
	}
	d.finish()
	close(d.seal)
	<-sealed
}

func (d *disk) again() {
	select {
	case d.queue.wake <- struct{}{}:
	default:
	}
}

// finish writes the rest and closes all files. A full disk gets a few seconds
// to be relieved.
func (d *disk) finish() {
	for range 6 {
		if d.write() {
			break
		}
		time.Sleep(retryEvery)
	}
	for id, f := range d.files {
		if f.w != nil {
			d.seal <- f.w
		}
		delete(d.files, id)
	}
}

// write empties the queue to the disk. False if the disk refuses: nothing is
// lost then, and it is to be called again.
func (d *disk) write() bool {
	for {
		it, more := d.queue.peek()
		if !more {
			break
		}
		if err := d.take(it); err != nil {
			d.fail(err)
			return false
		}
		d.queue.drop()
	}
	for _, f := range d.files {
		if err := f.flush(); err != nil {
			d.fail(err)
			return false
		}
	}
	d.fail(nil)
	return true
}

// take does what an item asks. After an error the same item comes again.
func (d *disk) take(it item) error {
	switch {
	case it.entry != nil:
		_, err := d.journal.Append(*it.entry)
		if it.told != nil && err == nil {
			it.told.Store(true)
		}
		return err
	case it.end:
		return d.close(it.track)
	}
	f := d.files[it.track]
	if f == nil {
		f = &file{}
		d.files[it.track] = f
	}
	if f.w != nil && (it.frame.Arrival-f.first >= segmentSpan || it.frame.Arrival < f.first) {
		if err := d.next(f); err != nil {
			return err
		}
	}
	if f.w == nil {
		w, err := segment.Create(segment.Path(d.folder, it.track, f.n+1))
		if err != nil {
			return err
		}
		f.w, f.first, f.since = w, it.frame.Arrival, time.Now()
		f.n++
	}
	if f.dirty > maxUnflushed {
		if err := f.flush(); err != nil {
			return err
		}
	}
	f.w.Add(it.frame)
	f.dirty += len(it.frame.Payload) + 64
	return nil
}

// next finishes the open file of a track. A file is given away only when all
// of it is written, because closing it gives up the rest.
func (d *disk) next(f *file) error {
	if err := f.flush(); err != nil {
		return err
	}
	d.seal <- f.w
	f.w = nil
	return nil
}

func (d *disk) close(track string) error {
	f := d.files[track]
	if f == nil {
		return nil
	}
	if f.w != nil {
		if err := d.next(f); err != nil {
			return err
		}
	}
	delete(d.files, track)
	return nil
}

// closeIdle closes the files of tracks that have gone quiet.
func (d *disk) closeIdle() {
	for _, f := range d.files {
		if f.w != nil && time.Since(f.since) > 2*segmentSpan*time.Microsecond {
			if err := d.next(f); err != nil {
				d.fail(err)
			}
		}
	}
}

func (f *file) flush() error {
	if f.w == nil || f.dirty == 0 {
		return nil
	}
	if err := f.w.Flush(); err != nil {
		return err
	}
	f.dirty = 0
	return nil
}

// fail notes the state of the disk and logs its changes.
func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil && d.err == nil:
		d.log.Error("recording cannot be written; trying on", "error", err)
	case err == nil && d.err != nil:
		d.log.Info("recording can be written again")
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	d.err = err
}

func (d *disk) state() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}
