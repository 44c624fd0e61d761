package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"steno/internal/app"
	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/netguard"
	"steno/internal/webhook"
)

type webhookCmd struct {
	Add  webhookAddCmd  `cmd:"" help:"Add an endpoint and print its signing secret; it is shown only now."`
	List webhookListCmd `cmd:"" help:"List the endpoints of a team."`

	Rotate webhookRotateCmd `cmd:"" help:"Give an endpoint a new secret and print it; the old one signs too for 24 hours."`
	Enable webhookEnableCmd `cmd:"" help:"Enable an endpoint that was disabled because it failed for days or was gone."`
	Remove webhookRemoveCmd `cmd:"" help:"Remove an endpoint and drop what was still to be sent to it."`
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
		_, secret, err := endpoints(h, netguard.New(netguard.Options{Allow: allow}).Validate).Add(ctx, webhook.New{
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
		all, err := h.DB.Webhooks(ctx, team.ID)
		if err != nil {
			return err
		}
		return table(os.Stdout, "ID\tNAME\tURL\tEVENTS\tPARTICIPANTS\tSTATE\tCREATED", func(w io.Writer) {
			for _, e := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Name, e.URL, eventNames(e.Events), e.Participants, endpointState(e), e.CreatedAt.Format(time.RFC3339))
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

// endpoints manages the endpoints in an open database.
func endpoints(h *app.House, validate func(string) error) webhook.Service {
	return webhook.Service{Store: h.DB, Vault: h.Vault, Clock: clock.System{}, Validate: validate}
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
		return f(endpoints(h, nil), team.ID)
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

// Run enables the endpoint.
func (c *webhookEnableCmd) Run(ctx context.Context) error {
	return c.do(ctx, func(s webhook.Service, team string) error { return s.Enable(ctx, team, c.ID) })
}

type webhookRemoveCmd struct {
	endpointArgs `embed:""`
}

// Run removes the endpoint.
func (c *webhookRemoveCmd) Run(ctx context.Context) error {
	return c.do(ctx, func(s webhook.Service, team string) error { return s.Remove(ctx, team, c.ID) })
}
