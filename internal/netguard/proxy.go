package netguard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strings"
	"time"

	"code.dny.dev/ssrf"
)

// ProxyOptions say what a Proxy lets through beside public addresses.
type ProxyOptions struct {
	Options
	// Hosts are servers that the operator named, as host or host:port; the
	// former means ports 80 and 443. They may live in a private network, like
	// those of a Service.
	Hosts []string
	Log   *slog.Logger
}

// Proxy is the only way out of a browser: a forward proxy on the loopback
// interface that connects by the rules of a Guard, so that a page reaches no
// private address, however it asks: by name, number, redirect or script. It
// sees the names of the servers and of what is encrypted no more. Whoever runs
// on this machine may use it; it leads nowhere they could not go themselves.
//
// StartProxy starts it; Close ends it with all its connections.
type Proxy struct {
	named    map[string]bool
	public   *Guard
	private  *Guard // for what is named
	log      *slog.Logger
	listener net.Listener
	server   http.Server
	ctx      context.Context
	cancel   context.CancelFunc
}

// StartProxy opens a Proxy on a free port.
func StartProxy(o ProxyOptions) (*Proxy, error) {
	p := &Proxy{named: map[string]bool{}, public: New(o.Options), log: o.Log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	inside := o.Options
	inside.Allow = slices.Concat(serviceNetworks, o.Allow)
	p.private = New(inside)
	for _, h := range o.Hosts {
		h = strings.ToLower(h)
		if _, _, err := net.SplitHostPort(h); err == nil {
			p.named[h] = true
			continue
		}
		for _, port := range []string{"80", "443"} {
			p.named[net.JoinHostPort(strings.Trim(h, "[]"), port)] = true
		}
	}
	var err error
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("open the browser's proxy: %w", err)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	forward := p.forward()
	p.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			p.tunnel(w, r)
		case r.URL.Scheme == "http" && r.URL.Host != "":
			forward.ServeHTTP(w, r)
		default:
			http.Error(w, "this is a proxy", http.StatusBadRequest)
		}
	})
	p.server.ReadHeaderTimeout = HeaderTimeout
	go func() { _ = p.server.Serve(p.listener) }() // ends with Close
	return p, nil
}

// Addr is where the proxy listens, as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends the proxy and its connections. It may be called more than once.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.server.Close()
	p.public.Close()
	p.private.Close()
	return err
}

// dial connects by the rules for the target, as written by the browser.
func (p *Proxy) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	g := p.public
	if p.named[strings.ToLower(addr)] {
		g = p.private
	}
	c, err := g.DialContext(ctx, network, addr)
	if RefusalIn(err) != nil {
		p.log.Warn("the page asked for an address that is not allowed; if it belongs to the meeting, allow its network with --allow-private-targets",
			"target", addr, "error", err)
	}
	return c, err
}

// tunnel serves CONNECT: everything over TLS, and every WebSocket.
func (p *Proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := p.dial(r.Context(), "tcp", r.Host)
	if err != nil {
		failed(w, err)
		return
	}
	defer far.Close()
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		failed(w, err)
		return
	}
	defer near.Close()
	stop := context.AfterFunc(p.ctx, func() { far.Close(); near.Close() })
	defer stop()
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		pass(near, far)
	}()
	if _, err := io.CopyN(far, buffered, int64(buffered.Reader.Buffered())); err != nil { // came with the request
		return
	}
	pass(far, near)
	<-back
}

// pass copies one direction and tells its end to the other side.
func pass(to net.Conn, from io.Reader) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite() // the other direction may go on
		return
	}
	_ = to.Close()
}

// forward serves plain HTTP.
func (p *Proxy) forward() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.Host = r.In.Host },
		Transport: &http.Transport{
			DialContext: p.dial, DisableCompression: true, MaxIdleConnsPerHost: 6, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: 1 << 20,
		},
		FlushInterval: -1, // events of the page's server are passed on at once
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, err error) { failed(w, err) },
		ErrorLog:      slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

// failed tells the browser that there is no connection. The reason is for
// people: the page cannot read what another origin answers.
func failed(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	var timeout net.Error
	switch {
	case RefusalIn(err) != nil:
		status = http.StatusForbidden
	case errors.As(err, &timeout) && timeout.Timeout():
		status = http.StatusGatewayTimeout
	}
	http.Error(w, err.Error(), status)
}

// Special lists the networks that a Guard refuses unless they are allowed, for
// who must decide where no Guard is: of IPv4 all but these are public, of IPv6
// only those of the returned prefix.
func Special() (refused []netip.Prefix, public6 netip.Prefix) {
	return slices.Concat(ssrf.IPv4DeniedPrefixes, ssrf.IPv6DeniedPrefixes), ssrf.IPv6GlobalUnicast
}

// Named lists the networks in which servers may live that the operator named.
func Named() []netip.Prefix { return slices.Clone(serviceNetworks) }
