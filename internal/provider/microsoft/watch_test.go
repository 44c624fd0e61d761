package microsoft

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

var watch = calendar.WatchRequest{Calendar: "Cal=", ID: "ch", Secret: "ch.s3", URL: "https://x.example/push", LifecycleURL: "https://x.example/push/lifecycle"}

// Trap 26: without a lifecycle address lost messages are never told of; it
// cannot be added later.
func TestTrap26ASubscriptionHasALifecycleAddressAndLivesAsLongAsItMay(t *testing.T) {
	acc, f, _ := connect(t, always(201, `{"id":"sub","expirationDateTime":"2026-11-19T08:50:00.0000000Z"}`))
	r := watch
	r.Until = providertest.Start.Add(30 * 24 * time.Hour)
	ch, err := acc.Watch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(calendar.Channel{ID: "ch", ProviderID: "sub", Calendar: "Cal=", Expires: at("2026-11-19T08:50:00Z")}, ch); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	want := map[string]any{
		"changeType": "created,updated,deleted", "notificationUrl": r.URL, "lifecycleNotificationUrl": r.LifecycleURL, "clientState": "ch.s3",
		"resource": "me/calendars/Cal=/events", "expirationDateTime": "2026-11-19T08:50:00.0000000Z", "latestSupportedTlsVersion": "v1_2",
	}
	if d := cmp.Diff(want, f.Requests()[0].JSON(t)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if life := acc.(*account).Traits().ChannelLife; life >= 10_080*time.Minute {
		t.Errorf("channels live %s: the limit itself is refused", life)
	}
}

func TestA409RemovesOurOwnStaleSubscriptionAndNoOther(t *testing.T) {
	posts := 0
	var deleted []string
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		switch r.Method {
		case "POST":
			if posts++; posts == 1 {
				providertest.Answer(w, 409, refused("ExtensionError"))
				return
			}
			providertest.Answer(w, 201, `{"id":"new","expirationDateTime":"2026-11-19T08:50:00Z"}`)
		case "GET":
			providertest.Answer(w, 200, `{"value":[
				{"id":"mine","resource":"/me/calendars/Cal%3D/events","notificationUrl":"https://x.example/other/path"},
				{"id":"case","resource":"me/calendars/cal=/events","notificationUrl":"https://x.example/push"},
				{"id":"elsewhere","resource":"me/calendars/Cal=/events","notificationUrl":"https://y.example/push"}]}`)
		case "DELETE":
			deleted = append(deleted, strings.TrimPrefix(r.Path, "/v1.0/subscriptions/"))
			w.WriteHeader(204)
		}
	})
	ch, err := acc.Watch(t.Context(), watch)
	if err != nil || ch.ProviderID != "new" || !slices.Equal(deleted, []string{"mine"}) {
		t.Errorf("channel %+v, deleted %q, err %v", ch, deleted, err)
	}
	posts = -9
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Method == "POST" {
			providertest.Answer(w, 409, refused("ExtensionError"))
			return
		}
		providertest.Answer(w, 200, `{"value":[]}`)
	})
	if _, err := acc.Watch(t.Context(), watch); kind(t, err) != calendar.Refused || len(f.Requests()) != 3 {
		t.Errorf("a 409 for ever: %v after %d calls", err, len(f.Requests()))
	}
}

// Trap 32: a shared calendar can be read but not watched.
func TestTrap32ASharedCalendarIsUnsupportedNotDenied(t *testing.T) {
	acc, _, _ := connect(t, always(403, refused("ErrorAccessDenied")))
	if _, err := acc.Watch(t.Context(), watch); kind(t, err) != calendar.Unsupported {
		t.Error(err)
	}
	acc, _, _ = connect(t, always(404, refused("ErrorItemNotFound")))
	if _, err := acc.Watch(t.Context(), watch); kind(t, err) != calendar.NotFound {
		t.Error(err)
	}
}

// Trap 25: Graph validates the address before it answers; a receiver that waits
// for the create call would never answer.
func TestTrap25AnotherCallOfTheMailboxGoesOnWhileASubscriptionIsMade(t *testing.T) {
	creating, validated := make(chan struct{}), make(chan struct{})
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Method == "POST" {
			close(creating)
			<-validated
			providertest.Answer(w, 201, `{"id":"sub","expirationDateTime":"2026-11-19T08:50:00Z"}`)
			return
		}
		providertest.Answer(w, 200, `{"id":"e"}`)
	})
	done := make(chan error)
	go func() {
		_, err := acc.Watch(t.Context(), watch)
		done <- err
	}()
	<-creating
	if _, err := acc.Event(t.Context(), "Cal", "e"); err != nil {
		t.Error(err)
	}
	close(validated)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRenewProlongsAndTellsOfWhatIsGone(t *testing.T) {
	acc, f, _ := connect(t, always(200, `{"id":"sub","expirationDateTime":"2026-11-15T09:00:00Z"}`))
	ch, err := acc.Renew(t.Context(), calendar.Channel{ID: "ch", ProviderID: "sub", Calendar: "Cal"}, at("2026-11-15T09:00:00Z"))
	if err != nil || ch.ID != "ch" || !ch.Expires.Equal(at("2026-11-15T09:00:00Z")) {
		t.Errorf("%+v, %v", ch, err)
	}
	r := f.Requests()[0]
	if d := cmp.Diff(map[string]any{"expirationDateTime": "2026-11-15T09:00:00.0000000Z"}, r.JSON(t)); d != "" || r.Method != "PATCH" || r.Path != "/v1.0/subscriptions/sub" {
		t.Errorf("%s %s (-want +got):\n%s", r.Method, r.Path, d)
	}
	acc, _, _ = connect(t, always(404, refused("ResourceNotFound")))
	if _, err := acc.Renew(t.Context(), calendar.Channel{ProviderID: "sub"}, time.Time{}); kind(t, err) != calendar.NotFound {
		t.Error(err)
	}
	if err := acc.Stop(t.Context(), calendar.Channel{ProviderID: "sub"}); err != nil {
		t.Errorf("stopping what is gone: %v", err)
	}
	if err := acc.Stop(t.Context(), calendar.Channel{}); err != nil {
		t.Errorf("stopping what never was: %v", err)
	}
}
