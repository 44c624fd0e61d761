// Package zoom speaks to Zoom's authorization server and asks Zoom who the user
// is: POST /oauth/token and GET /users/me, as developers.zoom.us describes them.
//
// It logs nothing, and its errors hold neither secrets nor what Zoom answered.
package zoom

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/internal/fail"
	"steno/internal/netguard"
	"steno/internal/zoom"
)

// Where Zoom is.
const (
	DefaultOAuth = "https://zoom.us"
	DefaultAPI   = "https://api.zoom.us/v2"
)

// CodeUnavailable is the code of an error that says: Zoom does not answer now.
const CodeUnavailable = "FST_ERR_ZOOM_UNAVAILABLE"

const (
	callTime  = 10 * time.Second // of one call
	maxAnswer = 256 << 10
)

// Client implements zoom.OAuth. It is safe for concurrent use.
type Client struct {
	oauth, api string
	way        *netguard.Service
	http       *http.Client
}

// New returns a client; empty URLs are those of the real service.
func New(oauthURL, apiURL string, net netguard.Options) (*Client, error) {
	if oauthURL == "" {
		oauthURL = DefaultOAuth
	}
	if apiURL == "" {
		apiURL = DefaultAPI
	}
	way, err := netguard.NewService(net, oauthURL, apiURL)
	if err != nil {
		return nil, fmt.Errorf("address of Zoom: %w", err)
	}
	return &Client{oauth: strings.TrimRight(oauthURL, "/"), api: strings.TrimRight(apiURL, "/"), way: way, http: way.Client()}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.way.Close() }

// Exchange turns an authorization code into tokens and asks whose they are. A
// user who did not grant user:read:user stays unnamed; that is no failure.
func (c *Client) Exchange(ctx context.Context, code zoom.Code) (zoom.Grant, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code.Code}, "redirect_uri": {code.RedirectURI}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.oauth+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return zoom.Grant{}, fail.Wrap(err, fail.Internal, CodeUnavailable, "ask Zoom for tokens")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(code.ClientID, code.ClientSecret)
	var t struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Expires int64  `json:"expires_in"` // seconds
		Scope   string `json:"scope"`
		Error   string `json:"error"`
		Reason  string `json:"reason"`
	}
	status, err := c.do(req, &t)
	if err != nil {
		return zoom.Grant{}, err
	}
	if status != http.StatusOK || t.Access == "" || t.Refresh == "" {
		return zoom.Grant{}, refusal(status, t.Error, t.Reason)
	}
	g := zoom.Grant{
		AccessToken: t.Access, RefreshToken: t.Refresh, ExpiresIn: time.Duration(t.Expires) * time.Second,
		Scopes: strings.Join(strings.FieldsFunc(t.Scope, func(r rune) bool { return r == ' ' || r == ',' }), ","),
	}
	g.Person, err = c.me(ctx, t.Access)
	return g, err
}

// me asks whose token it is.
func (c *Client) me(ctx context.Context, token string) (zoom.Person, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.api+"/users/me", nil)
	if err != nil {
		return zoom.Person{}, fail.Wrap(err, fail.Internal, CodeUnavailable, "ask Zoom who the user is")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	var me struct {
		ID      string `json:"id"`
		Account string `json:"account_id"`
		Email   string `json:"email"`
		Display string `json:"display_name"`
		First   string `json:"first_name"`
		Last    string `json:"last_name"`
	}
	status, err := c.do(req, &me)
	if err != nil || status != http.StatusOK {
		return zoom.Person{}, err // a refusal: the scope was not granted
	}
	if me.Display == "" {
		me.Display = strings.TrimSpace(me.First + " " + me.Last)
	}
	return zoom.Person{UserID: me.ID, AccountID: me.Account, Email: me.Email, DisplayName: me.Display}, nil
}

// do makes a call and reads its JSON answer. An error says that Zoom is away.
func (c *Client) do(req *http.Request, out any) (status int, err error) {
	ctx, cancel := context.WithTimeout(req.Context(), callTime)
	defer cancel()
	res, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return 0, away(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests {
		return res.StatusCode, away(fmt.Errorf("status %d", res.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, away(err)
	}
	if err := json.Unmarshal(body, out); err != nil && res.StatusCode == http.StatusOK {
		return 0, away(fmt.Errorf("the answer is not JSON"))
	}
	return res.StatusCode, nil
}

func away(err error) error {
	return fail.Wrap(err, fail.Unavailable, CodeUnavailable, "Zoom does not answer as it should; try again in a moment")
}

// refusal says in our own words what Zoom did not like: its answer may repeat
// what it was sent.
func refusal(status int, code, reason string) error {
	why := fmt.Sprintf("it answered with status %d", status)
	reason = strings.ToLower(reason)
	switch {
	case code == "invalid_client" || status == http.StatusUnauthorized:
		why = "client_id or client_secret is wrong"
	case strings.Contains(reason, "redirect"):
		why = "redirect_uri is not the one that the code was made for"
	case code == "invalid_grant" || strings.Contains(reason, "code"):
		why = "the code is wrong, was used before, or has expired"
	}
	return fail.New(fail.Invalid, zoom.CodeExchange, "Zoom refused the authorization code: %s", why)
}
