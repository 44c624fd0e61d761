package guest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"steno/internal/platform"
)

const (
	inflatedMost = 4 << 20 // bytes of a message
	nestedMost   = 12      // how deep messages lie in each other
	sourcesMost  = 4096
	textMost     = 200
	sourceLeast  = 1 << 8 // smaller numbers are kinds, states and flags
)

// sources gathers which numbers a platform's data channels name together with
// which texts. The messages are taken to be protocol buffers, deflated or not,
// and nothing is believed of their fields: a message that names one participant
// and a number says that the number may be a contributing source of that
// participant. Whether it is one, the media tell.
type sources map[uint32]map[string]bool

// take takes in a message of a channel. What cannot be read is passed over.
func (s sources) take(msg []byte) {
	fresh := sources{}
	fresh.walk(inflate(msg), 0)
	for number, texts := range fresh {
		if len(s) < sourcesMost || s[number] != nil {
			s[number] = texts // later messages count
		}
	}
}

// of lists the numbers that are named with exactly one of the people.
func (s sources) of(people []platform.Person) (list []platform.Source) {
	for _, number := range slices.Sorted(maps.Keys(s)) {
		named := ""
		for _, p := range people {
			switch {
			case !s[number][p.ID]:
			case named != "" && named != p.ID:
				named = "-"
			default:
				named = p.ID
			}
		}
		if named != "" && named != "-" {
			list = append(list, platform.Source{CSRC: number, Person: named})
		}
	}
	return list
}

// walk reads a message and those within it. What is no message is passed over.
func (s sources) walk(b []byte, depth int) {
	var numbers []uint32
	var texts []string
	var within [][]byte
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return
		}
		size := protowire.ConsumeFieldValue(field, kind, b[n:])
		if size < 0 {
			return
		}
		value := b[n : n+size]
		b = b[n+size:]
		switch kind {
		case protowire.VarintType:
			if v, _ := protowire.ConsumeVarint(value); v >= sourceLeast && v <= math.MaxUint32 {
				numbers = append(numbers, uint32(v))
			}
		case protowire.Fixed32Type:
			if v, _ := protowire.ConsumeFixed32(value); v >= sourceLeast {
				numbers = append(numbers, v)
			}
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(value)
			within = append(within, v)
			if number, err := strconv.ParseUint(string(v), 10, 32); err == nil && number >= sourceLeast {
				numbers = append(numbers, uint32(number))
			} else if len(v) > 0 && len(v) <= textMost && utf8.Valid(v) {
				texts = append(texts, string(v))
			}
		}
	}
	for _, number := range numbers {
		if s[number] == nil && len(s) < sourcesMost {
			s[number] = map[string]bool{}
		}
		for _, text := range texts {
			if s[number] != nil && len(s[number]) < nestedMost {
				s[number][text] = true
			}
		}
	}
	if depth < nestedMost {
		for _, v := range within {
			s.walk(v, depth+1)
		}
	}
}

func inflate(msg []byte) []byte {
	var r io.Reader
	if z, err := zlib.NewReader(bytes.NewReader(msg)); err == nil {
		r = z
	} else if g, err := gzip.NewReader(bytes.NewReader(msg)); err == nil {
		r = g
	} else {
		return msg
	}
	plain, err := io.ReadAll(io.LimitReader(r, inflatedMost))
	if err != nil {
		return nil
	}
	return plain
}
