package ogg

import (
	"errors"
	"io"
)

// Span is a stretch of a stream in samples of what is heard, [From, To).
type Span struct{ From, To int64 }

// Piece is a stretch [From, To) of the source that stands at At of a cut.
type Piece struct{ At, From, To int64 }

// Cut copies what lies in the spans (ascending, apart) to a stream of its own,
// packet by packet, and returns where each stretch came from. A packet that
// touches a span is copied whole. What lies behind the last span stays in r, so
// that the next cut can go on there.
func Cut(w io.Writer, r *Reader, spans []Span) ([]Piece, error) {
	out, err := NewWriter(w, r.Channels, r.Skip, 50, 1)
	if err != nil {
		return nil, err
	}
	var pieces []Piece
	at := -int64(r.Skip)
	for len(spans) > 0 {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		end := p.At + int64(p.Len)
		for len(spans) > 0 && spans[0].To <= p.At {
			spans = spans[1:]
		}
		if len(spans) == 0 {
			r.unread(p)
			break
		}
		if end <= spans[0].From {
			continue
		}
		if err := out.Add(p.Data, p.Len); err != nil {
			return nil, err
		}
		if n := len(pieces); n > 0 && pieces[n-1].To == p.At {
			pieces[n-1].To = end
		} else {
			pieces = append(pieces, Piece{At: at, From: p.At, To: end})
		}
		at += int64(p.Len)
	}
	return pieces, out.End(uint64(at + int64(r.Skip)))
}
