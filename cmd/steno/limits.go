package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"steno/internal/app"
	"steno/internal/config"
	"steno/internal/quota"
)

type limitsCmd struct {
	Show limitsShowCmd `cmd:"" help:"Show what a team may have."`
	Set  limitsSetCmd  `cmd:"" help:"Change what a team may have; a running server obeys within seconds."`
}

type limitsShowCmd struct {
	config.Storage `embed:""`
	Team           string `placeholder:"NAME" help:"Team to show. Default: the only one."`
}

// Run prints a table.
func (c *limitsShowCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		l, err := h.Quota.Limits(ctx, team.ID)
		if err != nil {
			return err
		}
		return printLimits(l)
	})
}

func printLimits(l quota.Limits) error {
	return table(os.Stdout, "LIMIT\tVALUE", func(w io.Writer) {
		for _, row := range []struct {
			name  string
			value int
		}{{"requests-per-second", l.RequestsPerSecond}, {"bots-per-day", l.BotsPerDay}, {"calendars", l.Calendars}, {"retention-days", l.RetentionDays}} {
			text := strconv.Itoa(row.value)
			if row.value == quota.NoLimit {
				text = noLimit
			}
			fmt.Fprintf(w, "%s\t%s\n", row.name, text)
		}
		fmt.Fprintf(w, "byok\t%t\n", l.BYOK)
	})
}

// noLimit is how people write quota.NoLimit.
const noLimit = "none"

// limitValue is a limit on the command line: a number, or none.
type limitValue int

// UnmarshalText reads it.
func (v *limitValue) UnmarshalText(text []byte) error {
	if string(text) == noLimit {
		*v = quota.NoLimit
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 {
		return fmt.Errorf("%q is neither a number nor %s", text, noLimit)
	}
	*v = limitValue(n)
	return nil
}

type limitsSetCmd struct {
	config.Storage    `embed:""`
	Team              string      `placeholder:"NAME" help:"Team to change. Default: the only one."`
	Plan              string      `enum:",payg,pro,scale,enterprise" default:"" help:"Take all limits of a plan: payg, pro, scale, enterprise. The other flags come on top."`
	RequestsPerSecond *limitValue `name:"requests-per-second" placeholder:"N" help:"Requests that change something, in a second; or none."`
	BotsPerDay        *limitValue `name:"bots-per-day" placeholder:"N" help:"Bots in any 24 hours; or none."`
	Calendars         *limitValue `name:"calendars" placeholder:"N" help:"Connected calendars; or none."`
	RetentionDays     *limitValue `name:"retention-days" placeholder:"N" help:"Days for which recordings are kept; or none: for ever."`
	BYOK              *bool       `name:"byok" negatable:"" help:"May the team use its own key of the transcription service."`
}

// Run prints all limits as they are now.
func (c *limitsSetCmd) Run(ctx context.Context) error {
	change := quota.Change{
		RequestsPerSecond: (*int)(c.RequestsPerSecond), BotsPerDay: (*int)(c.BotsPerDay), Calendars: (*int)(c.Calendars),
		RetentionDays: (*int)(c.RetentionDays), BYOK: c.BYOK,
	}
	if c.Plan != "" {
		change = quota.Plans[c.Plan].All().With(change)
	}
	if change == (quota.Change{}) {
		return errors.New("say what to change, as --bots-per-day 100 or --plan pro")
	}
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		l, err := h.Quota.SetLimits(ctx, team.ID, change)
		if err != nil {
			return err
		}
		return printLimits(l)
	})
}

type tokensCmd struct {
	Show tokensShowCmd `cmd:"" help:"Show a team's tokens and where they went."`
	Give tokensGiveCmd `cmd:"" help:"Give a team tokens. The first time, this ends its unlimited use."`
	Free tokensFreeCmd `cmd:"" help:"Make a team's tokens unlimited again."`
}

type tokensShowCmd struct {
	config.Storage `embed:""`
	Team           string `placeholder:"NAME" help:"Team to show. Default: the only one."`
	Rows           int    `default:"20" help:"How many of the latest rows of the ledger."`
	Bot            string `placeholder:"ID" help:"Only rows about this bot."`
	JSON           bool   `name:"json" help:"Print the rows as JSON, one a line."`
}

// Run prints the balance on standard error and the rows, oldest first, on
// standard output.
func (c *tokensShowCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		a, err := h.Quota.Account(ctx, team.ID)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, balance(a))
		rows, err := h.Quota.Ledger(ctx, team.ID, quota.LedgerQuery{BotID: c.Bot, Limit: c.Rows})
		if err != nil {
			return err
		}
		slices.Reverse(rows)
		if c.JSON {
			return printEntries(rows)
		}
		return table(os.Stdout, "N\tAT\tKIND\tAMOUNT\tHELD\tBALANCE\tRESERVED\tBOT\tWHY", func(w io.Writer) {
			for _, e := range rows {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.N, e.At.Format(time.RFC3339), e.Kind, e.Amount, e.Held, e.Balance, e.Reserved, e.BotID, e.Note)
			}
		})
	})
}

func printEntries(rows []quota.Entry) error {
	out := json.NewEncoder(os.Stdout)
	for _, e := range rows {
		if err := out.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

func balance(a quota.Account) string {
	if !a.Limited {
		return fmt.Sprintf("tokens: unlimited, %s reserved", a.Reserved)
	}
	return fmt.Sprintf("tokens: %s, %s of them reserved, %s left for new bots", a.Balance, a.Reserved, max(0, a.Available()))
}

type tokensGiveCmd struct {
	config.Storage `embed:""`
	Amount         string `arg:"" help:"Tokens, as 100 or 0.5; with a minus sign they are taken away (write -- before it)."`
	Team           string `placeholder:"NAME" help:"Team to give to. Default: the only one."`
	Note           string `default:"given on the command line" help:"Why, for the ledger."`
}

// Run prints the balance.
func (c *tokensGiveCmd) Run(ctx context.Context) error {
	amount, err := quota.ParseTokens(c.Amount)
	if err != nil {
		return err
	}
	return change(ctx, c.Storage, c.Team, func(q *quota.Service, team string) (quota.Account, error) {
		return q.Give(ctx, team, amount, c.Note)
	})
}

type tokensFreeCmd struct {
	config.Storage `embed:""`
	Team           string `placeholder:"NAME" help:"Team to free. Default: the only one."`
	Note           string `default:"freed on the command line" help:"Why, for the ledger."`
}

// Run prints the balance.
func (c *tokensFreeCmd) Run(ctx context.Context) error {
	return change(ctx, c.Storage, c.Team, func(q *quota.Service, team string) (quota.Account, error) {
		return q.Free(ctx, team, c.Note)
	})
}

func change(ctx context.Context, o config.Storage, name string, f func(q *quota.Service, team string) (quota.Account, error)) error {
	return with(ctx, o, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, name)
		if err != nil {
			return err
		}
		a, err := f(h.Quota, team.ID)
		if err == nil {
			fmt.Println(balance(a))
		}
		return err
	})
}
