package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"steno/internal/app"
	"steno/internal/config"
	"steno/internal/netguard"
	"steno/internal/webhook"
)

type webhookCmd struct {
	Add     webhookAddCmd     `cmd:"" help:"Add an endpoint and print its signing secret; it is shown only now."`
	List    webhookListCmd    `cmd:"" help:"List the endpoints of a team."`
	Update  webhookUpdateCmd  `cmd:"" help:"Change the address, name, events or format of an endpoint."`
	Rotate  webhookRotateCmd  `cmd:"" help:"Give an endpoint a new secret and print it; the old one signs too for 24 hours."`
	Enable  webhookEnableCmd  `cmd:"" help:"Enable an endpoint that was disabled."`
	Disable webhookDisableCmd `cmd:"" help:"Disable an endpoint and drop what was still to be sent to it."`
	Remove  webhookRemoveCmd  `cmd:"" help:"Remove an endpoint and drop what was still to be sent to it."`
	Log     webhookLogCmd     `cmd:"" help:"List what was sent to an endpoint, newest first; without one: callbacks of bots."`
	Show    webhookShowCmd    `cmd:"" help:"Show a delivery: what was sent, and what came back at each attempt."`
	Replay  webhookReplayCmd  `cmd:"" help:"Send one message, or all of a time range, again."`
	Recover webhookRecoverCmd `cmd:"" help:"Send the messages of a time range again that did not arrive."`
}

type webhookAddCmd struct {
	config.Storage `embed:""`
	config.Targets `embed:""`
	URL            string   `arg:"" help:"Where to deliver."`
	Team           string   `placeholder:"NAME" help:"Team whose events to deliver. Default: the only one."`
	Name           string   `help:"What the endpoint is for."`
	Event          []string `placeholder:"EVENT" help:"Deliver only this event; may be repeated. Default: all."`
	Participants   string   `enum:"names,objects" default:"names" help:"Send participants as names or as objects."`
}

// Run prints the secret and nothing else on standard output.
func (c *webhookAddCmd) Run(ctx context.Context) error {
	allow, err := c.PrivateTargets()
	if err != nil {
		return err
	}
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		_, secret, err := h.Endpoints(netguard.New(netguard.Options{Allow: allow}).Validate).Add(ctx, webhook.New{
			TeamID: team.ID, Name: c.Name, URL: c.URL, Events: c.Event, Participants: webhook.Format(c.Participants),
		})
		if err == nil {
			fmt.Println(secret)
		}
		return err
	})
}

type webhookListCmd struct {
	config.Storage `embed:""`
	Team           string `placeholder:"NAME" help:"Team whose endpoints to list. Default: the only one."`
}

// Run prints a table, without the secrets.
func (c *webhookListCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		all, err := h.Endpoints(nil).List(ctx, team.ID)
		if err != nil {
			return err
		}
		return table(os.Stdout, "ID\tAPI\tNAME\tURL\tEVENTS\tPARTICIPANTS\tSTATE\tCREATED", func(w io.Writer) {
			for _, e := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Surface, e.Name, e.URL, eventNames(e.Events), e.Participants, endpointState(e), e.CreatedAt.Format(time.RFC3339))
			}
		})
	})
}

func eventNames(events []webhook.EventType) string {
	if len(events) == 0 {
		return "all"
	}
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = string(e)
	}
	return strings.Join(names, ",")
}

func endpointState(e webhook.Endpoint) string {
	switch {
	case !e.Enabled && e.DisabledReason != "":
		return "disabled: " + e.DisabledReason
	case !e.Enabled:
		return "disabled"
	case e.FailingSince != nil:
		return "failing since " + e.FailingSince.Format(time.RFC3339)
	}
	return "enabled"
}

// endpointArgs name an endpoint that exists.
type endpointArgs struct {
	config.Storage `embed:""`
	ID             string `arg:"" help:"The endpoint's id, from webhook list."`
	Team           string `placeholder:"NAME" help:"Team of the endpoint. Default: the only one."`
}

func (c *endpointArgs) do(ctx context.Context, f func(s webhook.Service, team string) error) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		return f(h.Endpoints(nil), team.ID)
	})
}

type webhookRotateCmd struct {
	endpointArgs `embed:""`
}

// Run prints the new secret and nothing else on standard output.
func (c *webhookRotateCmd) Run(ctx context.Context) error {
	return c.do(ctx, func(s webhook.Service, team string) error {
		secret, err := s.Rotate(ctx, team, c.ID)
		if err == nil {
			fmt.Println(secret)
		}
		return err
	})
}

type webhookEnableCmd struct {
	endpointArgs `embed:""`
}

// Run enables the endpoint and says how to get what it missed.
func (c *webhookEnableCmd) Run(ctx context.Context) error {
	return c.do(ctx, func(s webhook.Service, team string) error {
		on := true
		_, err := s.Update(ctx, team, c.ID, webhook.Change{Enabled: &on})
		if err == nil {
			fmt.Fprintf(os.Stderr, "steno: enabled; steno webhook recover %s --since 5d sends what it missed\n", c.ID)
		}
		return err
	})
}

type webhookDisableCmd struct {
	endpointArgs `embed:""`
}

// Run disables the endpoint.
func (c *webhookDisableCmd) Run(ctx context.Context) error {
	return c.do(ctx, func(s webhook.Service, team string) error {
		off := false
		_, err := s.Update(ctx, team, c.ID, webhook.Change{Enabled: &off})
		return err
	})
}

type webhookUpdateCmd struct {
	endpointArgs   `embed:""`
	config.Targets `embed:""`
	URL            *string  `placeholder:"URL" help:"Deliver there from now on, also what is still to be sent."`
	Name           *string  `placeholder:"NAME" help:"What the endpoint is for."`
	Event          []string `placeholder:"EVENT" help:"Deliver only this event; may be repeated."`
	AllEvents      bool     `name:"all-events" help:"Deliver all events."`
	Participants   *string  `placeholder:"FORM" enum:"names,objects" help:"Send participants as names or as objects."`
}

// Run changes what was named.
func (c *webhookUpdateCmd) Run(ctx context.Context) error {
	allow, err := c.PrivateTargets()
	if err != nil {
		return err
	}
	change := webhook.Change{URL: c.URL, Name: c.Name, Participants: (*webhook.Format)(c.Participants)}
	switch {
	case c.AllEvents && len(c.Event) > 0:
		return errors.New("--event and --all-events exclude each other")
	case c.AllEvents:
		change.Events = &[]string{}
	case len(c.Event) > 0:
		change.Events = &c.Event
	}
	if change == (webhook.Change{}) {
		return errors.New("say what to change: --url, --name, --event, --all-events or --participants")
	}
	return c.do(ctx, func(s webhook.Service, team string) error {
		s.Validate = netguard.New(netguard.Options{Allow: allow}).Validate
		_, err := s.Update(ctx, team, c.ID, change)
		return err
	})
}

type webhookRemoveCmd struct {
	endpointArgs `embed:""`
}

// Run removes the endpoint.
func (c *webhookRemoveCmd) Run(ctx context.Context) error {
	return c.do(ctx, func(s webhook.Service, team string) error { return s.Remove(ctx, team, c.ID) })
}
