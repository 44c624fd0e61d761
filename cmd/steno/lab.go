package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"steno/lab"
)

// labCmd serves meetings for trying bots out.
type labCmd struct {
	Listen   string        `placeholder:"ADDR" default:"127.0.0.1:8099" env:"STENO_LAB_LISTEN" help:"Address of the lab, as host:port."`
	Scenario []string      `placeholder:"FILE" type:"existingfile" help:"Scenario to open (YAML); may be repeated. Default: a conversation."`
	Code     string        `default:"abc-defg-hij" help:"Code of the conversation's meeting."`
	People   int           `default:"3" help:"How many talk in it, 1 to 6."`
	Length   time.Duration `default:"1m" help:"How long they talk before they begin again."`
	FFmpeg   string        `name:"ffmpeg" placeholder:"FILE" help:"ffmpeg that draws the cameras' pictures."`
}

// Run serves until it is told to stop.
func (c *labCmd) Run(ctx context.Context) error {
	scenarios, err := c.scenarios()
	if err != nil {
		return err
	}
	server, err := lab.Start(ctx, lab.Options{Listen: c.Listen, FFmpeg: c.FFmpeg})
	if err != nil {
		return err
	}
	defer server.Close()
	for _, sc := range scenarios {
		m, err := server.Open(ctx, sc)
		if err != nil {
			return err
		}
		c.say(m)
	}
	fmt.Printf("meetings can be steered at %s/control/meetings; Ctrl-C ends the lab\n", server.URL())
	<-ctx.Done()
	return nil
}

func (c *labCmd) scenarios() ([]lab.Scenario, error) {
	if len(c.Scenario) == 0 {
		sc := lab.Conversation(c.Code, c.People, c.Length)
		sc.Repeat = true
		return []lab.Scenario{sc}, nil
	}
	var list []lab.Scenario
	for _, file := range c.Scenario {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		sc, err := lab.ParseScenario(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		list = append(list, sc)
	}
	return list, nil
}

func (c *labCmd) say(m *lab.Meeting) {
	fmt.Printf("%s\n  steno record --lab-host %s %s\n", m.URL(), c.Listen, m.URL())
}
