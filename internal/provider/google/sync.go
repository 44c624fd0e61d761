package google

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	api "google.golang.org/api/calendar/v3"

	"steno/internal/calendar"
	"steno/internal/provider/call"
)

// pageSize is the most that Google gives: 10,000 events are 4 calls.
const pageSize = 2500

// cursorPrefix names the parameters with which a sync token was made. A token
// may only be used with the same ones; whoever changes them in list below
// changes the prefix, and every calendar makes a full round.
const cursorPrefix = "g1:"

// list is the request that all pages of all rounds share: what depends on the
// token is added, and nothing else, because Google refuses timeMin, timeMax, q,
// orderBy and others beside a sync token (trap 3). That a full round is not
// bounded by the window costs calls once and no doubt about what the increments
// hold.
func (a *account) list(id string) *api.EventsListCall {
	return a.api.Events.List(id).SingleEvents(false).MaxResults(pageSize)
}

// Round implements calendar.Syncer.
func (a *account) Round(ctx context.Context, r calendar.RoundRequest) (calendar.Page, error) {
	s := a.spec("list events")
	q := a.list(r.Calendar)
	if r.Cursor != "" {
		token, ok := strings.CutPrefix(string(r.Cursor), cursorPrefix)
		if !ok || token == "" {
			return calendar.Page{}, &calendar.Error{Kind: calendar.CursorLost, Platform: calendar.Google, Op: s.Op,
				Reason: "parameters", Message: "the sync token was made with other parameters"}
		}
		q.SyncToken(token)
	}
	if r.PageToken != "" {
		q.PageToken(r.PageToken) // together with the same sync token
	}
	page, raw, err := a.events(ctx, s, func(ctx context.Context) (*api.Events, error) { return q.Context(ctx).Do() })
	if err == nil && page.Next == "" && raw.NextSyncToken != "" {
		// Only the last page has a token; an empty page need not be the last
		// (trap 4).
		page.Cursor = cursorPrefix + calendar.Cursor(raw.NextSyncToken)
	}
	return page, err
}

// Occurrences implements calendar.Syncer.
func (a *account) Occurrences(ctx context.Context, r calendar.OccurrenceRequest) (calendar.Page, error) {
	from, to := bounds(r.Window)
	var page calendar.Page
	var err error
	if r.Series == "" {
		q := a.api.Events.List(r.Calendar).SingleEvents(true).TimeMin(from).TimeMax(to).MaxResults(pageSize)
		if r.PageToken != "" {
			q.PageToken(r.PageToken)
		}
		page, _, err = a.events(ctx, a.spec("list occurrences"), func(ctx context.Context) (*api.Events, error) { return q.Context(ctx).Do() })
	} else {
		q := a.api.Events.Instances(r.Calendar, r.Series).TimeMin(from).TimeMax(to).MaxResults(pageSize)
		if r.PageToken != "" {
			q.PageToken(r.PageToken)
		}
		page, _, err = a.events(ctx, a.spec("list occurrences of a series"), func(ctx context.Context) (*api.Events, error) { return q.Context(ctx).Do() })
	}
	page.Items = onlyOccurrences(page.Items)
	return page, gone(err)
}

// onlyOccurrences leaves out what is cancelled, should the service show it.
func onlyOccurrences(items []calendar.Item) []calendar.Item {
	out := items[:0]
	for _, it := range items {
		if it.Kind == calendar.Occurrence || it.Kind == calendar.Single {
			out = append(out, it)
		}
	}
	return out
}

// events runs a list call of either kind.
func (a *account) events(ctx context.Context, s call.Spec, do func(context.Context) (*api.Events, error)) (calendar.Page, *api.Events, error) {
	var raw *api.Events
	var body []byte
	s.Keep = &body
	err := a.do(ctx, s, func(ctx context.Context) (err error) {
		raw, err = do(ctx)
		return err
	})
	if err != nil {
		return calendar.Page{}, nil, err
	}
	own := ownItems(body, len(raw.Items))
	page := calendar.Page{Next: raw.NextPageToken, Items: make([]calendar.Item, 0, len(raw.Items))}
	for i, e := range raw.Items {
		if e != nil && e.Id != "" {
			it := itemOf(e, raw.TimeZone)
			if it.Kind != calendar.CancelledSlot && it.Kind != calendar.Tombstone {
				it.Raw = own[i]
			}
			page.Items = append(page.Items, it)
		}
		raw.Items[i] = nil // the page is large: let go of what is translated
	}
	return page, raw, nil
}

// ownItems are the rows of a list as Google wrote them, also what the library
// does not know; n are expected.
func ownItems(body []byte, n int) []json.RawMessage {
	list := struct {
		Items []json.RawMessage `json:"items"`
	}{make([]json.RawMessage, 0, n)}
	if json.Unmarshal(body, &list) != nil || len(list.Items) != n {
		return make([]json.RawMessage, n) // the library has read it, so this does not happen
	}
	return list.Items
}

// Event implements calendar.Syncer.
func (a *account) Event(ctx context.Context, id, event string) (calendar.Item, error) {
	s := a.spec("get event")
	var body []byte
	s.Keep = &body
	e, err := a.get(ctx, s, id, event)
	if err != nil {
		return calendar.Item{}, err
	}
	it := itemOf(e, "")
	if it.Kind == calendar.Tombstone {
		return calendar.Item{}, notFound(s.Op)
	}
	if it.Kind != calendar.CancelledSlot {
		it.Raw = body
	}
	return it, nil
}

func (a *account) get(ctx context.Context, s call.Spec, id, event string) (raw *api.Event, err error) {
	if event == "" { // the path would be that of the list
		return nil, notFound(s.Op)
	}
	q := a.api.Events.Get(id, event)
	err = a.do(ctx, s, func(ctx context.Context) (err error) {
		raw, err = q.Context(ctx).Do()
		return err
	})
	return raw, gone(err)
}

// bounds are timeMin and timeMax: they count whole seconds, and timeMin bounds
// the event's end.
func bounds(w calendar.Window) (from, to string) {
	end := w.End.UTC()
	if t := end.Truncate(time.Second); t.Before(end) {
		end = t.Add(time.Second)
	}
	return w.Start.UTC().Truncate(time.Second).Format(time.RFC3339), end.Format(time.RFC3339)
}

// gone: 410 to anything but a round says that the thing is no more.
func gone(err error) error {
	if e := calendar.AsError(err); e != nil && e.Kind == calendar.CursorLost && e.Reason != badPage {
		e.Kind = calendar.NotFound
	}
	return err
}

func notFound(op string) error {
	return &calendar.Error{Kind: calendar.NotFound, Platform: calendar.Google, Op: op, Message: "the event does not exist any more"}
}
