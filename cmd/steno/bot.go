package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"steno/internal/bot"
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
	SecretFD int    `name:"secret-fd" hidden:"" help:"Number of an open file that holds the key of the live transcript, as JSON."`
}

// Run runs one bot to its end. SIGTERM makes it leave the meeting and finish.
func (c *botCmd) Run(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // a signal is a wish to leave, not the end
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	log := logger(processLog)
	live, err := c.secret()
	if err != nil {
		log.Error("no live transcript: its key cannot be read", "error", err)
	}
	err = session.Run(ctx, session.Options{
		Folder: c.Folder, Finalise: c.Finalise, Tools: session.Live(program), Leave: session.Signals(),
		Clock: clock.System{}, Log: log, Version: version, Live: live,
	})
	if errors.Is(err, session.ErrUnfinished) {
		log.Error("unfinished", "error", err)
		return exitUnfinished
	}
	return err
}

// secret reads what the server sent along.
func (c *botCmd) secret() (a bot.LiveAccess, err error) {
	if c.SecretFD < 3 {
		return a, nil
	}
	f := os.NewFile(uintptr(c.SecretFD), "secret")
	defer f.Close()
	return a, json.NewDecoder(io.LimitReader(f, 64<<10)).Decode(&a)
}
