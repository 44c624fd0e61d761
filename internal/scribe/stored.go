package scribe

import (
	"context"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"steno/internal/bot"
)

// storedFiles are the files of a bot in the object store, as a folder.
type storedFiles struct {
	ctx     context.Context // of the run
	objects Objects
	prefix  string
	list    []bot.StoredArtifact
}

// Glob implements fs.GlobFS.
func (s storedFiles) Glob(pattern string) (names []string, err error) {
	for _, a := range s.list {
		name := strings.TrimPrefix(a.Key, s.prefix)
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// Open implements fs.FS.
func (s storedFiles) Open(name string) (fs.File, error) {
	i := slices.IndexFunc(s.list, func(a bot.StoredArtifact) bool { return a.Key == s.prefix+name })
	if i < 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	o, err := s.objects.Open(s.ctx, s.list[i].Key)
	if err != nil {
		return nil, err
	}
	return storedFile{o, name, s.list[i].Bytes}, nil
}

type storedFile struct {
	io.ReadCloser
	name string
	size int64
}

func (f storedFile) Stat() (fs.FileInfo, error) { return f, nil }

// What fs.FileInfo wants.
func (f storedFile) Name() string       { return path.Base(f.name) }
func (f storedFile) Size() int64        { return f.size }
func (f storedFile) Mode() fs.FileMode  { return 0o400 }
func (f storedFile) ModTime() time.Time { return time.Time{} }
func (f storedFile) IsDir() bool        { return false }
func (f storedFile) Sys() any           { return nil }
