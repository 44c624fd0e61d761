// Package microsoft speaks Microsoft Graph v1.0 for the calendar room: a thin
// client for the few calls that it takes (Graph's own SDK takes four minutes and
// four gigabytes to build). It translates: what a sync needs is decided in
// package calendar.
//
// Every request asks for immutable ids, so that an event keeps its id when it
// moves between folders (trap 24), and links that the service hands out are
// followed to the configured server only (trap 22).
package microsoft

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/provider/access"
	"steno/internal/provider/call"
	"steno/internal/provider/throttle"
)

// Addresses of the real service. National clouds have others.
const (
	DefaultGraph = "https://graph.microsoft.com/v1.0"
	DefaultLogin = "https://login.microsoftonline.com"
)

// channelLife is a little less than the longest life of a subscription to
// events, 10,080 minutes: requests at the limit are refused when clocks differ.
const channelLife = 10_070 * time.Minute

// Options of a Client. All fields are required.
type Options struct {
	GraphURL string       // with or without the path /v1.0
	LoginURL string       // the tenant and the path of the token endpoint are added
	HTTP     *http.Client // of a netguard.Service that knows both origins
	Clock    clock.Clock
	Sleep    throttle.Sleep
	Limits   throttle.Limits
}

// Client is the service. It implements calendar.Provider.
type Client struct {
	base   *url.URL // without a slash at its end
	caller *call.Caller
	clock  clock.Clock
	// mailboxes are the mailboxes of connections, as answers tell them: two
	// connections of one mailbox share its limits.
	mailboxes sync.Map
	days      dayCache
}

// New returns a Client.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(o.GraphURL, "/"))
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("microsoft Graph URL %q is not a URL", o.GraphURL)
	}
	if base.Path == "" {
		base.Path = "/v1.0"
	}
	login, err := url.Parse(strings.TrimRight(o.LoginURL, "/"))
	if err != nil || login.Host == "" {
		return nil, fmt.Errorf("microsoft login URL %q is not a URL", o.LoginURL)
	}
	c := &Client{base: base, clock: o.Clock, days: dayCache{known: map[string]day{}}}
	c.caller = &call.Caller{
		Service: call.Service{Platform: calendar.Microsoft, Classify: classify, WholeClient: wholeApplication, Crowded: isCrowded},
		HTTP:    o.HTTP,
		Tokens:  access.New(tokenEndpoint(login.String(), scopeFor(base.Host)), o.HTTP, o.Clock, o.Sleep),
		Limiter: throttle.New(o.Limits, o.Clock, o.Sleep),
		Clock:   o.Clock,
		Sleep:   o.Sleep,
	}
	return c, nil
}

// Platform implements calendar.Provider.
func (c *Client) Platform() calendar.Platform { return calendar.Microsoft }

// Traits implements calendar.Provider.
func (c *Client) Traits() calendar.Traits {
	return calendar.Traits{RoundExpands: true, CursorFixesWindow: true, ChannelLife: channelLife}
}

// Account implements calendar.Provider.
func (c *Client) Account(connection string, tokens calendar.TokenStore) calendar.Account {
	return &account{Client: c, connection: connection, tokens: tokens}
}

// account is the service as one connection sees it.
type account struct {
	*Client
	connection string
	tokens     calendar.TokenStore
}

func (a *account) spec(op string) call.Spec {
	who := call.Account{Connection: a.connection, Store: a.tokens}
	if m, ok := a.mailboxes.Load(a.connection); ok {
		who.Mailbox = m.(string)
	}
	return call.Spec{Account: who, Op: op}
}

// contextUser finds the mailbox in the context that Graph puts in front of its
// answers: https://graph.microsoft.com/v1.0/$metadata#users('…')/calendars.
var contextUser = regexp.MustCompile(`#users\('([^']{1,200})'\)`)

// learn remembers whose mailbox it was.
func (a *account) learn(odataContext string) {
	if m := contextUser.FindStringSubmatch(odataContext); m != nil {
		a.mailboxes.Store(a.connection, m[1])
	}
}

// scopeFor asks for all Graph permissions that the user has granted, in the
// cloud that the host belongs to, and for a new refresh token.
func scopeFor(host string) string {
	resource := "graph.microsoft.com"
	switch host {
	case "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn":
		resource = host
	}
	return "offline_access https://" + resource + "/.default"
}
