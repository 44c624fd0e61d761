package scribe

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"steno/internal/ident"
	"steno/internal/record/ogg"
	"steno/internal/transcript"
)

// part is a chunk on its way. What is exported stands in its .json file; its
// audio is beside that as .opus, and what the service heard as .heard.
type part struct {
	Tag    string           `json:"tag"`
	Clock  transcript.Clock `json:"clock"`
	Size   int64            `json:"size"` // of the audio
	Upload string           `json:"upload,omitempty"`
	ID     string           `json:"id,omitempty"` // of the job at the service
	Done   bool             `json:"done,omitempty"`

	source transcript.Source
	base   string // path without the ending
}

// load reads what an earlier run knew of the part.
func (p *part) load() (found bool, err error) {
	b, err := os.ReadFile(p.base + ".json")
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, p)
	}
	return err == nil, err
}

// save writes what is known of the part.
func (p *part) save() error { return put(p.base+".json", p) }

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

// cut copies the part's audio out of its source.
func (p *part) cut(r *ogg.Reader, spans []transcript.Span) error {
	list := make([]ogg.Span, len(spans))
	for i, s := range spans {
		list[i] = ogg.Span{From: samples(s.From), To: samples(s.To)}
	}
	f, err := os.Create(p.base + ".opus")
	if err != nil {
		return err
	}
	pieces, err := ogg.Cut(f, r, list)
	if err == nil {
		var st os.FileInfo
		if st, err = f.Stat(); err == nil {
			p.Size = st.Size()
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	p.Clock = make(transcript.Clock, len(pieces))
	for i, q := range pieces {
		p.Clock[i] = transcript.Piece{At: length(q.At), From: length(q.From), To: length(q.To)}
	}
	p.Tag = ident.New()
	return p.save()
}

// forget makes the part ready for a new job.
func (p *part) forget() error {
	p.Tag, p.Upload, p.ID = ident.New(), "", ""
	return p.save()
}

// finish keeps what the service heard.
func (p *part) finish(r *transcript.Result) error {
	if err := put(p.base+".heard", r); err != nil {
		return err
	}
	p.Done = true
	return p.save()
}

// heard reads what the service heard.
func (p *part) heard() (r transcript.Result, err error) {
	b, err := os.ReadFile(p.base + ".heard")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	return r, err
}

func samples(d time.Duration) int64 { return int64(d/time.Microsecond) * ogg.Rate / 1_000_000 }

func length(n int64) time.Duration { return time.Duration(n*1_000_000/ogg.Rate) * time.Microsecond }
