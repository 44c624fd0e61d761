package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/doctor"
	"steno/internal/meeting"
	"steno/internal/platform/all"
	"steno/internal/platform/pack"
	"steno/internal/runtime/session"
)

// doctorMeetCmd joins a meeting of any platform that has a pack, whatever its name
// says.
type doctorMeetCmd struct {
	URL  string        `arg:"" help:"The meeting's address, of any platform that has a pack."`
	Name string        `default:"Steno check" help:"The guest's name in the meeting."`
	Wait time.Duration `default:"2m" help:"How long the page may take to ask to be let in, and then to be let in."`
	Stay time.Duration `default:"30s" help:"How long to look at the call."`
	Out  string        `short:"o" placeholder:"DIR" help:"Folder for screenshots and pages; a new one if not given."`

	config.Hosts   `embed:""`
	config.Tools   `embed:""`
	config.Targets `embed:""`
}

// Run makes the visit. The exit status is 1 if bots will fail.
func (c *doctorMeetCmd) Run(ctx context.Context) error {
	level, err := c.visit(ctx, os.Stdout)
	if err == nil && level == doctor.Broken {
		return exitStatus(1)
	}
	return err
}

func (c *doctorMeetCmd) visit(ctx context.Context, out io.Writer) (doctor.Level, error) {
	m, err := meeting.Parse(c.URL, c.Meetings())
	if err != nil {
		return doctor.Broken, err
	}
	if !pack.Has(m.Platform) {
		return doctor.Broken, fmt.Errorf("%s has no pack that could be checked; there are those of %v", m.Platform, pack.Platforms())
	}
	own, err := pack.Load(c.Packs, m.Platform)
	if err != nil {
		return doctor.Broken, err
	}
	adapter, err := all.Adapter(m.Platform, own.Text())
	if err != nil {
		return doctor.Broken, err
	}
	private, err := c.PrivateTargets()
	if err != nil {
		return doctor.Broken, err
	}
	folder := cmp.Or(c.Out, freshFolder("check-"+m.Key, clock.System{}.Now()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return doctor.Broken, err
	}
	dir, err := os.MkdirTemp("", "steno-doctor-")
	if err != nil {
		return doctor.Broken, err
	}
	defer os.RemoveAll(dir)
	page, err := session.Live("").Open(ctx, session.Opening{
		Spec:   bot.Spec{Platform: m.Platform, URL: m.Page, Browser: c.Browser, Reach: c.Reach(private)},
		Folder: dir, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return doctor.Broken, err
	}
	if own == nil {
		own = pack.Builtin(m.Platform)
	}
	level, err := doctor.Visit{
		Pack: own, Adapter: adapter, Page: page, URL: m.Page, Name: c.Name, Folder: folder, Out: out, Wait: c.Wait, Stay: c.Stay, Look: time.Second,
	}.Run(ctx)
	return level, errors.Join(err, page.Close())
}
