// Package blob is the object store: finished recordings and other artifacts
// under keys such as <bot_id>/video.mp4, in a local folder or in any
// S3-compatible store. Objects are written once, whole, and read in ranges.
//
// It must not know what the objects are, who may read them, or any database.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"steno/internal/fail"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // registers s3:// URLs
)

// Info describes an object. SHA256 is in hex and only set by the calls that
// read the content.
type Info struct {
	Key         string
	Bytes       int64
	SHA256      string
	ContentType string
	ModTime     time.Time
}

// Store is an object store. It is safe for concurrent use; Close it when no
// call is running.
type Store struct {
	bucket *blob.Bucket
	dir    string // root of a local store; empty for the others
	name   string // for error messages: no credentials in it
}

// Open opens the store that the URL names:
//
//	/path/to/folder or file:///path/to/folder   a local folder, made if missing
//	s3://bucket?region=…&endpoint=https://…&prefix=recordings/
//
// An S3 endpoint of one's own implies path-style addresses and the region
// us-east-1 unless the URL says otherwise. Credentials come from the usual
// AWS_* variables and files. Opening S3 does not connect; see Check.
func Open(ctx context.Context, rawURL string) (*Store, error) {
	if !strings.Contains(rawURL, "://") {
		return openDir(rawURL)
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fail.New(fail.Invalid, CodeBadURL, "the storage URL is malformed")
	}
	switch u.Scheme {
	case "file":
		return openDir(u.Path)
	case "s3":
		return openS3(ctx, u)
	}
	return nil, fail.New(fail.Invalid, CodeBadURL, "unknown kind of storage %q: give a folder, file:// or s3://", u.Scheme)
}

func openDir(dir string) (*Store, error) {
	if dir == "" {
		return nil, fail.New(fail.Invalid, CodeBadURL, "the storage folder is missing")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fail.Wrap(err, fail.Invalid, CodeBadURL, "resolve the storage folder %s", dir)
	}
	b, err := fileblob.OpenBucket(abs, &fileblob.Options{
		CreateDir: true, NoTempDir: true, DirFileMode: 0o750, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, classify(err, "open the storage folder", abs)
	}
	return &Store{bucket: b, dir: abs, name: abs}, nil
}

func openS3(ctx context.Context, u *url.URL) (*Store, error) {
	q := u.Query()
	prefix := q.Get("prefix")
	q.Del("prefix")
	if q.Get("endpoint") != "" {
		if !q.Has("use_path_style") && !q.Has("s3ForcePathStyle") {
			q.Set("use_path_style", "true")
		}
		if !q.Has("region") {
			q.Set("region", "us-east-1")
		}
	}
	name := fmt.Sprintf("s3://%s/%s", u.Host, prefix)
	b, err := blob.OpenBucket(ctx, (&url.URL{Scheme: "s3", Host: u.Host, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fail.Wrap(err, fail.Invalid, CodeBadURL, "open the storage %s", name)
	}
	if prefix != "" {
		b = blob.PrefixedBucket(b, strings.TrimSuffix(prefix, "/")+"/")
	}
	return &Store{bucket: b, name: name}, nil
}

// Close releases the store.
func (s *Store) Close() error { return s.bucket.Close() }

// String names the store for people, without credentials.
func (s *Store) String() string { return s.name }

// Local reports whether the objects are files of this machine.
func (s *Store) Local() bool { return s.dir != "" }

// validKey is what keys look like: folders and a file name of letters (of any
// script: people's names are part of some), digits, and ". _ -". Nothing in it
// has a meaning on disk or climbs out of the root.
var validKey = regexp.MustCompile(`^[\p{L}\p{N}_-][\p{L}\p{N}._-]*(/[\p{L}\p{N}_-][\p{L}\p{N}._-]*)*$`)

// checkKey refuses keys of another form.
func checkKey(key string) error {
	// fileblob keeps the suffix .attrs for itself.
	if len(key) > 512 || !validKey.MatchString(key) || strings.HasSuffix(key, ".attrs") {
		return fail.New(fail.Invalid, CodeBadKey, "%q is no storage key", key)
	}
	return nil
}

// Attributes returns an object's size, type and time, or a NotFound error.
func (s *Store) Attributes(ctx context.Context, key string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	a, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return Info{}, classify(err, "look up "+key+" in", s.name)
	}
	return Info{Key: key, Bytes: a.Size, ContentType: a.ContentType, ModTime: a.ModTime}, nil
}

// Delete removes an object. It is no error if there is none.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	err := s.bucket.Delete(ctx, key)
	if err != nil && !isNotFound(err) {
		return classify(err, "delete "+key+" from", s.name)
	}
	s.removeEmptyDir(key)
	return nil
}

// DeletePrefix removes every object whose key begins with folder + "/". It can
// be repeated after an error; it is no error if there is none.
func (s *Store) DeletePrefix(ctx context.Context, folder string) error {
	if err := checkKey(folder); err != nil {
		return err
	}
	it := s.bucket.List(&blob.ListOptions{Prefix: folder + "/"})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return classify(err, "list "+folder+" in", s.name)
		}
		if err := s.Delete(ctx, o.Key); err != nil {
			return err
		}
	}
}

// SignedURL returns the store's own presigned GET URL. Only S3 has one; most
// installations do not need it, see package artifact.
func (s *Store) SignedURL(ctx context.Context, key string, ttl time.Duration) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	u, err := s.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{Expiry: ttl})
	if err != nil {
		return "", classify(err, "sign a URL of "+key+" in", s.name)
	}
	return u, nil
}

// Check writes, reads and deletes a small object: what the doctor runs.
func (s *Store) Check(ctx context.Context) error {
	key := fmt.Sprintf("_check/%d", time.Now().UnixNano())
	const text = "steno storage check"
	if err := s.PutBytes(ctx, key, []byte(text), "text/plain"); err != nil {
		return err
	}
	o, err := s.Open(ctx, key)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(o)
	o.Close()
	if err != nil || string(got) != text {
		return fail.Wrap(err, fail.Unavailable, CodeUnavailable, "%s does not return what was written", s.name)
	}
	return s.Delete(ctx, key)
}
