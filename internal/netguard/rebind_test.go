package netguard

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// liar is a DNS server whose answers change from one question to the next. It
// returns the records for the n-th question of a type.
type liar func(n int64, typ dnsmessage.Type) []netip.Addr

// resolver serves the liar on loopback and returns a resolver that asks it.
func (l liar) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go l.serve(pc)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func (l liar) serve(pc net.PacketConn) {
	buf := make([]byte, 1500)
	var n atomic.Int64
	for {
		size, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		var q dnsmessage.Message
		if q.Unpack(buf[:size]) != nil || len(q.Questions) != 1 {
			continue
		}
		if out, err := l.answer(q, n.Add(1)).Pack(); err == nil {
			pc.WriteTo(out, from)
		}
	}
}

// answer sends a chain of two CNAMEs and then the addresses, all with TTL 0.
func (l liar) answer(q dnsmessage.Message, n int64) *dnsmessage.Message {
	question := q.Questions[0]
	m := &dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, Authoritative: true}, Questions: q.Questions}
	name := question.Name
	for _, next := range []string{"one.chain.test.", "two.chain.test."} {
		target := dnsmessage.MustNewName(next)
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, Type: dnsmessage.TypeCNAME}, Body: &dnsmessage.CNAMEResource{CNAME: target},
		})
		name = target
	}
	for _, a := range l(n, question.Type) {
		h := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, Type: question.Type}
		switch {
		case a.Is4() && question.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && question.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return m
}

// Proves S2: whatever DNS says, and however often it changes its mind, the
// address that is dialled is the address that was checked. The "public"
// address is 127.0.0.1, which this guard allows; the canary on 127.0.0.2 at
// the same port must stay untouched. The long form (make storm) tries 10,000
// times.
func TestStormS2RebindingNeverReachesTheForbiddenAddress(t *testing.T) {
	good, bad := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_, hits := canary(t, net.JoinHostPort(bad.String(), port))

	answers := liar(func(n int64, typ dnsmessage.Type) []netip.Addr {
		if typ == dnsmessage.TypeAAAA {
			return [][]netip.Addr{nil, {netip.MustParseAddr("::1")}, {netip.MustParseAddr("fd00:ec2::254")}}[n%3]
		}
		return [][]netip.Addr{{good}, {bad}, {bad, good}, {good, bad}, {netip.MustParseAddr("169.254.169.254")}, nil, {bad, bad}}[n%7]
	})
	g := New(Options{Allow: []netip.Prefix{netip.PrefixFrom(good, 32)}, Resolver: answers.resolver(t)})
	defer g.Close()
	g.transport.DisableKeepAlives = true
	tries, reached, refused := 1500, 0, 0
	if os.Getenv("STENO_STORM") != "" {
		tries = 10_000
	}
	for range tries {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://rebind.test:"+port+"/", strings.NewReader("{}"))
		res, err := g.Client().Do(req)
		switch {
		case err == nil:
			res.Body.Close()
			reached++
		case RefusalIn(err) != nil:
			refused++
		}
		cancel()
	}
	if hits.Load() != 0 {
		t.Fatalf("%d calls reached the forbidden address", hits.Load())
	}
	t.Logf("%d tries, %d reached the allowed address, %d refused, 0 reached the forbidden one", tries, reached, refused)
	if reached == 0 || refused == 0 {
		t.Fatalf("the test tested nothing: %d reached, %d refused", reached, refused)
	}
}
