package blob

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"gocloud.dev/blob"
)

// Object is an open object: read it, seek in it, close it. Not for concurrent
// use.
type Object struct {
	Info
	io.ReadSeekCloser
}

// Open opens an object. Nothing is transferred before the first Read, and
// after a Seek only what follows it, so that a range of a large object in S3
// costs that range.
func (s *Store) Open(ctx context.Context, key string) (*Object, error) {
	if s.Local() {
		return s.openLocal(key)
	}
	info, err := s.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	return &Object{Info: info, ReadSeekCloser: &ranged{ctx: ctx, s: s, key: key, size: info.Bytes}}, nil
}

// openLocal opens the file itself, which lets the kernel send it.
func (s *Store) openLocal(key string) (*Object, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(s.dir, filepath.FromSlash(key)))
	if err != nil {
		return nil, classify(err, "open "+key+" in", s.name)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = os.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, classify(err, "open "+key+" in", s.name)
	}
	return &Object{Info: Info{Key: key, Bytes: st.Size(), ModTime: st.ModTime()}, ReadSeekCloser: f}, nil
}

// ranged reads an object of a remote store from the place of the last Seek.
type ranged struct {
	ctx  context.Context
	s    *Store
	key  string
	size int64
	pos  int64
	r    *blob.Reader // open at pos, or nil
}

// Read implements io.Reader.
func (r *ranged) Read(p []byte) (int, error) {
	if r.pos >= r.size {
		return 0, io.EOF
	}
	if r.r == nil {
		rd, err := r.s.bucket.NewRangeReader(r.ctx, r.key, r.pos, -1, nil)
		if err != nil {
			return 0, classify(err, "read "+r.key+" from", r.s.name)
		}
		r.r = rd
	}
	n, err := r.r.Read(p)
	r.pos += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = classify(err, "read "+r.key+" from", r.s.name)
	}
	return n, err
}

// Seek implements io.Seeker. It transfers nothing.
func (r *ranged) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	if offset != r.pos {
		r.Close()
		r.pos = offset
	}
	return offset, nil
}

// Close implements io.Closer.
func (r *ranged) Close() error {
	if r.r == nil {
		return nil
	}
	err := r.r.Close()
	r.r = nil
	return err
}
