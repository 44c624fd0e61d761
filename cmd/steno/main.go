// Command steno records meetings: as a server with an API, or one meeting from
// the command line. Each subcommand is a file in this folder.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"
)

// version is set by the linker for releases.
var version = "dev"

// cli lists the subcommands.
type cli struct {
	Record  recordCmd  `cmd:"" help:"Record one meeting into a folder; needs no server."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Bot     botCmd     `cmd:"" hidden:"" help:"Run one bot in its folder (started by the server)."`
	Compose composeCmd `cmd:"" hidden:"" help:"Compose the artifacts of a bot's folder (started by the bot)."`
}

// surroundings are what a subcommand may use of the outside.
type surroundings struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
}

// jsonLog writes structured logs to standard error.
func (s surroundings) jsonLog() *slog.Logger {
	return slog.New(slog.NewJSONHandler(s.stderr, nil))
}

// exitError ends the program with that status, and says why if err is set.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }
func (e *exitError) ExitCode() int { return e.status }

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(s surroundings) error {
	_, err := io.WriteString(s.stdout, "steno "+version+"\n")
	return err
}

func main() {
	var c cli
	parsed := kong.Parse(&c, kong.Name("steno"), kong.Description("Records meetings, on a machine of your own."), kong.UsageOnError())
	parsed.FatalIfErrorf(parsed.Run(surroundings{ctx: context.Background(), stdout: os.Stdout, stderr: os.Stderr}))
}
