package providertest_test

import (
	"testing"

	"steno/internal/calendar"
	"steno/internal/provider/all"
	"steno/internal/provider/providertest"
	microsoft "steno/simulator/microsoft"
)

func init() { backends["microsoft"] = newMicrosoft }

func newMicrosoft(t *testing.T, faults bool, seed uint64) *backend {
	t.Helper()
	clk := providertest.NewClock()
	clk.Advance(monday.Sub(clk.Now()))
	s, err := microsoft.Start(microsoft.Options{Options: options(clk, faults, seed)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	add := func(email string, scopes ...string) (*microsoft.Account, calendar.Credentials) {
		a, err := s.AddAccount(email, "Ada Blue", "Europe/Berlin", scopes...)
		if err != nil {
			t.Fatal(err)
		}
		return a, calendar.Credentials{ClientID: a.ClientID, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken, Tenant: "common"}
	}
	a, creds := add("ada@example.com")
	return &backend{
		t: t, name: calendar.Microsoft, core: s.Core, cal: a.Primary(), account: a.Account, clock: clk, creds: creds, tokens: calendar.NewLooseTokens(creds),
		provider: connect(t, clk, calendar.Microsoft, all.Options{MicrosoftGraph: s.GraphURL(), MicrosoftLogin: s.LoginURL()}),
		narrow: func() calendar.Credentials {
			_, c := add("narrow@example.com", "Calendars.Read", "offline_access")
			return c
		},
		api: map[string]string{"create": "events.create", "token": "token"},
	}
}
