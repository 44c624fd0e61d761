package scribe

import (
	"errors"
	"os"
	"time"

	"steno/internal/record/ogg"
	"steno/internal/transcript"
)

// part is a Part with what only this run knows of it.
type part struct {
	transcript.Part
	source transcript.Source
	audio  string             // file
	said   *transcript.Result // nil: the Book has it
	calls  bool               // the service is to call; false: it need not, or has
}

// cutBefore reports whether the part's audio is there.
func (p *part) cutBefore() bool {
	_, err := os.Stat(p.audio)
	return err == nil
}

// cut copies the part's audio out of its source.
func (p *part) cut(r *ogg.Reader, spans []transcript.Span) error {
	list := make([]ogg.Span, len(spans))
	for i, s := range spans {
		list[i] = ogg.Span{From: samples(s.From), To: samples(s.To)}
	}
	temp := p.audio + ".tmp"
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	pieces, err := ogg.Cut(f, r, list)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	p.Clock = make(transcript.Clock, len(pieces))
	for i, q := range pieces {
		p.Clock[i] = transcript.Piece{At: length(q.At), From: length(q.From), To: length(q.To)}
	}
	return os.Rename(temp, p.audio)
}

// size is that of the part's audio; 0 if there is none.
func (p *part) size() int64 {
	info, err := os.Stat(p.audio)
	if err != nil {
		return 0
	}
	return info.Size()
}

func samples(d time.Duration) int64 { return int64(d/time.Microsecond) * ogg.Rate / 1_000_000 }

func length(n int64) time.Duration { return time.Duration(n*1_000_000/ogg.Rate) * time.Microsecond }
