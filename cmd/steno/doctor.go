package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"steno/internal/blob"
	"steno/internal/browser"
	"steno/internal/config"
	"steno/internal/doctor"
	"steno/internal/store"
)

type doctorCmd struct {
	Machine doctorMachineCmd `cmd:"" default:"withargs" help:"Look at this machine and say what is missing and what to do (the default)."`
	Meet    doctorMeetCmd    `cmd:"" help:"Hold the pack of a platform against a live meeting, and say whether bots will manage."`
}

// doctorMachineCmd looks at the machine as `steno serve` with the same options
// would find it.
type doctorMachineCmd struct {
	config.Storage `embed:""`
	config.Tools   `embed:""`
}

// Run prints a line for each check. The exit status is 1 if something is
// broken.
func (c *doctorMachineCmd) Run(ctx context.Context) error {
	checks := []doctor.Check{
		doctor.Machine(),
		doctor.Disk(c.Data),
		doctor.Clock(),
		doctor.Works("browser", "install one with: apt-get install chromium-headless-shell; or name one with --browser or STENO_BROWSER", c.browser),
		doctor.FFmpeg(c.FFmpeg),
		doctor.Works("database", "check --database-url or STENO_DATABASE_URL; without it Steno uses SQLite in its data folder", c.database),
		doctor.Works("storage", "check --storage-url or STENO_STORAGE_URL and the AWS_* variables; without it Steno keeps artifacts in its data folder", c.storage),
	}
	if doctor.Run(ctx, os.Stdout, checks) > 0 {
		return exitStatus(1)
	}
	return nil
}

func (c *doctorMachineCmd) browser(ctx context.Context) (string, error) {
	path, err := browser.Find(c.Browser)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "steno-doctor-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	b, err := browser.Launch(ctx, browser.Options{Path: path, Dir: dir})
	if err != nil {
		return "", err
	}
	defer b.Close()
	if err := b.Ping(ctx); err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return path + ", starts and answers", nil
	}
	return strings.TrimSpace(string(version)) + ", starts and answers", nil
}

func (c *doctorMachineCmd) database(ctx context.Context) (string, error) {
	db, err := store.Open(ctx, store.Options{DatabaseURL: c.DatabaseURL, DataDir: c.Data})
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.Ping(ctx); err != nil {
		return "", err
	}
	if c.DatabaseURL == "" {
		return "SQLite in " + c.Data, nil
	}
	return "PostgreSQL, up to date", nil
}

func (c *doctorMachineCmd) storage(ctx context.Context) (string, error) {
	where := c.StorageURL
	if where == "" {
		where = filepath.Join(c.Data, "objects")
	}
	objects, err := blob.Open(ctx, where)
	if err != nil {
		return "", err
	}
	defer objects.Close()
	if err := objects.Check(ctx); err != nil {
		return "", err
	}
	return "written to and read from " + objects.String(), nil
}
