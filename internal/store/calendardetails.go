package store

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"

	"steno/internal/calendar"
)

// packDetails compresses the details of an event and, behind a line break, the
// service's own object. Both say the same, mostly: together they take half the
// time and less space. Rows of earlier versions have the object in a column of
// its own.
func packDetails(d calendar.Details) ([]byte, error) {
	plain, err := json.Marshal(d) // on one line
	if err != nil {
		return nil, err
	}
	if d.Raw != nil {
		plain = append(append(plain, '\n'), d.Raw...)
	}
	return deflate(plain)
}

// addresses are the columns by which events are found.
func addresses(d calendar.Details) (organizer, attendees string) {
	var b strings.Builder
	for _, p := range d.Attendees {
		if a := address(p.Email); a != "" {
			b.WriteString("\n" + a)
		}
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return address(d.Organizer.Email), b.String()
}

// address is an e-mail address as it is compared.
func address(email string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSpace(strings.ToValidUTF8(email, "")), "\x00", ""))
}

func unpackDetails(packed, raw []byte) (d calendar.Details, err error) {
	plain, err := inflate(packed)
	if err != nil {
		return d, err
	}
	plain, own, found := bytes.Cut(plain, []byte{'\n'})
	if err := json.Unmarshal(plain, &d); err != nil {
		return d, err
	}
	if found {
		d.Raw = own
	} else if raw != nil {
		d.Raw, err = inflate(raw)
	}
	return d, err
}

// unpackShown reads the details without the service's own object, which is most
// of what is packed.
func unpackShown(packed []byte) (d calendar.Details, err error) {
	if packed == nil {
		return d, nil
	}
	x := inflaters.Get().(*inflater)
	defer inflaters.Put(x)
	if err := x.deflated.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return d, err
	}
	x.lines.Reset(x.deflated)
	line, err := x.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		var rest []byte
		line = bytes.Clone(line)
		rest, err = x.lines.ReadBytes('\n')
		line = append(line, rest...)
	}
	if err != nil && !errors.Is(err, io.EOF) { // there may be no second line
		return d, err
	}
	return d, json.Unmarshal(line, &d)
}

// inflater inflates as far as it is read.
type inflater struct {
	deflated io.ReadCloser
	lines    *bufio.Reader
}

var inflaters = sync.Pool{New: func() any { return &inflater{flate.NewReader(nil), bufio.NewReaderSize(nil, 4096)} }}
