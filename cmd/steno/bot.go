package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"steno/internal/clock"
	"steno/internal/runtime/session"
)

// exitUnfinished is the status of a bot whose artifacts could not be made yet.
// It is EX_TEMPFAIL of sysexits.h: try again later.
const exitUnfinished = 75

type botCmd struct {
	Folder   string `required:"" type:"existingdir" help:"The bot's folder, with its spec.json."`
	Finalise bool   `help:"Do not go to the meeting: make artifacts of what is there."`
}

// Run runs one bot to its end. SIGTERM makes it leave the meeting and finish.
func (c *botCmd) Run(s surroundings) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	leave := make(chan string)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for range signals {
			leave <- "signal"
		}
	}()
	err = session.Run(s.ctx, session.Options{
		Folder: c.Folder, Finalise: c.Finalise, Tools: session.Live(program), Leave: leave,
		Clock: clock.System{}, Log: s.jsonLog(), Version: version,
	})
	if errors.Is(err, session.ErrUnfinished) {
		return &exitError{exitUnfinished, err}
	}
	return err
}
