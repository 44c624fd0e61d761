package webhook

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
)

// shelf keeps endpoints in memory.
type shelf struct{ all map[string]Endpoint }

func (s *shelf) AddWebhook(_ context.Context, e Endpoint) error {
	s.all[e.TeamID+e.ID] = e
	return nil
}

func (s *shelf) Webhooks(_ context.Context, team string) (out []Endpoint, _ error) {
	for _, e := range s.all {
		if e.TeamID == team {
			out = append(out, e)
		}
	}
	return out, nil
}

func (s *shelf) Webhook(_ context.Context, team, id string) (Endpoint, error) {
	e, ok := s.all[team+id]
	if !ok {
		return e, fail.New(fail.NotFound, CodeNotFound, "no webhook %s", id)
	}
	return e, nil
}

func (s *shelf) RemoveWebhook(_ context.Context, team, id string) error {
	delete(s.all, team+id)
	return nil
}

func (s *shelf) ChangeWebhook(_ context.Context, team, id string, change func(e *Endpoint) error) (Endpoint, error) {
	e, ok := s.all[team+id]
	if !ok {
		return e, fail.New(fail.NotFound, CodeNotFound, "no webhook %s", id)
	}
	if err := change(&e); err != nil {
		return Endpoint{}, err
	}
	s.all[team+id] = e
	return e, nil
}

func (s *shelf) RotateWebhook(_ context.Context, team, id, secret, old string, until time.Time) error {
	e := s.all[team+id]
	e.Secret, e.OldSecret, e.OldSecretUntil = secret, old, until
	s.all[team+id] = e
	return nil
}

func (s *shelf) PutV1Webhook(ctx context.Context, e Endpoint, seal func(id string) (string, error)) (err error) {
	if old, err := s.V1Webhook(ctx, e.TeamID); err == nil {
		e.ID = old.ID
	}
	if e.Secret, err = seal(e.ID); err == nil {
		s.all[e.TeamID+e.ID] = e
	}
	return err
}

func (s *shelf) V1Webhook(_ context.Context, team string) (Endpoint, error) {
	for _, e := range s.all {
		if e.TeamID == team && e.Surface == V1 {
			return e, nil
		}
	}
	return Endpoint{}, fail.New(fail.NotFound, CodeNotFound, "none")
}

// tags marks instead of sealing, and remembers the cell.
type tags struct{}

func (tags) SealWebhookSecret(team, endpoint, secret string) (string, error) {
	return "new " + team + endpoint + " " + secret, nil
}

func (tags) SealOldWebhookSecret(team, endpoint, secret string) (string, error) {
	return "old " + team + endpoint + " " + secret, nil
}

func (tags) OpenWebhookSecret(team, endpoint, sealed string) (string, error) {
	secret, ok := strings.CutPrefix(sealed, "new "+team+endpoint+" ")
	if !ok {
		return "", errors.New("another cell")
	}
	return secret, nil
}

func service() (Service, *shelf, *time.Time) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s := &shelf{all: map[string]Endpoint{}}
	return Service{Store: s, Vault: tags{}, Clock: clock.Func(func() time.Time { return now }), Validate: func(u string) error {
		if strings.Contains(u, "10.0.0.1") {
			return errors.New("private")
		}
		return nil
	}}, s, &now
}

func TestAnEndpointIsStoredWithItsSecretSealed(t *testing.T) {
	s, _, now := service()
	e, secret, err := s.Add(t.Context(), New{TeamID: "a", Name: "n", URL: "https://x.example", Events: []string{"bot.failed", " bot.completed", "bot.failed"}})
	if err != nil {
		t.Fatal(err)
	}
	if e.Secret != "new a"+e.ID+" "+secret || !e.Enabled || e.Participants != Names || !e.CreatedAt.Equal(*now) ||
		!slices.Equal(e.Events, []EventType{BotFailed, BotCompleted}) {
		t.Errorf("endpoint %+v", e)
	}
	if !e.Wants(BotFailed) || e.Wants(BotStatusChange) {
		t.Error("the filter of events does not work")
	}
}

func TestBadEndpointsAreRefused(t *testing.T) {
	s, kept, _ := service()
	for code, n := range map[string]New{
		CodeBadURL:    {TeamID: "a", URL: "http://10.0.0.1"},
		CodeBadEvent:  {TeamID: "a", URL: "https://x.example", Events: []string{"bot.exploded"}},
		CodeBadFormat: {TeamID: "a", URL: "https://x.example", Participants: "xml"},
	} {
		_, _, err := s.Add(t.Context(), n)
		if e := fail.As(err); e == nil || e.Code != code || e.Kind != fail.Invalid {
			t.Errorf("%s: %v", code, err)
		}
	}
	if len(kept.all) != 0 {
		t.Error("a refused endpoint was stored")
	}
}

func TestRotationKeepsTheOldSecretForADay(t *testing.T) {
	s, kept, now := service()
	e, first, err := s.Add(t.Context(), New{TeamID: "a", URL: "https://x.example"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Rotate(t.Context(), "a", e.ID)
	if err != nil || second == first {
		t.Fatalf("%v", err)
	}
	got := kept.all["a"+e.ID]
	if got.Secret != "new a"+e.ID+" "+second || got.OldSecret != "old a"+e.ID+" "+first || !got.OldSecretUntil.Equal(now.Add(RotationWindow)) {
		t.Errorf("endpoint %+v", got)
	}
	if _, err := s.Rotate(t.Context(), "b", e.ID); !fail.Is(err, fail.NotFound) {
		t.Errorf("another team rotated: %v", err)
	}
}

func TestAnUpdateChangesWhatItNamesAndNothingElse(t *testing.T) {
	s, kept, now := service()
	e, _, err := s.Add(t.Context(), New{TeamID: "a", Name: "n", URL: "https://x.example", Events: []string{"bot.failed"}})
	if err != nil {
		t.Fatal(err)
	}
	failing := now.Add(-time.Hour)
	broken := kept.all["a"+e.ID]
	broken.Enabled, broken.DisabledReason, broken.DisabledAt, broken.FailingSince = false, "gone", now, &failing
	kept.all["a"+e.ID] = broken
	name, all, on, off := "new", []string{}, true, false
	got, err := s.Update(t.Context(), "a", e.ID, Change{Name: &name, Events: &all})
	if err != nil || got.Name != "new" || len(got.Events) != 0 || got.URL != "https://x.example" || got.Enabled || got.DisabledReason != "gone" || got.Secret != e.Secret {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = s.Update(t.Context(), "a", e.ID, Change{Enabled: &on}); err != nil || !got.Enabled || got.DisabledReason != "" || got.DisabledAt != nil || got.FailingSince != nil {
		t.Errorf("enabled: %+v, %v", got, err)
	}
	if got, err = s.Update(t.Context(), "a", e.ID, Change{Enabled: &off}); err != nil || got.Enabled || got.DisabledReason != "" || got.DisabledAt == nil {
		t.Errorf("disabled by hand: %+v, %v", got, err)
	}
	private, xml := "http://10.0.0.1", Format("xml")
	for code, c := range map[string]Change{CodeBadURL: {Name: &name, URL: &private}, CodeBadFormat: {Participants: &xml}, CodeBadEvent: {Events: &[]string{"x"}}} {
		if _, err := s.Update(t.Context(), "a", e.ID, c); fail.As(err) == nil || fail.As(err).Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	if _, err := s.Update(t.Context(), "b", e.ID, Change{Name: &name}); !fail.Is(err, fail.NotFound) {
		t.Errorf("another team changed it: %v", err)
	}
}
