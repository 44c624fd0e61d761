// Package segment is the file format of captured media: encoded frames of one
// track, appended as they arrive, in files of at most a few seconds. It holds
// no state beyond the open file and never decodes.
//
// A file is a 16-byte header followed by records. A record is
//
//	uint32  length of the body
//	uint32  CRC-32C of the body
//	body:   uint8 flags (1 = keyframe) · uint8 number of CSRCs · uint16 audio level (0 = unknown, else 1+dBov below full scale) ·
//	        uint32 RTP timestamp · int64 arrival, Unix microseconds · CSRCs, uint32 each · payload
//
// all little-endian. A reader stops at the first record that is short or whose
// checksum is wrong: that is where a killed writer stopped.
package segment

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Dir is the folder of all tracks within a bot's folder; each track has a
// folder of its own with files 000001.seg, 000002.seg, …
const Dir = "segments"

const (
	magic     = "STENOSEG\x01\x00\x00\x00\x00\x00\x00\x00"
	fixed     = 16
	maxRecord = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame is one encoded frame as it came from the network: an Opus packet or a
// whole video frame.
type Frame struct {
	Key     bool
	Level   uint16 // audio level as in the file format
	RTP     uint32 // RTP timestamp, in units of the track's clock rate
	Arrival int64  // Unix microseconds
	CSRCs   []uint32
	Payload []byte
}

// Path returns the file of segment n (from 1) of a track.
func Path(folder, track string, n int) string {
	return filepath.Join(folder, Dir, track, fmt.Sprintf("%06d.seg", n))
}

// List returns the segment files of a track in order; none if the track has
// none yet.
func List(folder, track string) ([]string, error) {
	dir := filepath.Join(folder, Dir, track)
	names, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var files []string
	for _, n := range names {
		if strings.HasSuffix(n.Name(), ".seg") {
			files = append(files, filepath.Join(dir, n.Name()))
		}
	}
	sort.Strings(files)
	return files, nil
}

// Writer appends frames to one segment file. It is not safe for concurrent
// use.
type Writer struct {
	f   *os.File
	buf []byte
	n   int64
}

// Create makes a new segment file, and its folder if needed.
func Create(path string) (*Writer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	w := &Writer{f: f, buf: append(make([]byte, 0, 64<<10), magic...)}
	return w, nil
}

// Add puts a frame into the writer's buffer. Flush makes it safe.
func (w *Writer) Add(fr Frame) {
	start := len(w.buf)
	w.buf = append(w.buf, 0, 0, 0, 0, 0, 0, 0, 0)
	var flags byte
	if fr.Key {
		flags = 1
	}
	w.buf = append(w.buf, flags, byte(len(fr.CSRCs)))
	w.buf = binary.LittleEndian.AppendUint16(w.buf, fr.Level)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, fr.RTP)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(fr.Arrival))
	for _, c := range fr.CSRCs {
		w.buf = binary.LittleEndian.AppendUint32(w.buf, c)
	}
	w.buf = append(w.buf, fr.Payload...)
	body := w.buf[start+8:]
	binary.LittleEndian.PutUint32(w.buf[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(w.buf[start+4:], crc32.Checksum(body, castagnoli))
}

// Flush hands the buffer to the kernel, where it survives the death of this
// process. On an error (a full disk) the file is cut back to its last whole
// record, the buffer keeps the rest, and Flush may be tried again.
func (w *Writer) Flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	n := len(w.buf)
	_, err := w.f.WriteAt(w.buf, w.n)
	if err != nil {
		n = w.piecemeal()
		_ = w.f.Truncate(w.n + int64(n))
		err = fmt.Errorf("write segment: %w", err)
	}
	w.n += int64(n)
	w.buf = w.buf[:copy(w.buf, w.buf[n:])]
	return err
}

// piecemeal writes the buffer record by record, because some file systems take
// nothing at all of what does not fit as a whole. It returns how much is
// written.
func (w *Writer) piecemeal() (done int) {
	for done < len(w.buf) {
		size := len(magic)
		if w.n > 0 || done > 0 {
			size = 8 + int(binary.LittleEndian.Uint32(w.buf[done:]))
		}
		if _, err := w.f.WriteAt(w.buf[done:done+size], w.n+int64(done)); err != nil {
			break
		}
		done += size
	}
	return done
}

// Size is the number of bytes written and buffered.
func (w *Writer) Size() int64 { return w.n + int64(len(w.buf)) }

// Close flushes, syncs to disk and closes the file.
func (w *Writer) Close() error {
	err := w.Flush()
	if serr := w.f.Sync(); err == nil {
		err = serr
	}
	if cerr := w.f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Reader reads the frames of one segment file, also while it is being written.
type Reader struct {
	f   *os.File
	r   *bufio.Reader
	off int64
}

// Open opens a segment file. It returns an error that wraps
// io.ErrUnexpectedEOF while the header is not there yet.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil {
		f.Close()
		return nil, fmt.Errorf("open segment %s: %w", path, io.ErrUnexpectedEOF)
	}
	if string(head) != magic {
		f.Close()
		return nil, fmt.Errorf("open segment %s: not a segment file", path)
	}
	return &Reader{f: f, r: bufio.NewReaderSize(f, 64<<10), off: int64(len(magic))}, nil
}

// Next returns the next frame; the caller owns it. It returns io.EOF when no
// whole record follows. After io.EOF it may be called again: what a writer has
// added meanwhile is found.
func (r *Reader) Next() (Frame, error) {
	fr, n, err := r.next()
	if err != nil {
		if _, serr := r.f.Seek(r.off, io.SeekStart); serr != nil {
			return Frame{}, fmt.Errorf("read segment: %w", serr)
		}
		r.r.Reset(r.f)
		return Frame{}, err
	}
	r.off += int64(n)
	return fr, nil
}

func (r *Reader) next() (Frame, int, error) {
	var head [8]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return Frame{}, 0, eof(err)
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size < fixed || size > maxRecord {
		return Frame{}, 0, io.EOF
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r.r, body); err != nil {
		return Frame{}, 0, eof(err)
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return Frame{}, 0, io.EOF
	}
	fr := Frame{
		Key:     body[0]&1 != 0,
		Level:   binary.LittleEndian.Uint16(body[2:]),
		RTP:     binary.LittleEndian.Uint32(body[4:]),
		Arrival: int64(binary.LittleEndian.Uint64(body[8:])),
	}
	rest := body[fixed:]
	n := int(body[1])
	if len(rest) < 4*n {
		return Frame{}, 0, io.EOF
	}
	for i := range n {
		fr.CSRCs = append(fr.CSRCs, binary.LittleEndian.Uint32(rest[4*i:]))
	}
	fr.Payload = rest[4*n:]
	return fr, 8 + int(size), nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.f.Close() }

func eof(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("read segment: %w", err)
}
