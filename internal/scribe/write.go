package scribe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"steno/internal/artifact"
	"steno/internal/transcript"
)

// forms are the files of a transcript.
var forms = []artifact.Kind{artifact.Transcription, artifact.TranscriptVTT, artifact.TranscriptSRT, artifact.TranscriptText, artifact.RawTranscription}

// file is one being written, which is there whole or not at all.
type file struct {
	f *os.File
	*bufio.Writer
	path string
}

func create(path string) (*file, error) {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return nil, err
	}
	return &file{f, bufio.NewWriterSize(f, 64<<10), path}, nil
}

func (f *file) close(err error) error {
	if err == nil {
		err = errors.Join(f.Flush(), f.f.Sync())
	}
	if err = errors.Join(err, f.f.Close()); err != nil {
		return err
	}
	return os.Rename(f.path+".tmp", f.path)
}

// write merges what was heard and writes all forms of the transcript.
func (s *scribe) write(ctx context.Context, parts []*part) (names []string, err error) {
	files := make([]*file, len(forms))
	for i, kind := range forms {
		name := artifact.File(kind, "")
		names = append(names, name)
		if files[i], err = create(filepath.Join(s.Out, name)); err != nil {
			return nil, fmt.Errorf("write transcript: %w", err)
		}
	}
	_, err = transcript.Merge(s.tracks(ctx, parts), s.Meeting, append([]transcript.Sink{transcript.NewProcessed(files[0], s.Head),
		transcript.NewVTT(files[1]), transcript.NewSRT(files[2]), transcript.NewText(files[3])}, s.Sinks...)...)
	if err == nil {
		err = s.raw(ctx, files[4], parts)
	}
	for _, f := range files {
		if cerr := f.close(err); err == nil {
			err = cerr
		}
	}
	return names, err
}

func (s *scribe) raw(ctx context.Context, f *file, parts []*part) error {
	out := transcript.NewRaw(f, s.Head)
	for _, p := range parts {
		r, err := s.heard(ctx, p)
		if err != nil {
			return fmt.Errorf("read what the service heard: %w", err)
		}
		if err := out.Put(p.source, p.Clock, r.Raw); err != nil {
			return err
		}
	}
	return out.Close()
}

// heard is what was heard of a part.
func (s *scribe) heard(ctx context.Context, p *part) (transcript.Result, error) {
	if p.said != nil {
		return *p.said, nil
	}
	return s.Book.Heard(ctx, p.Part)
}

// tracks are the parts of each voice, read when they are needed.
func (s *scribe) tracks(ctx context.Context, parts []*part) []transcript.Track {
	tracks := make([]transcript.Track, len(s.Voices))
	for i, v := range s.Voices {
		tracks[i] = transcript.Track{Source: v.Source, Chunks: func(yield func(transcript.Heard, error) bool) {
			for _, p := range parts {
				if p.source.Channel != v.Source.Channel {
					continue
				}
				r, err := s.heard(ctx, p)
				if !yield(transcript.Heard{Clock: p.Clock, Words: r.Words}, err) || err != nil {
					return
				}
			}
		}}
	}
	return tracks
}
