// Package mp4 puts pieces of one video, and its sound, into one file. Nothing is
// looked at but the tables of the files, so that an hour takes as long as it takes to
// copy it: ffmpeg, which passes on frame by frame, needs several times that.
package mp4

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"
)

// interleave is how much of one track comes before that of the other.
const interleave = time.Second

// MixedError tells that pieces are encoded otherwise than the last one, as by
// another version of the encoder: they cannot be in one track with it.
type MixedError struct{ Pieces []string }

func (e *MixedError) Error() string {
	return fmt.Sprintf("%d pieces of the video, such as %s, are encoded otherwise than the last one", len(e.Pieces), e.Pieces[0])
}

// Join writes the first length of pieces, played one behind the other, and of sound
// into a file at path, with its tables ahead of its media, so that it can be played
// while it is loaded. The pieces are files of one video track each, in one encoding
// (else the error is a [MixedError]) and without reordered frames, sound is a file of
// one audio track, as ffmpeg writes them. What was at path is replaced.
func Join(path string, pieces []string, sound string, length time.Duration) error {
	film, mixed := &track{}, &MixedError{}
	for _, name := range slices.Backward(pieces) {
		err := film.add(name)
		if errors.Is(err, errOther) {
			mixed.Pieces = append(mixed.Pieces, name)
		} else if err != nil {
			return fmt.Errorf("join %s: %w", name, err)
		}
	}
	if len(mixed.Pieces) > 0 {
		return mixed
	}
	voice := &track{}
	if err := voice.add(sound); err != nil {
		return fmt.Errorf("join %s: %w", sound, err)
	}
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("join video: %w", err)
	}
	w := bufio.NewWriterSize(out, 1<<20)
	err = write(w, []*track{film, voice}, length)
	if err == nil {
		err = w.Flush()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("join video: %w", err)
	}
	return nil
}

// track is one track of the file in the making.
type track struct {
	head    *box // its trak, of the last file
	ftyp    *box
	mvhd    *box
	scale   int64      // its ticks in a second
	skip    int64      // ticks of its beginning that are not played
	files   [][]sample // of each file, the last one first
	samples []sample   // that are written
}

// sample is a frame of a track: a picture, or 20 ms of sound or so.
type sample struct {
	file   string
	offset int64
	size   uint32
	ticks  uint32
	sync   bool // can be decoded without those before it
}

// errOther refuses a file that is encoded otherwise than what is there.
var errOther = errors.New("is encoded otherwise")

// add puts the samples of a file before those that are there.
func (t *track) add(name string) error {
	ftyp, moov, err := tables(name)
	if err != nil {
		return err
	}
	trak, err := moov.only("trak")
	if err != nil {
		return err
	}
	stbl, err := trak.only("mdia", "minf", "stbl")
	if err != nil {
		return err
	}
	stbl.drop("btrt") // how large the samples of this file are
	list, err := samples(name, stbl)
	if err != nil {
		return err
	}
	mdhd, err := trak.only("mdia", "mdhd")
	if err != nil {
		return err
	}
	scale, err := mdhd.number(12)
	if err != nil {
		return err
	}
	if t.head == nil {
		t.head, t.ftyp, t.scale = trak, ftyp, int64(scale)
		if t.mvhd, err = moov.only("mvhd"); err != nil {
			return err
		}
		if elst, err := trak.only("edts", "elst"); err == nil {
			start, err := elst.number(12)
			if err != nil {
				return err
			}
			t.skip = int64(start)
		}
	} else if had, err := t.head.only("mdia", "minf", "stbl", "stsd"); err != nil {
		return err
	} else if has, err := stbl.only("stsd"); err != nil {
		return err
	} else if int64(scale) != t.scale || !had.same(has) {
		return errOther
	}
	t.files = append(t.files, list)
	return nil
}

// cut takes what is played in a length.
func (t *track) cut(length time.Duration) {
	left := t.ticks(length) + t.skip
	for _, list := range slices.Backward(t.files) {
		for _, s := range list {
			if left <= 0 {
				return
			}
			t.samples = append(t.samples, s)
			left -= int64(s.ticks)
		}
	}
}

// ticks are those of a length, rounded up: 40 ms of a picture that is seen for
// 39 ms are needed.
func (t *track) ticks(d time.Duration) int64 {
	return (d.Microseconds()*t.scale + 999_999) / 1_000_000
}

// runs tells, for each stretch of the file, how many samples it has.
func (t *track) runs() (list []int) {
	step, sum := t.ticks(interleave), int64(0)
	for _, s := range t.samples {
		if n := sum / step; int64(len(list)) <= n {
			list = append(list, 0)
		}
		list[len(list)-1]++
		sum += int64(s.ticks)
	}
	return list
}

// write writes the file: stretches of all tracks in turn behind their tables.
func write(w *bufio.Writer, tracks []*track, length time.Duration) error {
	var payload int64
	for _, t := range tracks {
		t.cut(length)
		if len(t.samples) == 0 {
			return fmt.Errorf("a track is empty")
		}
		for _, s := range t.samples {
			payload += int64(s.size)
		}
	}
	mdat := mdatHead(payload)
	// The tables are as long with one beginning of the media as with another.
	wide := payload > math.MaxUint32-mostTables
	moov, err := movie(tracks, length, 0, wide)
	if err != nil {
		return err
	}
	start := tracks[0].ftyp.size() + moov.size() + int64(len(mdat))
	if moov, err = movie(tracks, length, start, wide); err != nil {
		return err
	}
	tracks[0].ftyp.write(w)
	moov.write(w)
	w.Write(mdat)
	return media(w, tracks)
}

// stretches calls do for each stretch of the file in turn.
func stretches(tracks []*track, do func(t int, list []sample) error) error {
	runs, rest := make([][]int, len(tracks)), make([][]sample, len(tracks))
	most := 0
	for i, t := range tracks {
		runs[i], rest[i] = t.runs(), t.samples
		most = max(most, len(runs[i]))
	}
	for n := range most {
		for i := range tracks {
			if n >= len(runs[i]) {
				continue
			}
			if err := do(i, rest[i][:runs[i][n]]); err != nil {
				return err
			}
			rest[i] = rest[i][runs[i][n]:]
		}
	}
	return nil
}

// media copies the samples.
func media(w io.Writer, tracks []*track) error {
	open := make([]source, len(tracks))
	defer func() {
		for _, s := range open {
			s.file.Close() // nil is refused, which does no harm
		}
	}()
	return stretches(tracks, func(i int, list []sample) error {
		for len(list) > 0 {
			// Samples that lie one behind the other are copied at once.
			n, size := 1, int64(list[0].size)
			for n < len(list) && list[n].file == list[0].file && list[n].offset == list[0].offset+size {
				size += int64(list[n].size)
				n++
			}
			if err := open[i].copy(w, list[0], size); err != nil {
				return err
			}
			list = list[n:]
		}
		return nil
	})
}

// source is the file that a track is being copied from.
type source struct {
	name string
	file *os.File
}

func (s *source) copy(w io.Writer, from sample, size int64) (err error) {
	if s.name != from.file {
		s.file.Close()
		if s.file, err = os.Open(from.file); err != nil {
			return err
		}
		s.name = from.file
	}
	n, err := io.Copy(w, io.NewSectionReader(s.file, from.offset, size))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%s: %w", from.file, err)
	}
	return nil
}

// movie makes the tables of media that begin at a place of the file.
func movie(tracks []*track, length time.Duration, start int64, wide bool) (*box, error) {
	moov := &box{kind: "moov"}
	mvhd := tracks[0].mvhd.clone()
	scale, err := mvhd.number(12)
	if err != nil {
		return nil, err
	}
	long := uint32((length.Microseconds()*int64(scale) + 999_999) / 1_000_000)
	err = cmp.Or(mvhd.set(16, long), mvhd.set(len(mvhd.data)-4, uint32(len(tracks)+1)))
	moov.kids = append(moov.kids, mvhd)
	places := make([][]int64, len(tracks))
	at := start
	_ = stretches(tracks, func(i int, list []sample) error {
		places[i] = append(places[i], at)
		for _, s := range list {
			at += int64(s.size)
		}
		return nil
	})
	for i, t := range tracks {
		trak, terr := t.table(i, long, places[i], wide)
		err = cmp.Or(err, terr)
		moov.kids = append(moov.kids, trak)
	}
	return moov, err
}

// table makes the trak of a track; long is the length of the movie in its ticks,
// places are where the stretches begin.
func (t *track) table(i int, long uint32, places []int64, wide bool) (*box, error) {
	trak := t.head.clone()
	var ticks uint32
	for _, s := range t.samples {
		ticks += s.ticks
	}
	tkhd, err := trak.only("tkhd")
	if err != nil {
		return nil, err
	}
	mdhd, err := trak.only("mdia", "mdhd")
	if err != nil {
		return nil, err
	}
	stbl, err := trak.only("mdia", "minf", "stbl")
	if err != nil {
		return nil, err
	}
	stsd, err := stbl.only("stsd")
	if err != nil {
		return nil, err
	}
	err = cmp.Or(tkhd.set(12, uint32(i+1)), tkhd.set(20, long), mdhd.set(16, ticks))
	if elst, e := trak.only("edts", "elst"); e == nil {
		err = cmp.Or(err, elst.set(8, long))
	}
	stbl.kids = append([]*box{stsd}, t.lists(places, wide)...)
	return trak, err
}
