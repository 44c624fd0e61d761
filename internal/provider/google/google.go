// Package google speaks Google Calendar API v3 for the calendar room, through
// Google's own client library. It translates: what a sync needs is decided in
// package calendar.
//
// Rounds list masters and exceptions (singleEvents=false), so that a touched
// series is one row and not hundreds of occurrences up to the year 2099
// (trap 5); occurrences are asked for within a window.
package google

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	api "google.golang.org/api/calendar/v3"
	"google.golang.org/api/option"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/provider/access"
	"steno/internal/provider/call"
	"steno/internal/provider/throttle"
)

// Addresses of the real service.
const (
	DefaultAPI   = "https://www.googleapis.com/calendar/v3/"
	DefaultToken = "https://oauth2.googleapis.com/token"
)

// channelLife is the default and, as far as is known, longest life of a watch
// channel: 604,800 s. The answer says what was granted.
const channelLife = 7 * 24 * time.Hour

// Options of a Client. All fields are required.
type Options struct {
	APIURL   string // with or without the path /calendar/v3
	TokenURL string
	HTTP     *http.Client // of a netguard.Service that knows both origins
	Clock    clock.Clock
	Sleep    throttle.Sleep
	Limits   throttle.Limits
}

// Client is the service. It implements calendar.Provider.
type Client struct {
	caller *call.Caller
	api    *api.Service
	clock  clock.Clock
}

// New returns a Client.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.APIURL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("google API URL %q is not a URL", o.APIURL)
	}
	if strings.Trim(base.Path, "/") == "" {
		base.Path = "/calendar/v3"
	}
	token, err := url.Parse(o.TokenURL)
	if err != nil || token.Host == "" {
		return nil, fmt.Errorf("google token URL %q is not a URL", o.TokenURL)
	}
	if strings.Trim(token.Path, "/") == "" {
		token.Path = "/token"
	}
	c := &Client{clock: o.Clock}
	c.caller = &call.Caller{
		Service: call.Service{Platform: calendar.Google, Classify: classify, WholeClient: wholeProject},
		HTTP:    o.HTTP,
		Tokens:  access.New(tokenEndpoint(token.String()), o.HTTP, o.Clock, o.Sleep),
		Limiter: throttle.New(o.Limits, o.Clock, o.Sleep),
		Clock:   o.Clock,
		Sleep:   o.Sleep,
	}
	c.api, err = api.NewService(context.Background(),
		option.WithHTTPClient(&http.Client{Transport: call.Transport{Caller: c.caller}}),
		option.WithLogger(slog.New(slog.DiscardHandler))) // it would log whole answers
	if err != nil {
		return nil, fmt.Errorf("build google calendar client: %w", err)
	}
	c.api.BasePath = strings.TrimRight(base.String(), "/") + "/"
	c.api.UserAgent = "steno (gzip)" // Google compresses for who says so twice
	return c, nil
}

// Platform implements calendar.Provider.
func (c *Client) Platform() calendar.Platform { return calendar.Google }

// Traits implements calendar.Provider.
func (c *Client) Traits() calendar.Traits { return calendar.Traits{ChannelLife: channelLife} }

// Account implements calendar.Provider.
func (c *Client) Account(connection string, tokens calendar.TokenStore) calendar.Account {
	return &account{Client: c, who: call.Account{Connection: connection, Store: tokens}}
}

// account is the service as one connection sees it.
type account struct {
	*Client
	who call.Account
}

// spec describes a call.
func (a *account) spec(op string) call.Spec { return call.Spec{Account: a.who, Op: op} }

// do runs a call of the library and returns its error in our shape.
func (a *account) do(ctx context.Context, s call.Spec, fn func(ctx context.Context) error) error {
	return a.caller.Unwrap(ctx, s, fn(call.With(ctx, s)))
}
