package httpx

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
)

// Refuse gives the HTTP server other words for requests that it refuses before
// any handler sees them: malformed ones, headers that are too large, versions it
// does not speak. It answers those in plain text and offers no hook, so the
// answer is exchanged on its way out. body returns the new one, as JSON.
func Refuse(l net.Listener, body func(status int, reason string) []byte) net.Listener {
	return refuser{l, body}
}

type refuser struct {
	net.Listener
	body func(status int, reason string) []byte
}

// Accept returns the next connection.
func (r refuser) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if t, ok := c.(*net.TCPConn); ok && err == nil {
		return refusing{t, r.body}, nil
	}
	return c, err
}

// refusing keeps all that a TCPConn can do, sending files without copying
// included.
type refusing struct {
	*net.TCPConn
	body func(status int, reason string) []byte
}

// What the server writes, in one piece, between status line and text: see
// net/http, conn.serve. Answers of handlers have more headers than that.
var (
	statusLine = []byte("HTTP/1.1 ")
	plainHead  = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
)

// Write exchanges the server's own refusals.
func (c refusing) Write(b []byte) (int, error) {
	status, reason, ok := refusal(b)
	if !ok {
		return c.TCPConn.Write(b)
	}
	text := c.body(status, reason)
	_, err := fmt.Fprintf(c.TCPConn, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, reason, len(text), text)
	return len(b), err
}

// What the server writes, in one piece and without a body, when it is told to
// expect something that it does not know. No handler says so.
var (
	expectation = []byte("HTTP/1.1 417 Expectation Failed\r\n")
	noBody      = []byte("\r\nContent-Length: 0\r\n\r\n")
)

func refusal(b []byte) (status int, reason string, ok bool) {
	if bytes.HasPrefix(b, expectation) && bytes.HasSuffix(b, noBody) {
		return 417, "Expectation Failed", true
	}
	rest, ok := bytes.CutPrefix(b, statusLine)
	if !ok {
		return 0, "", false
	}
	line, _, ok := bytes.Cut(rest, []byte("\r\n"))
	if !ok || len(line) < 5 || !bytes.HasPrefix(rest[len(line):], plainHead) {
		return 0, "", false
	}
	status, err := strconv.Atoi(string(line[:3]))
	return status, string(line[4:]), err == nil
}
