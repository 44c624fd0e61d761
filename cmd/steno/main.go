// Command steno sends bots to meetings, records them and serves the API. Each
// subcommand is a file of its own; this one only reads the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"steno/internal/config"
)

// version is set by the build.
var version = "dev"

type cli struct {
	Config kong.ConfigFlag `placeholder:"FILE" env:"STENO_CONFIG" help:"Configuration file (YAML); its keys are the names of the flags."`

	Serve      serveCmd      `cmd:"" help:"Run the server: API, jobs and bots."`
	Record     recordCmd     `cmd:"" help:"Record one meeting into a folder; needs no server."`
	Transcribe transcribeCmd `cmd:"" help:"Have the recording in a folder transcribed; needs no server."`
	Demo       demoCmd       `cmd:"" help:"Record a test meeting, kill the bot in the middle, and look at the result."`
	Lab        labCmd        `cmd:"" help:"Serve test meetings with scripted people."`
	Simulate   simulateCmd   `cmd:"" help:"Serve a fake calendar or transcription service, to try Steno out without an account."`
	Pack       packCmd       `cmd:"" help:"Check and show platform packs: what meeting pages look like."`
	Profile    profileCmd    `cmd:"" help:"Sign in to a meeting platform for bots, and list who is signed in."`
	Doctor     doctorCmd     `cmd:"" help:"Look at this machine and say what is missing and what to do."`
	Team       teamCmd       `cmd:"" help:"Manage teams."`
	Key        keyCmd        `cmd:"" help:"Manage API keys."`
	Webhook    webhookCmd    `cmd:"" help:"Manage webhook endpoints, and look at what was sent."`
	Limits     limitsCmd     `cmd:"" help:"Show and change what teams may have: requests, bots, calendars, retention."`
	Tokens     tokensCmd     `cmd:"" help:"Show and give tokens."`
	Evidence   evidenceCmd   `cmd:"" help:"Show what was kept of a bot's end: codes, signals, screenshot, page."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database up to date (serve does so too)."`
	OpenAPI    openAPICmd    `cmd:"" name:"openapi" help:"Print the OpenAPI document of the API."`
	Version    versionCmd    `cmd:"" help:"Print the version."`

	Bot     botCmd     `cmd:"" hidden:"" help:"Run one bot in its folder (started by the server)."`
	Compose composeCmd `cmd:"" hidden:"" help:"Compose the artifacts of a bot's folder (started by the bot)."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run returns the exit status: 0, 1 for a failure, 2 for a wrong command line.
func run(ctx context.Context, args []string) int {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("steno"),
		kong.Description("Bots that join meetings, record them and say who spoke when."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"data": dataDir()},
		kong.DefaultEnvars("STENO"),
		kong.Configuration(config.YAML),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic(err) // a mistake in the struct tags
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "steno:", err)
		fmt.Fprintln(os.Stderr, "steno: try steno --help")
		return 2
	}
	if err := parsed.Run(); err != nil {
		var status exitStatus
		if errors.As(err, &status) {
			return int(status)
		}
		fmt.Fprintln(os.Stderr, "steno:", err)
		return 1
	}
	return 0
}

// exitStatus is returned by commands that have said all there is to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// dataDir is the default of --data: /var/lib/steno for root, else a folder in
// the user's home.
func dataDir() string {
	home, err := os.UserHomeDir()
	if os.Geteuid() == 0 || err != nil {
		return "/var/lib/steno"
	}
	return filepath.Join(home, ".local", "share", "steno")
}

// logger makes the logger of a command; it writes to standard error.
func logger(o config.Log) *slog.Logger {
	opts := &slog.HandlerOptions{Level: o.LogLevel}
	if o.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	fmt.Println("steno", version)
	return nil
}
