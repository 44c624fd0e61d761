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
		endpoints := webhook.Service{
			Store: h.DB, Vault: h.Vault, Clock: clock.System{}, Validate: netguard.New(netguard.Options{Allow: allow}).Validate,
		}
		_, secret, err := endpoints.Add(ctx, webhook.New{
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
		endpoints, err := h.DB.Webhooks(ctx, team.ID)
		if err != nil {
			return err
		}
		return table(os.Stdout, "ID\tNAME\tURL\tEVENTS\tPARTICIPANTS\tENABLED\tCREATED", func(w io.Writer) {
			for _, e := range endpoints {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%t\t%s\n", e.ID, e.Name, e.URL, eventNames(e.Events), e.Participants, e.Enabled, e.CreatedAt.Format(time.RFC3339))
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
