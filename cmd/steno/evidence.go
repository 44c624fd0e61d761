package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/config"
	"steno/internal/store"
)

type evidenceCmd struct {
	config.Storage `embed:""`
	Bot            string `arg:"" help:"The id of the bot."`
	Team           string `placeholder:"NAME" help:"Team of the bot. Default: the only one."`
	Out            string `short:"o" placeholder:"DIR" help:"Save the files into this folder."`
}

// Run lists what was kept of a bot's end, or saves it.
func (c *evidenceCmd) Run(ctx context.Context) error {
	return with(ctx, c.Storage, func(h *app.House) error {
		team, err := h.Accounts.FindTeam(ctx, c.Team)
		if err != nil {
			return err
		}
		files, err := (&bot.Service{Store: store.Bots{DB: h.DB}}).Evidence(ctx, team.ID, c.Bot)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return errors.New("nothing is kept of this bot's end: it came to a normal one, or its data were deleted")
		}
		if c.Out != "" {
			return c.save(ctx, files)
		}
		return table(os.Stdout, "NAME\tBYTES\tSTORED", func(w io.Writer) {
			for _, f := range files {
				fmt.Fprintf(w, "%s\t%d\t%s\n", f.Name, f.Bytes, f.StoredAt.Format(time.RFC3339))
			}
		})
	})
}

func (c *evidenceCmd) save(ctx context.Context, files []bot.StoredArtifact) error {
	objects, err := app.OpenObjects(ctx, c.Storage)
	if err != nil {
		return err
	}
	defer objects.Close()
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		o, err := objects.Open(ctx, f.Key)
		if err != nil {
			return err
		}
		content, err := io.ReadAll(o)
		to := filepath.Join(c.Out, filepath.Base(f.Name))
		if err := errors.Join(err, o.Close()); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return err
		}
		fmt.Println(to)
	}
	return nil
}
