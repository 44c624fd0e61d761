package main

import (
	"context"

	"steno/internal/clock"
	"steno/internal/record/compose"
	"steno/internal/runtime/session"
)

type composeCmd struct {
	Folder string `required:"" type:"existingdir" help:"The bot's folder."`
	Follow bool   `help:"Go on until the meeting is over."`
}

// Run composes the folder's artifacts as its spec.json says.
func (c *composeCmd) Run(ctx context.Context) error {
	spec, err := session.ReadSpec(c.Folder)
	if err != nil {
		return err
	}
	_, err = compose.Run(ctx, compose.Options{
		Folder: c.Folder, Mode: spec.Mode, FFmpeg: spec.FFmpeg, Follow: c.Follow,
		Log: logger(processLog), Clock: clock.System{},
	})
	return err
}
