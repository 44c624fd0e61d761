package compose

import (
	"errors"
	"io"
	"os"

	"steno/internal/record/segment"
)

// tail reads the frames of a track in order, also while they are being
// written.
type tail struct {
	folder, track string
	files         []string
	at            int // index of the open file in files
	r             *segment.Reader
	n             int // frames read of the open file
}

// place is where a frame lies: the file's index in the track and the frame's
// index in the file.
type place struct{ file, frame int }

func newTail(folder, track string) *tail { return &tail{folder: folder, track: track} }

// next returns the next frame, or io.EOF when there is none yet.
func (t *tail) next() (segment.Frame, place, error) {
	for {
		if t.r == nil {
			if err := t.open(); err != nil {
				return segment.Frame{}, place{}, err
			}
		}
		fr, err := t.read()
		if err == nil || !errors.Is(err, io.EOF) {
			return fr, place{t.at, t.n - 1}, err
		}
		last, lerr := t.last()
		if lerr != nil {
			return segment.Frame{}, place{}, lerr
		}
		if last {
			return segment.Frame{}, place{}, io.EOF
		}
		// There is a next file, so this one is finished; what came between the
		// two looks is still read.
		if fr, err := t.read(); err == nil {
			return fr, place{t.at, t.n - 1}, nil
		}
		t.close()
		t.at, t.n = t.at+1, 0
	}
}

func (t *tail) read() (segment.Frame, error) {
	fr, err := t.r.Next()
	if err == nil {
		t.n++
	}
	return fr, err
}

// open opens the file at t.at; one without a header is passed over once
// another follows.
func (t *tail) open() error {
	for {
		if t.at >= len(t.files) {
			if last, err := t.last(); err != nil {
				return err
			} else if last && t.at >= len(t.files) {
				return io.EOF
			}
		}
		r, err := segment.Open(t.files[t.at])
		if err == nil {
			t.r = r
			return nil
		}
		if errors.Is(err, os.ErrNotExist) || !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		last, lerr := t.last()
		if lerr != nil {
			return lerr
		}
		if last {
			return io.EOF
		}
		t.at++
	}
}

// last reports whether no file follows the one at t.at, after a look at the
// folder.
func (t *tail) last() (bool, error) {
	if t.at+1 < len(t.files) {
		return false, nil
	}
	files, err := segment.List(t.folder, t.track)
	if err != nil {
		return false, err
	}
	t.files = files
	return t.at+1 >= len(t.files), nil
}

// seek goes to a frame that was read before.
func (t *tail) seek(p place) error {
	t.close()
	t.at, t.n = p.file, 0
	if err := t.open(); err != nil {
		return err
	}
	for t.n < p.frame {
		if _, err := t.read(); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) close() {
	if t.r != nil {
		t.r.Close()
		t.r = nil
	}
}
