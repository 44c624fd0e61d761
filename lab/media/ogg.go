package media

import (
	"bytes"
	"encoding/binary"
	"errors"
)

var errOgg = errors.New("not a whole Ogg Opus file")

// OggPackets returns the Opus packets of an Ogg file (RFC 3533, RFC 7845),
// without the two header packets. The packets share the memory of data where
// they do not cross pages.
func OggPackets(data []byte) ([][]byte, error) {
	const header = 27
	var packets [][]byte
	var open []byte // a packet that goes on in the next segment or page
	for len(data) > 0 {
		if len(data) < header || !bytes.HasPrefix(data, []byte("OggS")) {
			return nil, errOgg
		}
		n := int(data[26])
		if len(data) < header+n {
			return nil, errOgg
		}
		lacing, body := data[header:header+n], data[header+n:]
		for _, l := range lacing {
			if len(body) < int(l) {
				return nil, errOgg
			}
			open = append(open, body[:l]...)
			body = body[l:]
			if l < 255 { // the last segment of a packet is shorter than 255
				packets = append(packets, open)
				open = nil
			}
		}
		data = body
	}
	if len(packets) < 2 || !bytes.HasPrefix(packets[0], []byte("OpusHead")) || len(packets[0]) < 12 {
		return nil, errOgg
	}
	return packets[2:], nil
}

// preSkip reads the decoder delay, in samples at 48 kHz, from an OpusHead
// packet.
func preSkip(head []byte) int { return int(binary.LittleEndian.Uint16(head[10:])) }

// PreSkip returns the decoder delay that an Ogg Opus file declares, in samples
// at 48 kHz.
func PreSkip(data []byte) (int, error) {
	i := bytes.Index(data, []byte("OpusHead"))
	if i < 0 || len(data) < i+12 {
		return 0, errOgg
	}
	return preSkip(data[i:]), nil
}
