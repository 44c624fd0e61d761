package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"steno/internal/account"
	"steno/internal/app"
	"steno/internal/config"
	"steno/internal/fail"
)

// open opens the database for a command that is over in a moment.
func open(ctx context.Context, o config.Storage) (*app.House, error) {
	return app.Open(ctx, o, logger(config.Log{LogFormat: "text"}))
}

// with runs f on the open database.
func with(ctx context.Context, o config.Storage, f func(h *app.House) error) error {
	house, err := open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(f(house), house.Close())
}

type teamCmd struct {
	Create teamCreateCmd `cmd:"" help:"Add a team."`
	List   teamListCmd   `cmd:"" help:"List the teams."`
	Rename teamRenameCmd `cmd:"" help:"Give a team another name."`
}

type teamRenameCmd struct {
	config.Storage `embed:""`
	Team           string `arg:"" help:"Name or id of the team."`
	Name           string `arg:"" help:"Its new name."`
}

// Run renames the team; its id, keys and bots stay as they are.
func (c *teamRenameCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		t, err := h.Accounts.FindTeam(ctx, c.Team)
		if err == nil {
			_, err = h.Accounts.RenameTeam(ctx, t.ID, c.Name)
		}
		return err
	})
}

type teamCreateCmd struct {
	config.Storage `embed:""`
	Name           string `arg:"" help:"Name of the team."`
}

// Run prints the team's id.
func (c *teamCreateCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		t, err := h.Accounts.CreateTeam(ctx, c.Name)
		if err == nil {
			fmt.Println(t.ID)
		}
		return err
	})
}

type teamListCmd struct {
	config.Storage `embed:""`
}

// Run prints a table.
func (c *teamListCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		teams, err := h.Accounts.Teams(ctx)
		if err != nil {
			return err
		}
		return table(os.Stdout, "ID\tNAME\tCREATED", func(w io.Writer) {
			for _, t := range teams {
				fmt.Fprintf(w, "%s\t%s\t%s\n", t.ID, t.Name, t.CreatedAt.Format(time.RFC3339))
			}
		})
	})
}

type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make an API key and print it; it is shown only now."`
	List   keyListCmd   `cmd:"" help:"List the API keys of a team."`
	Revoke keyRevokeCmd `cmd:"" help:"Make an API key useless."`
	Admin  keyAdminCmd  `cmd:"" help:"Make a key for the admin API; nothing is stored."`
}

type keyAdminCmd struct{}

// Run prints the key on standard output, and what to do with it on standard
// error.
func (keyAdminCmd) Run() error {
	key, hashed := account.NewAdminKey()
	fmt.Println(key)
	fmt.Fprintf(os.Stderr, "steno: the server knows it by STENO_ADMIN_KEY=%s\n", hashed)
	return nil
}

// defaultTeam is made by the first `key create` on an empty database.
const defaultTeam = "default"

type keyCreateCmd struct {
	config.Storage `embed:""`
	Team           string `placeholder:"NAME" help:"Team of the key. Default: the only one; made if there is none."`
	Name           string `default:"key" help:"What the key is called in lists."`
	Permission     string `enum:"full,sending" default:"full" help:"full, or sending: may create bots and nothing else."`
	Expires        moment `placeholder:"TIME" help:"When the key ends by itself: 2027-01-31T09:00:00Z or 2027-01-31. Default: never."`
}

// Run prints the key and nothing else on standard output.
func (c *keyCreateCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := c.team(ctx, h)
		if err != nil {
			return err
		}
		n := account.NewKey{TeamID: team.ID, Name: c.Name, Permission: account.Permission(c.Permission)}
		if !c.Expires.IsZero() {
			n.ExpiresAt = &c.Expires.Time
		}
		plain, _, err := h.Accounts.CreateKey(ctx, n)
		if err == nil {
			fmt.Println(plain)
		}
		return err
	})
}

func (c *keyCreateCmd) team(ctx context.Context, h *app.House) (account.Team, error) {
	team, err := h.Accounts.FindTeam(ctx, c.Team)
	if !fail.Is(err, fail.NotFound) {
		return team, err
	}
	all, listErr := h.Accounts.Teams(ctx)
	if listErr != nil || len(all) > 0 {
		return team, errors.Join(listErr, err)
	}
	name := c.Team
	if name == "" {
		name = defaultTeam
	}
	return h.Accounts.CreateTeam(ctx, name)
}

type keyListCmd struct {
	config.Storage `embed:""`
	Team           string `placeholder:"NAME" help:"Team whose keys to list. Default: the only one."`
}

// Run prints a table; it cannot show the keys themselves.
func (c *keyListCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		keys, err := h.Accounts.Keys(ctx, team.ID)
		if err != nil {
			return err
		}
		return table(os.Stdout, "ID\tNAME\tBEGINS\tPERMISSION\tCREATED\tLAST USED\tEXPIRES\tREVOKED", func(w io.Writer) {
			for _, k := range keys {
				fmt.Fprintf(w, "%s\t%s\t%s…\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Hint, k.Permission, k.CreatedAt.Format(time.RFC3339), when(k.LastUsedAt), when(k.ExpiresAt), when(k.RevokedAt))
			}
		})
	})
}

type keyRevokeCmd struct {
	config.Storage `embed:""`
	ID             string `arg:"" help:"Id of the key, as in key list."`
}

// Run revokes; a running server refuses the key within seconds.
func (c *keyRevokeCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error { return h.Accounts.RevokeKey(ctx, c.ID) })
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(time.RFC3339)
}

func table(out io.Writer, head string, rows func(w io.Writer)) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, head)
	rows(w)
	return w.Flush()
}
