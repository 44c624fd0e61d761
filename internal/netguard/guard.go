// Package netguard is the only way in which the server calls addresses that
// users supply (webhooks, callbacks, streams). It refuses private, loopback,
// link-local, metadata and other special addresses where they are written and,
// which is what counts, on the resolved address at the moment of connecting,
// so that DNS cannot say one thing when asked and another when dialled. It
// follows no redirect, uses no proxy, and bounds time and size.
//
// Ports: any except a list of well-known services that do not speak HTTP (see
// deniedPorts); people do run receivers on 8443 or 9000.
//
// An operator can allow private networks by CIDR (STENO_ALLOW_PRIVATE_TARGETS).
package netguard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// Limits of every call.
const (
	ConnectTimeout = 10 * time.Second // name look-up and TCP
	TLSTimeout     = 10 * time.Second
	HeaderTimeout  = 30 * time.Second // first byte of the answer after the request is written
	TotalTimeout   = 30 * time.Second // the whole call (digest 9.2)
	MaxHeaderBytes = 64 << 10
	MaxBodyBytes   = 64 << 10
)

// Options configure a Guard. The zero value allows public addresses only.
type Options struct {
	// Allow lists networks that would be refused otherwise.
	Allow []netip.Prefix
	// Resolver answers name look-ups; nil means the system's.
	Resolver *net.Resolver
	// MaxConnsPerHost bounds the sockets to one host and port; 0: no bound.
	MaxConnsPerHost int
	// MaxIdleConnsPerHost is how many idle sockets per host are kept; 0: 32, as
	// many as a webhook receiver gets at a time.
	MaxIdleConnsPerHost int
	// Patience is how long a Service waits for the first byte of an answer; 0: a
	// minute.
	Patience time.Duration
	// Wrap is given each connection, before TLS; nil: it is left as it is.
	Wrap func(net.Conn) net.Conn
	// TLS is the client's TLS configuration (private authorities); nil means
	// the defaults.
	TLS *tls.Config
}

// Guard checks and makes outbound calls. It is safe for concurrent use.
type Guard struct {
	guardian  *ssrf.Guardian
	transport *http.Transport
}

// New returns a Guard. It speaks HTTP/1.1 only: one call per socket, so that a
// bound on calls is a bound on sockets and a hanging answer holds up no other.
func New(o Options) *Guard {
	var v4, v6 []netip.Prefix
	for _, p := range o.Allow {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	g := &Guard{guardian: ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))}
	if o.MaxIdleConnsPerHost == 0 {
		o.MaxIdleConnsPerHost = 32
	}
	d := &net.Dialer{Timeout: ConnectTimeout, KeepAlive: 30 * time.Second, Resolver: o.Resolver, Control: g.control}
	dial := d.DialContext
	if o.Wrap != nil {
		dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return o.Wrap(c), nil
		}
	}
	g.transport = &http.Transport{
		Proxy:                  nil, // a proxy would connect for us, behind the check
		DialContext:            dial,
		TLSClientConfig:        o.TLS,
		TLSHandshakeTimeout:    TLSTimeout,
		ResponseHeaderTimeout:  HeaderTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: MaxHeaderBytes,
		MaxConnsPerHost:        o.MaxConnsPerHost,
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    o.MaxIdleConnsPerHost,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true, // no bombs: bytes read are bytes sent
	}
	return g
}

// ParseAllow reads the operator's list of networks: CIDRs or single addresses
// separated by commas or spaces.
func ParseAllow(list string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, f := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }) {
		if p, err := netip.ParsePrefix(f); err == nil {
			out = append(out, p.Masked())
			continue
		}
		a, err := netip.ParseAddr(f)
		if err != nil {
			return nil, fmt.Errorf("%q is neither a network (10.0.0.0/8) nor an address", f)
		}
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out, nil
}

// Client returns an HTTP client on the guarded transport, with the total time
// limit and without redirects: a 3xx is returned as it is. Bodies must be read
// through ReadBody. All clients of a Guard share its idle connections.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Transport: checked{g},
		Timeout:   TotalTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// DialContext connects to host:port under the same rules, for protocols that
// are not HTTP requests (streams).
func (g *Guard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return g.transport.DialContext(ctx, network, addr)
}

// Close closes idle connections.
func (g *Guard) Close() { g.transport.CloseIdleConnections() }

// control runs on the resolved address right before connect(2).
func (g *Guard) control(network, address string, c syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refusal{Rule: RuleHost, Target: address}
	}
	if deniedPorts[ap.Port()] {
		return &Refusal{Rule: RulePort, Target: address}
	}
	if err := g.guardian.Safe(network, address, c); err != nil {
		return &Refusal{Rule: RuleAddress, Target: ap.Addr().String(), Err: err}
	}
	return nil
}

// checked refuses bad URLs before the transport sees them, so that a URL that
// was stored before a rule existed is refused as well.
type checked struct{ g *Guard }

func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := c.g.Validate(r.URL.String()); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return c.g.transport.RoundTrip(r)
}

// Get reads what is at a URL, of at most max bytes. Its errors do not name the
// URL, which may hold a token.
func (g *Guard) Get(ctx context.Context, address string, max int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("get: the URL cannot be read")
	}
	resp, err := g.Client().Do(req)
	if named, ok := errors.AsType[*url.Error](err); ok {
		err = named.Err
	}
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get: the server answered %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, max+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("get: %w", err)
	case int64(len(body)) > max:
		return nil, fmt.Errorf("get: it has more than %d bytes", max)
	}
	return body, nil
}

// ReadBody reads at most MaxBodyBytes of a response and closes it. What is
// beyond is never read: the connection is dropped instead.
func ReadBody(r *http.Response) ([]byte, error) {
	defer r.Body.Close()
	return io.ReadAll(io.LimitReader(r.Body, MaxBodyBytes))
}

// RefusalIn returns the Refusal in err's chain, or nil: it tells "we did not
// call" from "the call failed".
func RefusalIn(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}
