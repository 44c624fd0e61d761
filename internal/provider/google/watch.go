package google

import (
	"context"
	"strings"
	"time"

	api "google.golang.org/api/calendar/v3"

	"steno/internal/calendar"
)

// Watch implements calendar.Watcher. The id is the caller's: a fresh one for
// every try, because one that was used is refused for ever (trap 13). So the
// call is not repeated when it is unknown whether the channel was opened.
func (a *account) Watch(ctx context.Context, r calendar.WatchRequest) (calendar.Channel, error) {
	s := a.spec("watch events")
	s.Once = true
	want := &api.Channel{Id: r.ID, Type: "web_hook", Address: r.URL, Token: r.Secret}
	if !r.Until.IsZero() {
		want.Expiration = r.Until.UnixMilli()
	}
	var got *api.Channel
	err := a.do(ctx, s, func(ctx context.Context) (err error) {
		got, err = a.api.Events.Watch(r.Calendar, want).Context(ctx).Do()
		return err
	})
	if err != nil {
		return calendar.Channel{}, unwatchable(err)
	}
	ch := calendar.Channel{ID: r.ID, ProviderID: got.ResourceId, Calendar: r.Calendar, Expires: time.UnixMilli(got.Expiration).UTC()}
	if got.Expiration == 0 { // the documented default
		ch.Expires = a.clock.Now().Add(channelLife)
	}
	return ch, nil
}

// unwatchable calls what no later try will change Unsupported: calendars of
// holidays and resources, read access only, an address that Google does not
// call. Such calendars are polled. A scope that is missing stays that.
func unwatchable(err error) error {
	e := calendar.AsError(err)
	if e == nil || e.AuthStage {
		return err
	}
	switch {
	case strings.HasPrefix(e.Reason, "push"):
		e.Kind, e.Message = calendar.Unsupported, "this calendar cannot be watched, or Google does not call the push address"
	case e.Kind == calendar.PermissionDenied && e.Reason != noScope && e.Reason != "401":
		e.Kind, e.Message = calendar.Unsupported, "this calendar cannot be watched with this account's access"
	}
	return err
}

// Renew implements calendar.Watcher: Google has no such thing.
func (a *account) Renew(context.Context, calendar.Channel, time.Time) (calendar.Channel, error) {
	return calendar.Channel{}, &calendar.Error{Kind: calendar.Unsupported, Platform: calendar.Google, Op: "renew channel",
		Message: "a channel cannot be prolonged; open another and stop this one"}
}

// Stop implements calendar.Watcher.
func (a *account) Stop(ctx context.Context, c calendar.Channel) error {
	if c.ID == "" || c.ProviderID == "" {
		return nil // it never came to be, or runs out by itself: Google wants both
	}
	err := a.do(ctx, a.spec("stop channel"), func(ctx context.Context) error {
		return a.api.Channels.Stop(&api.Channel{Id: c.ID, ResourceId: c.ProviderID}).Context(ctx).Do()
	})
	if calendar.IsKind(err, calendar.NotFound) || calendar.IsKind(gone(err), calendar.NotFound) {
		return nil
	}
	return err
}
