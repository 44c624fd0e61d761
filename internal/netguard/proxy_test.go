package netguard

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"steno/internal/netguard/netguardtest"
)

func startProxy(t *testing.T, o ProxyOptions) *Proxy {
	t.Helper()
	p, err := StartProxy(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// through returns a client whose requests go through the proxy.
func through(t *testing.T, p *Proxy) *http.Client {
	tr := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: p.Addr()})}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// connect asks the proxy for a tunnel and returns its answer's status line.
func connect(t *testing.T, p *Proxy, target string) (net.Conn, *bufio.Reader, string) {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
	r := bufio.NewReader(c)
	status, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("CONNECT %s: %v", target, err)
	}
	return c, r, strings.TrimSpace(status)
}

// Proves S4 for the browser's way out: no address of the corpus is reached, by
// a tunnel or in the clear.
func TestTheProxyReachesNoForbiddenAddress(t *testing.T) {
	port, hits := canary(t, ":0")
	p := startProxy(t, ProxyOptions{})
	client := through(t, p)
	for _, host := range netguardtest.ForbiddenHosts {
		host = strings.ReplaceAll(host, "%25", "%")
		if _, _, status := connect(t, p, fmt.Sprintf("%s:%d", host, port)); strings.Contains(status, " 200 ") {
			t.Errorf("a tunnel to %s: %s", host, status)
		}
		req, err := http.NewRequest("GET", fmt.Sprintf("http://%s:%d/", strings.ReplaceAll(host, "%", "%25"), port), nil)
		if err != nil {
			continue // no client can write it
		}
		if res, err := client.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode < 400 {
				t.Errorf("%s answers %d", host, res.StatusCode)
			}
		}
	}
	if hits.Load() != 0 {
		t.Fatalf("%d connections reached the canary", hits.Load())
	}
}

func TestTheProxyReachesWhatTheOperatorNamedOrAllowed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/away") {
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		}
		fmt.Fprintf(w, "%s %s %q", r.Method, r.Host, r.Header.Values("X-Forwarded-For"))
	}))
	defer server.Close()
	at := server.Listener.Addr().String()
	other, hits := canary(t, "127.0.0.1:0")
	for name, o := range map[string]ProxyOptions{
		"named":   {Hosts: []string{at}},
		"allowed": {Options: Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}},
	} {
		p := startProxy(t, o)
		res, err := through(t, p).Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if got, want := string(body), "GET "+at+" []"; got != want {
			t.Errorf("%s: the server saw %q, want %q", name, got, want)
		}
		if res, err = through(t, p).Get(server.URL + "/away"); err != nil || res.StatusCode != http.StatusFound {
			t.Errorf("%s: a redirect is the browser's business: %v %v", name, res, err)
		}
		c, r, status := connect(t, p, at)
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: tunnelled\r\nConnection: close\r\n\r\n")
		rest, err := io.ReadAll(r)
		if !strings.Contains(status, " 200 ") || !strings.Contains(string(rest), "GET tunnelled") || err != nil {
			t.Errorf("%s: a tunnel says %q, then %q, %v", name, status, rest, err)
		}
	}
	// Naming a server opens its port only, and no way to the metadata service.
	p := startProxy(t, ProxyOptions{Hosts: []string{at, "169.254.169.254"}})
	for _, target := range []string{fmt.Sprintf("127.0.0.1:%d", other), p.Addr(), "169.254.169.254:80"} {
		if _, _, status := connect(t, p, target); !strings.Contains(status, " 403 ") {
			t.Errorf("a tunnel to %s: %s", target, status)
		}
	}
	if hits.Load() != 0 {
		t.Error("another port of a named server was reached")
	}
}

func TestATunnelEndsWithEitherSideAndWithTheProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far := make(chan net.Conn, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			far <- c
		}
	}()
	p := startProxy(t, ProxyOptions{Hosts: []string{l.Addr().String()}})
	for name, end := range map[string]func(near, far net.Conn){
		"browser": func(near, _ net.Conn) { near.Close() },
		"server":  func(_, far net.Conn) { far.Close() },
		"half":    func(near, far net.Conn) { near.(*net.TCPConn).CloseWrite(); io.ReadAll(far); far.Close() },
	} {
		near, r, _ := connect(t, p, l.Addr().String())
		server := <-far
		end(near, server)
		_, _ = io.ReadAll(r)
		if _, err := io.ReadAll(server); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Errorf("%s ended it: the server sees %v", name, err)
		}
	}
	_, r, _ := connect(t, p, l.Addr().String())
	server := <-far
	p.Close()
	_, _ = io.ReadAll(r)
	if _, err := io.ReadAll(server); err != nil {
		t.Errorf("the proxy ended: the server sees %v", err)
	}
}
