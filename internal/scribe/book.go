package scribe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"steno/internal/transcript"
)

// Book keeps what is known of a transcription under way. What it has taken it
// still has after a crash.
type Book interface {
	// Parts returns all that Put was given, as they are now.
	Parts(ctx context.Context) ([]transcript.Part, error)
	// Put keeps a part; a newer one takes the place of that of the same channel and
	// number.
	Put(ctx context.Context, p transcript.Part) error
	// PutHeard keeps what the service heard of a part.
	PutHeard(ctx context.Context, p transcript.Part, r *transcript.Result) error
	// Heard returns what PutHeard was given.
	Heard(ctx context.Context, p transcript.Part) (transcript.Result, error)
}

// FolderBook is a Book in files of a folder. It does not keep when a part was
// begun: who runs again has patience again.
type FolderBook struct{ Dir string }

func (b FolderBook) file(p transcript.Part, ending string) string {
	return filepath.Join(b.Dir, p.String()+ending)
}

// Parts implements Book.
func (b FolderBook) Parts(context.Context) ([]transcript.Part, error) {
	names, err := filepath.Glob(filepath.Join(b.Dir, "*-*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	list := make([]transcript.Part, len(names))
	for i, name := range names {
		if err := read(name, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Put implements Book.
func (b FolderBook) Put(_ context.Context, p transcript.Part) error {
	return put(b.file(p, ".json"), p)
}

// PutHeard implements Book.
func (b FolderBook) PutHeard(_ context.Context, p transcript.Part, r *transcript.Result) error {
	return put(b.file(p, ".heard"), r)
}

// Heard implements Book.
func (b FolderBook) Heard(_ context.Context, p transcript.Part) (r transcript.Result, err error) {
	err = read(b.file(p, ".heard"), &r)
	return r, err
}

func read(path string, v any) error {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	return err
}

// put writes a file that is there whole or not at all.
func put(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
