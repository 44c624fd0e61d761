package artifacts

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
)

// wav reads a FLAC file as a WAV file of 16 bits a sample: what API v1 hands out
// (C36). It decodes as far as it is read, and from the start again when somebody
// seeks back.
type wav struct {
	flac io.ReadSeeker
	head []byte
	size int64 // of the whole WAV file

	pos    int64 // where it is read next
	stream *flac.Stream
	piece  []byte // the last one decoded
	at     int64  // where that begins in the WAV file
}

const (
	wavHead       = 44
	bytesASample  = 2
	bitsOfASample = 8 * bytesASample
)

func newWAV(r io.ReadSeeker) (*wav, error) {
	w := &wav{flac: r}
	if err := w.restart(); err != nil {
		return nil, err
	}
	info := w.stream.Info
	samples := int64(info.NSamples)
	if samples == 0 { // not said
		for {
			f, err := w.stream.ParseNext()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("decode FLAC: %w", err)
			}
			samples += int64(f.BlockSize)
		}
		if err := w.restart(); err != nil {
			return nil, err
		}
	}
	w.head = headOf(int(info.SampleRate), int(info.NChannels), samples)
	w.size = wavHead + samples*int64(info.NChannels)*bytesASample
	return w, nil
}

// headOf returns the header of a WAV file. One that is too long for the format's
// 32 bits says the most that it can.
func headOf(rate, channels int, samples int64) []byte {
	data := samples * int64(channels) * bytesASample
	size := func(n int64) uint32 { return uint32(min(n, math.MaxUint32)) }
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, size(data+wavHead-8))...)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bytesASample))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bytesASample))
	b = binary.LittleEndian.AppendUint16(b, bitsOfASample)
	return binary.LittleEndian.AppendUint32(append(b, "data"...), size(data))
}

func (w *wav) restart() error {
	if _, err := w.flac.Seek(0, io.SeekStart); err != nil {
		return err
	}
	stream, err := flac.New(bufio.NewReaderSize(w.flac, 64<<10))
	if err != nil {
		return fmt.Errorf("read FLAC: %w", err)
	}
	w.stream, w.piece, w.at = stream, nil, wavHead
	return nil
}

// Seek implements io.Seeker.
func (w *wav) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.pos
	case io.SeekEnd:
		offset += w.size
	}
	if offset < 0 {
		return 0, errors.New("wav: seek before the start")
	}
	w.pos = offset
	return offset, nil
}

// Read implements io.Reader.
func (w *wav) Read(p []byte) (int, error) {
	switch {
	case w.pos >= w.size:
		return 0, io.EOF
	case w.pos < wavHead:
		n := copy(p, w.head[w.pos:])
		w.pos += int64(n)
		return n, nil
	case w.pos < w.at:
		if err := w.restart(); err != nil {
			return 0, err
		}
	}
	for w.pos >= w.at+int64(len(w.piece)) {
		f, err := w.stream.ParseNext()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // there are fewer samples than it says
		}
		if err != nil {
			return 0, fmt.Errorf("decode FLAC: %w", err)
		}
		w.at += int64(len(w.piece))
		w.piece = pcm(w.piece[:0], f)
	}
	n := copy(p, w.piece[w.pos-w.at:])
	w.pos += int64(n)
	return n, nil
}

// pcm appends the samples of a frame, channel by channel in turn.
func pcm(b []byte, f *frame.Frame) []byte {
	shift := int(f.BitsPerSample) - bitsOfASample
	for i := range int(f.BlockSize) {
		for _, s := range f.Subframes {
			v := s.Samples[i]
			if shift > 0 {
				v >>= shift
			} else {
				v <<= -shift
			}
			b = binary.LittleEndian.AppendUint16(b, uint16(int16(v)))
		}
	}
	return b
}
