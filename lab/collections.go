package lab

import (
	"bytes"
	"compress/zlib"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of a participant on Google Meet's data channel "collections", as far as
// they are known.
const (
	fieldDeviceID    = 1
	fieldFullName    = 2
	fieldStatus      = 4
	fieldDisplayName = 29

	statusIn  = 1
	statusOut = 6
)

// collections is what the data channel says of the people: a deflated message
// with an entry for each, and one for each of their streams, which names the
// contributing source. How the real service lays the latter out is not known;
// the numbers are the lab's own.
func collections(people, gone []rosterEntry, n *names) []byte {
	var msg []byte
	device := func(p rosterEntry, status uint64) {
		var d []byte
		d = text(d, fieldDeviceID, p.ID)
		d = text(d, fieldFullName, p.Name)
		d = number(d, fieldStatus, status)
		d = text(d, fieldDisplayName, p.Name)
		msg = nested(msg, 1, d)
	}
	for _, p := range people {
		device(p, statusIn)
		for kind := range uint32(2) {
			for _, csrc := range n.csrc(p.number<<1 | kind) {
				var s []byte
				s = number(s, 2, uint64(kind)+1)
				s = number(s, 4, uint64(csrc))
				s = text(s, 6, p.ID)
				msg = nested(msg, 2, s)
			}
		}
	}
	for _, p := range gone {
		device(p, statusOut)
	}
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(nested(nil, 1, msg)) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func number(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func nested(b []byte, field protowire.Number, msg []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), msg)
}
