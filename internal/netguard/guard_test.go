package netguard

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"steno/internal/netguard/netguardtest"
)

// canary listens on loopback and counts whoever gets through.
func canary(t *testing.T, addr string) (port int, hits *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	hits = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			hits.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port, hits
}

// Proves S1: no address of the corpus is accepted at write time or reached at
// dial time, and the error says which rule.
func TestForbiddenHostsAreRefusedWhenWrittenAndWhenDialled(t *testing.T) {
	port, hits := canary(t, "127.0.0.1:0")
	g := New(Options{})
	if len(netguardtest.ForbiddenHosts) < 120 {
		t.Fatalf("the corpus has only %d hosts", len(netguardtest.ForbiddenHosts))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, host := range netguardtest.ForbiddenHosts {
		for _, u := range urlsOf(host, port) {
			err := g.Validate(u)
			if r := RefusalIn(err); r == nil || (r.Rule != RuleAddress && r.Rule != RuleHost && r.Rule != RuleSyntax) {
				t.Errorf("Validate(%q) = %v", u, err)
			}
			req, err := http.NewRequestWithContext(ctx, "POST", u, strings.NewReader("{}"))
			if err != nil {
				continue
			}
			if res, err := g.Client().Do(req); RefusalIn(err) == nil {
				t.Errorf("call of %q was not refused: %v, %v", u, res, err)
			}
		}
	}
	if n := hits.Load(); n != 0 {
		t.Fatalf("%d connections reached the canary", n)
	}
}

// Proves S1 at the last line of defence: even if a URL passes as text, the
// dialer refuses every literal of the corpus that is an address.
func TestTheDialerRefusesEveryAddressOfTheCorpus(t *testing.T) {
	port, hits := canary(t, "127.0.0.1:0")
	g := New(Options{})
	dialled := 0
	for _, host := range netguardtest.ForbiddenHosts {
		bare := strings.NewReplacer("[", "", "]", "", "%25", "%").Replace(host)
		a, err := netip.ParseAddr(bare)
		if err != nil {
			continue
		}
		dialled++
		c, err := g.DialContext(context.Background(), "tcp", net.JoinHostPort(a.String(), strconv.Itoa(port)))
		if err == nil {
			c.Close()
			t.Errorf("connected to %s", bare)
		} else if r := RefusalIn(err); r == nil || r.Rule != RuleAddress {
			// A zone that this machine lacks fails before the check.
			if a.Zone() == "" {
				t.Errorf("dial %s: %v, want a refusal", bare, err)
			}
		}
	}
	if dialled < 80 || hits.Load() != 0 {
		t.Fatalf("%d dialled, %d reached the canary", dialled, hits.Load())
	}
}

// Proves S5 (write time).
func TestURLsThatBreakARuleOfFormAreRefusedWithThatRule(t *testing.T) {
	g := New(Options{})
	for u, want := range forbiddenURLs {
		if r := RefusalIn(g.Validate(u)); r == nil || r.Rule != want {
			t.Errorf("Validate(%q) = %v, want rule %s", u, r, want)
		}
	}
	for _, u := range []string{"http://" + strings.Repeat("a", 8<<10) + "/", "http://example.com/" + strings.Repeat("x", MaxURL)} {
		if r := RefusalIn(g.Validate(u)); r == nil || r.Rule != RuleLength {
			t.Errorf("a URL of %d bytes: %v", len(u), r)
		}
	}
	for _, u := range allowedURLs {
		if err := g.Validate(u); err != nil {
			t.Errorf("Validate(%q) = %v", u, err)
		}
	}
}

func TestRefusalsDoNotRepeatSecretsOfTheURL(t *testing.T) {
	for _, u := range []string{"http://user:canary@example.com/", "http://10.0.0.1/canary?canary=1", "http://example.com:22/canary", "http://%zz/canary", "ftp://x/canary"} {
		err := New(Options{}).Validate(u)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("Validate(%q) = %v", u, err)
		}
	}
}

// local returns a guard that may call 127.0.0.1, and its server.
func local(t *testing.T, h http.HandlerFunc) (*Guard, *httptest.Server) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	allow, err := ParseAllow("127.0.0.1/32")
	if err != nil {
		t.Fatal(err)
	}
	g := New(Options{Allow: allow})
	t.Cleanup(g.Close)
	return g, s
}

// Proves S3: a redirect is an answer, never followed.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int64
	g, s := local(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inside" {
			followed.Add(1)
			return
		}
		code, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Location", "http://"+r.Host+"/inside")
		w.Header().Set("Refresh", "0; url=/inside")
		w.WriteHeader(code)
	})
	for _, code := range []int{200, 300, 301, 302, 303, 307, 308} {
		res, err := g.Client().Post(s.URL+"/"+strconv.Itoa(code), "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBody(res); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != code {
			t.Errorf("got %d for %d", res.StatusCode, code)
		}
	}
	if followed.Load() != 0 {
		t.Fatal("a redirect was followed")
	}
}

// Proves S5 (dial time): proxy settings of the environment do not matter.
func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	port, hits := canary(t, "127.0.0.1:0")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+strconv.Itoa(port))
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:"+strconv.Itoa(port))
	g, s := local(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	if tr := g.transport; tr.Proxy != nil {
		t.Fatal("the transport has a proxy function")
	}
	res, err := g.Client().Get(s.URL)
	if err != nil || res.StatusCode != 204 || hits.Load() != 0 {
		t.Fatalf("%v, %v, %d hits", res, err, hits.Load())
	}
	res.Body.Close()
}

// Proves D9 in part: an endless answer costs 64 kB.
func TestAnEndlessBodyIsReadOnlyUpToTheLimit(t *testing.T) {
	done := make(chan struct{})
	g, s := local(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		chunk := bytes.Repeat([]byte("x"), 32<<10)
		for {
			if _, err := w.Write(chunk); err != nil {
				return // the client hung up
			}
		}
	})
	res, err := g.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := ReadBody(res)
	if err != nil || len(body) != MaxBodyBytes {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	<-done
}

func TestEndlessHeadersAreAnError(t *testing.T) {
	g, s := local(t, func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(rw, "HTTP/1.1 200 OK\r\n")
		for {
			if _, err := io.WriteString(rw, "X-Filler: "+strings.Repeat("y", 4000)+"\r\n"); err != nil {
				return
			}
		}
	})
	res, err := g.Client().Get(s.URL)
	if err == nil {
		res.Body.Close()
		t.Fatal("accepted endless headers")
	}
	var ue *url.Error
	if !errors.As(err, &ue) || RefusalIn(err) != nil {
		t.Fatalf("unexpected error %v", err)
	}
}

func TestAllowListsAreParsed(t *testing.T) {
	got, err := ParseAllow("127.0.0.0/8, 10.1.2.3 ::1,fd00::5/8")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"127.0.0.0/8", "10.1.2.3/32", "::1/128", "fd00::/8"}
	for i, p := range got {
		if p.String() != want[i] {
			t.Errorf("%s, want %s", p, want[i])
		}
	}
	if _, err := ParseAllow("localhost"); err == nil {
		t.Error("a name passed as a network")
	}
	g := New(Options{Allow: got})
	for _, u := range []string{"http://127.0.0.1:9000/", "http://localhost/", "http://10.1.2.3/", "http://[::1]/", "http://[fd12::1]/", "http://[::ffff:127.0.0.1]/"} {
		if err := g.Validate(u); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	for _, u := range []string{"http://10.1.2.4/", "http://169.254.169.254/", "http://127.1/"} {
		if g.Validate(u) == nil {
			t.Errorf("%s passed", u)
		}
	}
}

// trickle has the guard connect to a server on the other end of a pipe that
// begins an answer and goes on a byte a second, for ever.
func trickle(g *Guard, answer string) {
	g.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			if _, err := server.Read(make([]byte, 1)); err != nil { // the request comes first
				return
			}
			go io.Copy(io.Discard, server)
			for _, err := io.WriteString(server, answer); err == nil; _, err = io.WriteString(server, "x") {
				time.Sleep(time.Second)
			}
		}()
		return client, nil
	}
}

// Proves D9: whatever a receiver does, a call is over after 30 seconds to the
// tenth, in virtual time.
func TestACallIsOverAfterThirtySeconds(t *testing.T) {
	for name, answer := range map[string]string{
		"status": "HTTP/1.1 200 ", "header": "HTTP/1.1 200 OK\r\nX-A: ", "body": "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			g := New(Options{})
			trickle(g, answer)
			begin := time.Now()
			res, err := g.Client().Post("http://receiver.example/", "application/json", strings.NewReader("{}"))
			if err == nil {
				_, err = ReadBody(res)
			}
			if took := time.Since(begin); err == nil || took < TotalTimeout-100*time.Millisecond || took > TotalTimeout+100*time.Millisecond {
				t.Errorf("an endless %s: %v after %s", name, err, took)
			}
			g.Close()
			time.Sleep(2 * time.Second) // the server's end notices
		})
	}
}

// Proves D9: what is compressed stays so; a bomb is its own size.
func TestABombIsNotUnpacked(t *testing.T) {
	g, s := local(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("asked for %s", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		chunk := make([]byte, 1<<20)
		for range 32 {
			z.Write(chunk)
		}
	})
	res, err := g.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := ReadBody(res)
	if err != nil || len(body) > MaxBodyBytes || !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
}
