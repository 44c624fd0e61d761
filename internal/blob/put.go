package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"steno/internal/fail"

	"gocloud.dev/blob"
)

// PutOptions of an object that is stored.
type PutOptions struct {
	ContentType string
	// SHA256 is what the content's hash must be, in hex; empty: not checked.
	SHA256 string
}

// Put stores a local file under the key, replacing what was there, and returns
// its size and hash. The object appears whole or not at all; when Put returns,
// it is durable and its size and hash have been checked, so that the caller
// may remove the file. The file must not be changed after the call: in a local
// store on the same file system the object is a hard link to it.
func (s *Store) Put(ctx context.Context, key, file string, o PutOptions) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	f, err := os.Open(file)
	if err != nil {
		return Info{}, fail.Wrap(err, fail.Internal, CodeUnavailable, "open the file to store as %s", key)
	}
	defer f.Close()
	if s.Local() {
		return s.putLocal(ctx, key, f, o)
	}
	return s.putRemote(ctx, key, f, o)
}

// PutBytes stores a small object.
func (s *Store) PutBytes(ctx context.Context, key string, content []byte, contentType string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := s.present(); err != nil {
		return err
	}
	if err := s.bucket.WriteAll(ctx, key, content, &blob.WriterOptions{ContentType: contentType}); err != nil {
		return classify(err, "write "+key+" to", s.name)
	}
	return nil
}

// present refuses to write below a root that has gone, for example because its
// disk is not mounted: the recording would land on the wrong disk.
func (s *Store) present() error {
	if !s.Local() {
		return nil
	}
	if info, err := os.Stat(s.dir); err != nil || !info.IsDir() {
		return fail.Wrap(err, fail.Unavailable, CodeUnavailable, "the storage folder %s is missing", s.dir)
	}
	return nil
}

// putLocal hashes the file, makes it durable and links it into place; on
// another file system it copies.
func (s *Store) putLocal(ctx context.Context, key string, f *os.File, o PutOptions) (Info, error) {
	if err := s.present(); err != nil {
		return Info{}, err
	}
	dst := filepath.Join(s.dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(dst), 0o750); err != nil {
		return Info{}, classify(err, "make a folder for "+key+" in", s.name)
	}
	tmp := filepath.Join(filepath.Dir(dst), ".put-"+rand.Text())
	defer os.Remove(tmp)
	info, err := linkFile(ctx, f, tmp)
	if errors.Is(err, errCannotLink) {
		info, err = copyFile(ctx, f, tmp)
	}
	if err != nil {
		return Info{}, classify(err, "write "+key+" to", s.name)
	}
	info.Key, info.ContentType = key, o.ContentType
	if err := checkSum(info, o.SHA256); err != nil {
		return Info{}, err
	}
	if err := os.Rename(tmp, dst); err != nil {
		return Info{}, classify(err, "write "+key+" to", s.name)
	}
	if err := errors.Join(syncDir(filepath.Dir(dst)), syncDir(s.dir)); err != nil {
		return Info{}, classify(err, "write "+key+" to", s.name)
	}
	return info, nil
}

// errCannotLink: another file system, or one without hard links.
var errCannotLink = errors.New("cannot link")

func linkFile(ctx context.Context, f *os.File, tmp string) (Info, error) {
	if err := os.Link(f.Name(), tmp); err != nil {
		if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EMLINK) || errors.Is(err, syscall.ENOTSUP) {
			return Info{}, errCannotLink
		}
		return Info{}, err
	}
	info, err := sum(ctx, io.Discard, f)
	if err != nil {
		return Info{}, err
	}
	return info, f.Sync()
}

func copyFile(ctx context.Context, f *os.File, tmp string) (Info, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Info{}, err
	}
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return Info{}, err
	}
	info, err := sum(ctx, out, f)
	return info, errors.Join(err, out.Sync(), out.Close())
}

// putRemote streams the file and then asks the store how much it has. Bytes on
// the way are covered by the checksums that the S3 client adds to each part.
func (s *Store) putRemote(ctx context.Context, key string, f *os.File, o PutOptions) (Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a Writer whose context is cancelled before Close stores nothing
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: o.ContentType, DisableContentTypeDetection: o.ContentType == ""})
	if err != nil {
		return Info{}, classify(err, "write "+key+" to", s.name)
	}
	info, err := sum(ctx, w, f)
	info.Key, info.ContentType = key, o.ContentType
	if err == nil {
		err = checkSum(info, o.SHA256)
	}
	if err != nil {
		cancel()
		w.Close()
		return Info{}, classify(err, "write "+key+" to", s.name)
	}
	if err := w.Close(); err != nil {
		return Info{}, classify(err, "write "+key+" to", s.name)
	}
	stored, err := s.Attributes(ctx, key)
	if err != nil {
		return Info{}, err
	}
	if stored.Bytes != info.Bytes {
		return Info{}, fail.New(fail.Unavailable, CodeChecksum, "%s keeps %d of the %d bytes of %s", s.name, stored.Bytes, info.Bytes, key)
	}
	return info, nil
}

// sum copies f to w and returns size and hash of what it read.
func sum(ctx context.Context, w io.Writer, f io.Reader) (Info, error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), readerWithContext{ctx, f})
	return Info{Bytes: n, SHA256: hexSum(h)}, err
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func checkSum(got Info, want string) error {
	if want != "" && got.SHA256 != want {
		return fail.New(fail.Internal, CodeChecksum, "the file to store as %s is not the one that was announced: its SHA-256 is %s, not %s", got.Key, got.SHA256, want)
	}
	return nil
}

// readerWithContext stops a long copy when its context ends.
type readerWithContext struct {
	ctx context.Context
	r   io.Reader
}

func (r readerWithContext) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// syncDir makes new directory entries durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeEmptyDir removes the folders of a deleted key as far as they are empty.
func (s *Store) removeEmptyDir(key string) {
	if !s.Local() {
		return
	}
	for dir := filepath.Dir(filepath.FromSlash(key)); dir != "."; dir = filepath.Dir(dir) {
		if err := os.Remove(filepath.Join(s.dir, dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}
