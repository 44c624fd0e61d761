package main

import (
	"context"
	"os"
	"time"

	"steno/demo"
)

type demoCmd struct {
	Out    string        `placeholder:"DIR" default:"demo-out" help:"Folder for the recording and its player page."`
	Length time.Duration `default:"1m" help:"How long the people in the meeting talk."`
	Mode   string        `enum:"speaker_view,gallery_view,audio_only" default:"speaker_view" help:"What to record: ${enum}."`
}

// Run shows on this machine what Steno does; it needs no account and no
// network.
func (c *demoCmd) Run(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{Binary: program, Out: c.Out, Length: c.Length, Mode: c.Mode, W: os.Stdout})
}
