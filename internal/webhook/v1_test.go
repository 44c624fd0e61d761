package webhook

import (
	"strings"
	"testing"

	"steno/internal/fail"
)

func TestATeamHasOneAddressOfV1WithTheKeyThatSetIt(t *testing.T) {
	s, kept, _ := service()
	set := func(url, key string) {
		t.Helper()
		if err := s.SetV1URL(t.Context(), "a", url, key); err != nil {
			t.Fatal(err)
		}
	}
	set("https://x.example", "first")
	set("https://y.example", "second")
	if url, err := s.V1URL(t.Context(), "a"); err != nil || url != "https://y.example" || len(kept.all) != 1 {
		t.Errorf("%s, %v, %d endpoints", url, err, len(kept.all))
	}
	for _, e := range kept.all {
		if !strings.HasSuffix(e.Secret, " second") || e.Surface != V1 || !e.Enabled {
			t.Errorf("%+v", e)
		}
		if _, err := s.Rotate(t.Context(), "a", e.ID); fail.As(err) == nil || fail.As(err).Code != CodeOfV1 {
			t.Errorf("rotated: %v", err)
		}
		for events, ok := range map[string]bool{"complete": true, "calendar.sync_events": true, "bot.completed": false} {
			if _, err := s.Update(t.Context(), "a", e.ID, Change{Events: &[]string{events}}); (err == nil) != ok {
				t.Errorf("%s: %v", events, err)
			}
		}
	}
	if err := s.SetV1URL(t.Context(), "a", "http://10.0.0.1", "k"); fail.As(err) == nil || fail.As(err).Code != CodeBadURL {
		t.Errorf("a private address: %v", err)
	}
	set("", "k")
	set("", "k")
	if url, err := s.V1URL(t.Context(), "a"); err != nil || url != "" || len(kept.all) != 0 {
		t.Errorf("%s, %v, %d endpoints", url, err, len(kept.all))
	}
}

func TestEachSurfaceIsToldInItsOwnWords(t *testing.T) {
	for _, c := range []struct {
		endpoint, event Surface
		want            bool
	}{{V1, V1, true}, {V2, V2, true}, {"", "", true}, {"", V2, true}, {V1, V2, false}, {V1, "", false}, {V2, V1, false}, {"", V1, false}} {
		if got := (Endpoint{Surface: c.endpoint, Enabled: true}).Takes(Event{Surface: c.event, Type: BotStatusChange}); got != c.want {
			t.Errorf("an endpoint of %q takes an event of %q: %v", c.endpoint, c.event, got)
		}
	}
}
