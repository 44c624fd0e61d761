package outage

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
)

// newProxy puts a wire that fails between a server and PostgreSQL, and returns
// the URL of the database behind it.
func newProxy(t testing.TB, databaseURL string, d *dice) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	target := u.Host
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go func() { _ = (&wire{client: c, dice: d}).run(target) }() // whatever it was, the connection is gone
		}
	}()
	u.Host = l.Addr().String()
	return u.String()
}

// wire is one connection.
type wire struct {
	client net.Conn
	dice   *dice
	commit bool // what is on its way contains a commit
}

func (w *wire) run(target string) error {
	defer w.client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return err
	}
	defer server.Close()
	in := bufio.NewReader(w.client)
	hello, err := untyped(in)
	if err != nil {
		return err
	}
	if _, err := server.Write(hello); err != nil {
		return err
	}
	// A request to cancel has the code 1234,5678 and no answer.
	if binary.BigEndian.Uint32(hello[4:]) == 80877102 {
		return nil
	}
	answers := make(chan error, 1)
	hush := make(chan struct{})
	go func() { answers <- pass(server, w.client, hush) }()
	var batch []byte
	for {
		m, err := typed(in)
		if err != nil {
			return err
		}
		batch = append(batch, m...)
		text := strings.ToLower(string(m[5:min(len(m), 20)]))
		w.commit = w.commit || m[0] == 'Q' && strings.HasPrefix(text, "commit")
		f := none
		if m[0] == 'Q' || m[0] == 'S' { // a statement is complete
			f = w.dice.throw(w.commit)
			w.commit = false
		}
		switch f {
		case timeout:
			return nil
		case exhausted:
			_, err := w.client.Write(refusal())
			return err
		case executedTimeout:
			close(hush) // no more answers, and the server does as it was told
			if _, err := server.Write(batch); err != nil {
				return err
			}
			return <-answers
		}
		if _, err := server.Write(batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
}

// pass hands on what the server says. After hush it listens until the statement
// has ended, and returns.
func pass(server io.Reader, client io.Writer, hush <-chan struct{}) error {
	in := bufio.NewReader(server)
	for {
		m, err := typed(in)
		if err != nil {
			return err
		}
		select {
		case <-hush:
			if m[0] == 'Z' { // ready for the next statement
				return nil
			}
			continue
		default:
		}
		if _, err := client.Write(m); err != nil {
			return err
		}
	}
}

const headBytes = 4 // the length, which counts itself

func untyped(r io.Reader) ([]byte, error) {
	head := make([]byte, headBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	return rest(r, head, int(binary.BigEndian.Uint32(head)))
}

func typed(r io.Reader) ([]byte, error) {
	head := make([]byte, 1+headBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	return rest(r, head, int(binary.BigEndian.Uint32(head[1:])))
}

func rest(r io.Reader, head []byte, length int) ([]byte, error) {
	if length < headBytes || length > 64<<20 {
		return nil, fmt.Errorf("a message of %d bytes", length)
	}
	m := append(head, make([]byte, length-headBytes)...)
	_, err := io.ReadFull(r, m[len(head):])
	return m, err
}

// refusal says that there are too many connections.
func refusal() []byte {
	fields := "SFATAL\x00VFATAL\x00C53300\x00Msorry, too many clients already\x00\x00"
	m := []byte{'E', 0, 0, 0, 0}
	binary.BigEndian.PutUint32(m[1:], uint32(headBytes+len(fields))) //nolint:gosec // a short text
	return append(m, fields...)
}
