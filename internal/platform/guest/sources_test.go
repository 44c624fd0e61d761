package guest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"steno/internal/platform"
)

// msg makes a message: numbers, texts and messages in fields 1, 2, 3 …
func msg(values ...any) (b []byte) {
	for i, v := range values {
		field := protowire.Number(i + 1)
		switch v := v.(type) {
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
		case uint32:
			b = protowire.AppendFixed32(protowire.AppendTag(b, field, protowire.Fixed32Type), v)
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
		case []byte:
			b = protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
		}
	}
	return b
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func TestSourcesOfADataChannel(t *testing.T) {
	ada, ben := "spaces/x/devices/1", "spaces/x/devices/2"
	people := []platform.Person{{ID: ada, Name: "Ada"}, {ID: ben, Name: "Ben"}}
	for name, c := range map[string]struct {
		msgs [][]byte
		want []platform.Source
	}{
		"a number":            {[][]byte{msg(msg(ada, 70001))}, []platform.Source{{CSRC: 70001, Person: ada}}},
		"a fixed number":      {[][]byte{msg(msg(uint32(70001), ada))}, []platform.Source{{CSRC: 70001, Person: ada}}},
		"a number as text":    {[][]byte{deflated(msg(msg(msg(2, "70001", "Ada", ada))))}, []platform.Source{{CSRC: 70001, Person: ada}}},
		"gzip":                {[][]byte{gzipped(msg(msg(ada, 70001), msg(ben, 70002)))}, []platform.Source{{CSRC: 70001, Person: ada}, {CSRC: 70002, Person: ben}}},
		"small numbers":       {[][]byte{msg(msg(ada, 1), msg(ben, 6))}, nil},
		"two people's number": {[][]byte{msg(msg(ada, 70001), msg(ben, 70001))}, nil},
		"not beside it":       {[][]byte{msg(msg(ada), msg(70001))}, nil},
		"somebody unknown":    {[][]byte{msg(msg("spaces/x/devices/9", 70001))}, nil},
		"given to another":    {[][]byte{msg(msg(ada, 70001)), msg(msg(ben, 70001))}, []platform.Source{{CSRC: 70001, Person: ben}}},
		"rubbish":             {[][]byte{{0xff, 0xff, 0xff}, []byte("{\"people\": 1}"), {0x78, 0x9c, 1, 2}, nil}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := sources{}
			for _, m := range c.msgs {
				s.take(m)
			}
			if got := s.of(people); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestHostileDataChannel(t *testing.T) {
	s := sources{}
	deep := msg(70001)
	for range 200 {
		deep = msg(deep)
	}
	s.take(deep)
	s.take(deflated(make([]byte, 64<<20)))
	var many []byte
	for i := range 3 * sourcesMost {
		many = append(many, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), msg("a", 1000+i))...)
	}
	s.take(many)
	if len(s) > sourcesMost {
		t.Errorf("%d numbers are kept", len(s))
	}
}
