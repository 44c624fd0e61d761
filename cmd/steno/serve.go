package main

import (
	"context"
	"os"

	"steno/internal/app"
	"steno/internal/config"
)

type serveCmd struct {
	config.Serve `embed:""`
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(ctx context.Context) error {
	return app.Serve(ctx, c.Serve, version, logger(c.Log))
}

type migrateCmd struct {
	config.Storage `embed:""`
}

// Run brings the database up to date; opening it is all it takes.
func (c *migrateCmd) Run(ctx context.Context) error {
	house, err := open(ctx, c.Storage)
	if err != nil {
		return err
	}
	return house.Close()
}

type openAPICmd struct {
	Surface string `enum:"v1,v2,calendar,admin" default:"v2" help:"Of which API: ${enum}."`
}

// Run prints the document as the server serves it.
func (c openAPICmd) Run() error { return app.WriteOpenAPI(os.Stdout, c.Surface, version) }
