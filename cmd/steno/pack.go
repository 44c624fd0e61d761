package main

import (
	"errors"
	"fmt"
	"os"

	"steno/internal/config"
	"steno/internal/meeting"
	"steno/internal/platform/pack"
)

// packCmd is for operators who mend a page's description without a new program.
type packCmd struct {
	Check packCheckCmd `cmd:"" help:"Check platform packs; names file, line, place and rule of each mistake."`
	Show  packShowCmd  `cmd:"" help:"Print the pack of a platform that new bots use, to begin one's own with."`
}

type packCheckCmd struct {
	File []string `arg:"" help:"Files to check."`
}

// Run checks the files. The exit status is 1 if one is broken.
func (c *packCheckCmd) Run() error {
	broken := false
	for _, file := range c.File {
		p, err := pack.ReadFile(file)
		if err != nil {
			broken = true
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		fmt.Printf("%s: good; %s, version %s, %d selectors\n", file, p.Platform, p.Version, len(p.CSS()))
	}
	if broken {
		return exitStatus(1)
	}
	return nil
}

type packShowCmd struct {
	Platform string `arg:"" help:"meet, teams or zoom."`

	config.Tools `embed:""`
}

// Run prints the operator's pack if there is one, else the built-in one.
func (c *packShowCmd) Run() error {
	p := meeting.Platform(c.Platform)
	if !pack.Has(p) {
		return errors.New("there is no pack of that platform; there are those of " + fmt.Sprint(pack.Platforms()))
	}
	own, err := pack.Load(c.Packs, p)
	if err != nil {
		return err
	}
	if own == nil {
		own = pack.Builtin(p)
	}
	fmt.Print(own.Text())
	return nil
}
