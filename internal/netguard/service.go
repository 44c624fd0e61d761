package netguard

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// RuleOrigin refuses a URL that leads elsewhere than to the configured servers.
const RuleOrigin Rule = "origin"

// serviceNetworks may be reached where the operator named the server: a
// simulator or a gateway may live in a private network. Link-local addresses
// (the metadata services of clouds) stay forbidden.
var serviceNetworks = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"),
}

// Service is the way to servers that the operator named in the configuration,
// such as the calendar providers. It reaches nothing else: a URL with another
// scheme, host or port is refused before anything is sent, also one that the
// server itself handed out (a "next page" link), so that credentials do not
// leave for strangers. Like a Guard it follows no redirect and uses no proxy.
// Unlike a Guard it speaks HTTP/2, accepts compressed answers and sets no total
// time limit: callers bound the time of each call and what they read.
type Service struct {
	guard   *Guard
	origins map[string]bool
}

// NewService returns a Service for the origins of the given URLs.
func NewService(o Options, bases ...string) (*Service, error) {
	o.Allow = append(serviceNetworks[:len(serviceNetworks):len(serviceNetworks)], o.Allow...)
	s := &Service{guard: New(o), origins: map[string]bool{}}
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
			return nil, fmt.Errorf("%q is not an http:// or https:// URL", base)
		}
		s.origins[origin(u)] = true
	}
	t := s.guard.transport
	t.DisableCompression = false
	t.ForceAttemptHTTP2 = true
	t.ResponseHeaderTimeout = cmp.Or(o.Patience, time.Minute) // a first page of 2,500 events takes its time
	return s, nil
}

// Client returns an HTTP client for the service's origins. All clients of a
// Service share its connections.
func (s *Service) Client() *http.Client {
	return &http.Client{
		Transport:     service{s},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes idle connections.
func (s *Service) Close() { s.guard.Close() }

type service struct{ s *Service }

func (t service) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.User != nil || !t.s.origins[origin(r.URL)] {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, &Refusal{Rule: RuleOrigin, Target: r.URL.Host}
	}
	return t.s.guard.transport.RoundTrip(r)
}

// origin returns scheme://host:port in lower case, with the port that is meant.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
