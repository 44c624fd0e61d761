package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/runtime/session"
)

// exitUnfinished is the status of a bot whose artifacts could not be made yet.
// It is EX_TEMPFAIL of sysexits.h: try again later.
const exitUnfinished exitStatus = 75

// processLog is the log of the processes that the server starts.
var processLog = config.Log{LogFormat: "json"}

type botCmd struct {
	Folder   string `required:"" type:"existingdir" help:"The bot's folder, with its spec.json."`
	Finalise bool   `help:"Do not go to the meeting: make artifacts of what is there."`
}

// Run runs one bot to its end. SIGTERM makes it leave the meeting and finish.
func (c *botCmd) Run(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // a signal is a wish to leave, not the end
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	log := logger(processLog)
	err = session.Run(ctx, session.Options{
		Folder: c.Folder, Finalise: c.Finalise, Tools: session.Live(program), Leave: session.Signals(),
		Clock: clock.System{}, Log: log, Version: version,
	})
	if errors.Is(err, session.ErrUnfinished) {
		log.Error("unfinished", "error", err)
		return exitUnfinished
	}
	return err
}
