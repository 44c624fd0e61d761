package microsoft

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/call"
)

// request is one call to Graph.
type request struct {
	method string
	path   string     // below the base, segments escaped; or
	link   string     // a whole URL that the service handed out
	query  url.Values // beside path only
	body   any
	prefer []string
	spec   call.Spec
}

// Prefer headers. The first goes with every request, the second with those that
// read events.
const (
	immutable = `IdType="ImmutableId"`
	inUTC     = `outlook.timezone="UTC"`
)

func maxPage(n int) string { return "odata.maxpagesize=" + strconv.Itoa(n) }

// do makes the call and reads its answer into out, unless that is nil.
func (a *account) do(ctx context.Context, r request, out any) error {
	target := r.link
	if target == "" {
		target = a.base.String() + r.path
		if len(r.query) > 0 {
			target += "?" + r.query.Encode()
		}
	}
	req, err := a.build(ctx, r, target)
	if err != nil {
		return err
	}
	res, err := a.caller.Do(ctx, r.spec, req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil || res.StatusCode == http.StatusNoContent {
		return nil
	}
	body, err := io.ReadAll(res.Body) // in memory already
	if err == nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		return a.fail(r.spec, calendar.Transient, "", "the service's answer could not be read")
	}
	return nil
}

func (a *account) build(ctx context.Context, r request, target string) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, a.fail(r.spec, calendar.Refused, "", "the request could not be written as JSON")
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, a.fail(r.spec, calendar.Refused, "", "the request's address is no URL")
	}
	req.Header.Set("Prefer", strings.Join(append([]string{immutable}, r.prefer...), ", "))
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "steno")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// ours reports whether a link leads to the configured server and below its
// path (trap 22). What it asks for there is the service's business.
func (c *Client) ours(link string) bool {
	u, err := url.Parse(link)
	return err == nil && u.User == nil && strings.EqualFold(u.Scheme, c.base.Scheme) && strings.EqualFold(u.Host, c.base.Host) &&
		(u.Path == c.base.Path || strings.HasPrefix(u.Path, c.base.Path+"/")) && !strings.Contains(u.Path, "/../")
}

func (a *account) fail(s call.Spec, k calendar.ErrorKind, reason, message string) *calendar.Error {
	return &calendar.Error{Kind: k, Platform: calendar.Microsoft, Op: s.Op, Reason: reason, Message: message}
}

// pageOf is a page of a collection.
type pageOf[T any] struct {
	Context   string `json:"@odata.context"`
	Next      string `json:"@odata.nextLink"`
	DeltaLink string `json:"@odata.deltaLink"`
	Value     []T    `json:"value"`
}

// all reads a collection to its end.
func all[T any](ctx context.Context, a *account, r request) ([]T, error) {
	var out []T
	for {
		var p pageOf[T]
		if err := a.do(ctx, r, &p); err != nil {
			return nil, err
		}
		a.learn(p.Context)
		out = append(out, p.Value...)
		if p.Next == "" {
			return out, nil
		}
		if err := a.follow(&r, p.Next); err != nil {
			return nil, err
		}
	}
}

// follow turns a request into that for the next page.
func (a *account) follow(r *request, link string) error {
	if !a.ours(link) {
		return a.fail(r.spec, calendar.Refused, "foreign_link", "the service handed out a link that leads elsewhere")
	}
	if link == r.link {
		return a.fail(r.spec, calendar.Transient, "page_loop", "the service handed out the same page again and again")
	}
	r.link = link
	return nil
}

// calendarPath is the path of a calendar; "primary" is the default one.
func calendarPath(id string) string {
	if id == "" || id == "primary" {
		return "/me/calendar"
	}
	return "/me/calendars/" + url.PathEscape(id)
}

func eventPath(id string) string { return "/me/events/" + url.PathEscape(id) }

// span is a window as startDateTime and endDateTime, in whole seconds.
func span(w calendar.Window) url.Values {
	end := w.End.UTC()
	if t := end.Truncate(time.Second); t.Before(end) {
		end = t.Add(time.Second)
	}
	return url.Values{
		"startDateTime": {w.Start.UTC().Truncate(time.Second).Format(time.RFC3339)},
		"endDateTime":   {end.Format(time.RFC3339)},
	}
}
