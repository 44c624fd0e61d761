package microsoft

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"steno/internal/calendar"
)

type subscription struct {
	ID           string `json:"id,omitempty"`
	ChangeType   string `json:"changeType,omitempty"`
	URL          string `json:"notificationUrl,omitempty"`
	LifecycleURL string `json:"lifecycleNotificationUrl,omitempty"`
	Resource     string `json:"resource,omitempty"`
	Expires      string `json:"expirationDateTime,omitempty"`
	ClientState  string `json:"clientState,omitempty"`
	TLS          string `json:"latestSupportedTlsVersion,omitempty"`
}

// Watch implements calendar.Watcher. Graph calls both addresses before it
// answers (trap 25), and knows one subscription per resource and application: a
// stale one of ours makes it refuse with 409, and is removed.
func (a *account) Watch(ctx context.Context, r calendar.WatchRequest) (calendar.Channel, error) {
	s := a.spec("create subscription")
	want := subscription{
		ChangeType: "created,updated,deleted", URL: r.URL, LifecycleURL: r.LifecycleURL, // cannot be added later
		Resource: strings.TrimPrefix(calendarPath(r.Calendar), "/") + "/events",
		Expires:  a.expiry(r.Until), ClientState: r.Secret, TLS: "v1_2",
	}
	if r.Calendar == "" || r.Calendar == "primary" {
		want.Resource = "me/events"
	}
	for again := true; ; again = false {
		var got subscription
		err := a.do(ctx, request{method: http.MethodPost, path: "/subscriptions", body: want, spec: s}, &got)
		if e := calendar.AsError(err); e != nil && e.Reason == conflict && again {
			if err := a.unsubscribe(ctx, want); err != nil {
				return calendar.Channel{}, err
			}
			continue
		}
		if err != nil {
			return calendar.Channel{}, unwatchable(err)
		}
		return calendar.Channel{ID: r.ID, ProviderID: got.ID, Calendar: r.Calendar, Expires: a.granted(got, want)}, nil
	}
}

// expiry is the time asked for, within what Graph grants.
func (a *account) expiry(until time.Time) string {
	most := a.clock.Now().Add(channelLife)
	if until.IsZero() || until.After(most) {
		until = most
	}
	return until.UTC().Format("2006-01-02T15:04:05.0000000Z")
}

func (a *account) granted(got, want subscription) time.Time {
	if at := instant(got.Expires); !at.IsZero() {
		return at
	}
	return instant(want.Expires)
}

// unsubscribe removes our subscriptions to a resource. Those of other
// applications are not listed, those of other servers under the same
// application lead elsewhere and stay.
func (a *account) unsubscribe(ctx context.Context, want subscription) error {
	s := a.spec("list subscriptions")
	list, err := all[subscription](ctx, a, request{method: http.MethodGet, path: "/subscriptions", spec: s})
	if err != nil {
		return err
	}
	for _, old := range list {
		if old.ID == "" || !sameResource(old.Resource, want.Resource) || !sameHost(old.URL, want.URL) {
			continue
		}
		if err := a.Stop(ctx, calendar.Channel{ProviderID: old.ID}); err != nil {
			return err
		}
	}
	return nil
}

// sameResource compares with the case of ids (trap 23).
func sameResource(x, y string) bool {
	plain := func(s string) string {
		if u, err := url.PathUnescape(s); err == nil {
			s = u
		}
		return strings.Trim(s, "/")
	}
	return plain(x) == plain(y)
}

func sameHost(x, y string) bool {
	a, aerr := url.Parse(x)
	b, berr := url.Parse(y)
	return aerr == nil && berr == nil && strings.EqualFold(a.Host, b.Host)
}

// conflict is the Reason of a subscription that exists already.
const conflict = "409"

// unwatchable: calendars that others share can be read but not watched
// (trap 32). They are polled.
func unwatchable(err error) error {
	e := calendar.AsError(err)
	if e != nil && !e.AuthStage && e.Kind == calendar.PermissionDenied && e.Reason != "401" {
		e.Kind, e.Message = calendar.Unsupported, "this calendar cannot be watched with this account's permissions"
	}
	return err
}

// Renew implements calendar.Watcher. It also answers a "reauthorizationRequired".
// NotFound: the subscription is gone, and another has to be made.
func (a *account) Renew(ctx context.Context, c calendar.Channel, until time.Time) (calendar.Channel, error) {
	s := a.spec("renew subscription")
	if c.ProviderID == "" {
		return c, a.fail(s, calendar.NotFound, "", "the subscription was never made")
	}
	want := subscription{Expires: a.expiry(until)}
	var got subscription
	err := a.do(ctx, request{method: http.MethodPatch, path: "/subscriptions/" + url.PathEscape(c.ProviderID), body: want, spec: s}, &got)
	if err != nil {
		return c, gone(err)
	}
	c.Expires = a.granted(got, want)
	return c, nil
}

// Stop implements calendar.Watcher.
func (a *account) Stop(ctx context.Context, c calendar.Channel) error {
	if c.ProviderID == "" {
		return nil // it never came to be
	}
	err := a.do(ctx, request{method: http.MethodDelete, path: "/subscriptions/" + url.PathEscape(c.ProviderID), spec: a.spec("delete subscription")}, nil)
	if calendar.IsKind(gone(err), calendar.NotFound) {
		return nil
	}
	return err
}
