// Package all lists the calendar services. A new one is a folder beside google
// and microsoft that passes the suite of package providertest, and a line here.
package all

import (
	"fmt"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/netguard"
	"steno/internal/provider/google"
	"steno/internal/provider/microsoft"
	"steno/internal/provider/throttle"
)

// Options say where the services are and how they are called. Empty URLs are
// those of the real services.
type Options struct {
	GoogleAPI, GoogleToken         string
	MicrosoftGraph, MicrosoftLogin string
	Clock                          clock.Clock
	Sleep                          throttle.Sleep // nil: a timer
	// Unlimited switches the limiters' own pace off, for simulators without
	// quotas; that the service asks to wait is honoured all the same.
	Unlimited bool
	// Net is for private certificate authorities and the like.
	Net netguard.Options
}

// New returns all services. Each is reached through a way of its own that leads
// nowhere else. close ends their idle connections.
func New(o Options) (services map[calendar.Platform]calendar.Provider, closeAll func(), err error) {
	if o.Sleep == nil {
		o.Sleep = throttle.Timer
	}
	paceGoogle, paceGraph := throttle.Google, throttle.Graph
	if o.Unlimited {
		paceGoogle, paceGraph = throttle.Limits{InFlight: paceGoogle.InFlight}, throttle.Limits{InFlight: paceGraph.InFlight}
	}
	toGoogle, err := way(o.Net, &o.GoogleAPI, google.DefaultAPI, &o.GoogleToken, google.DefaultToken)
	if err != nil {
		return nil, nil, fmt.Errorf("address of Google Calendar: %w", err)
	}
	toMicrosoft, err := way(o.Net, &o.MicrosoftGraph, microsoft.DefaultGraph, &o.MicrosoftLogin, microsoft.DefaultLogin)
	if err != nil {
		return nil, nil, fmt.Errorf("address of Microsoft Graph: %w", err)
	}
	g, err := google.New(google.Options{APIURL: o.GoogleAPI, TokenURL: o.GoogleToken, HTTP: toGoogle.Client(), Clock: o.Clock, Sleep: o.Sleep, Limits: paceGoogle})
	if err != nil {
		return nil, nil, err
	}
	m, err := microsoft.New(microsoft.Options{GraphURL: o.MicrosoftGraph, LoginURL: o.MicrosoftLogin, HTTP: toMicrosoft.Client(), Clock: o.Clock, Sleep: o.Sleep, Limits: paceGraph})
	if err != nil {
		return nil, nil, err
	}
	services = map[calendar.Platform]calendar.Provider{calendar.Google: g, calendar.Microsoft: m}
	return services, func() { toGoogle.Close(); toMicrosoft.Close() }, nil
}

// way fills in the defaults and makes a client that reaches both addresses.
func way(net netguard.Options, api *string, defaultAPI string, token *string, defaultToken string) (*netguard.Service, error) {
	if *api == "" {
		*api = defaultAPI
	}
	if *token == "" {
		*token = defaultToken
	}
	return netguard.NewService(net, *api, *token)
}
