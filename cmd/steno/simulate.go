package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"steno/simulator/google"
	"steno/simulator/microsoft"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

// simulateCmd serves fakes of other services for trying Steno out.
type simulateCmd struct {
	Google    simulateGoogleCmd    `cmd:"" help:"Serve a fake of the Google Calendar API."`
	Microsoft simulateMicrosoftCmd `cmd:"" help:"Serve a fake of the calendars of Microsoft Graph."`

	Transcription simulateTranscriptionCmd `cmd:"" help:"Serve a fake of a transcription service."`
}

type simulateGoogleCmd struct {
	Listen string `placeholder:"ADDR" default:"127.0.0.1:8095" help:"Address of the fake, as host:port; loopback only."`
	simulateOptions
}

type simulateMicrosoftCmd struct {
	Listen string `placeholder:"ADDR" default:"127.0.0.1:8096" help:"Address of the fake, as host:port; loopback only."`
	simulateOptions
}

type simulateTranscriptionCmd struct {
	Service string        `arg:"" enum:"gladia,assemblyai,deepgram,openai" help:"Service to fake: gladia, assemblyai, deepgram, openai."`
	Listen  string        `placeholder:"ADDR" default:"127.0.0.1:8097" help:"Address of the fake, as host:port; loopback only."`
	Key     []string      `placeholder:"KEY" default:"simulator-key" help:"API key that is accepted; may be repeated."`
	Script  string        `placeholder:"TEXT" help:"What voices say. Default: a few sentences."`
	Work    time.Duration `default:"2s" help:"How long a job takes, at services that have jobs."`
	misbehaviour
}

type simulateOptions struct {
	Account []string `placeholder:"EMAIL" default:"ada@example.com" help:"Account to open; may be repeated."`
	Zone    string   `placeholder:"ZONE" default:"Europe/Berlin" help:"Time zone of the accounts."`
	Events  int      `default:"20" help:"Single events in each calendar, over the next 30 days."`
	Series  int      `default:"5" help:"Weekly series in each calendar."`
	misbehaviour
}

// misbehaviour is what all fakes can be told.
type misbehaviour struct {
	Polite  bool               `help:"Do not misbehave. Default: a few percent of the answers and pushes go wrong."`
	Fault   map[string]float64 `placeholder:"KIND=RATE" help:"Rate of one fault, from 0 to 1; may be repeated."`
	Latency time.Duration      `default:"0s" help:"Added to every answer."`
	Seed    uint64             `default:"1" help:"Decides about faults, ids and tokens."`
}

// Run serves until it is told to stop.
func (c *simulateGoogleCmd) Run(ctx context.Context) error {
	o, err := c.options(c.Listen)
	if err != nil {
		return err
	}
	s, err := google.Start(google.Options{Options: o})
	if err != nil {
		return err
	}
	return c.serve(ctx, s.Core, s, s.Env())
}

// Run serves until it is told to stop.
func (c *simulateMicrosoftCmd) Run(ctx context.Context) error {
	o, err := c.options(c.Listen)
	if err != nil {
		return err
	}
	s, err := microsoft.Start(microsoft.Options{Options: o})
	if err != nil {
		return err
	}
	return c.serve(ctx, s.Core, s, s.Env())
}

// Run serves until it is told to stop.
func (c *simulateTranscriptionCmd) Run(ctx context.Context) error {
	o, err := c.options(c.Listen)
	if err != nil {
		return err
	}
	s, err := transcription.Start(transcription.Options{Options: o, Service: c.Service, Keys: c.Key, Script: c.Script, Work: c.Work})
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Printf("%s is at %s\nfaults can be steered at %s/control/faults (see docs/simulators.md); Ctrl-C ends the simulator\n", c.Service, s.Address(), s.Address())
	<-ctx.Done()
	return nil
}

func (c *misbehaviour) options(listen string) (service.Options, error) {
	faults := service.Faults{}
	for kind, rate := range c.Fault {
		faults[service.Kind(kind)] = rate
	}
	return service.Options{Listen: listen, Seed: c.Seed, Polite: c.Polite, Faults: faults, Latency: c.Latency}, faults.Check()
}

// serve fills the accounts, says how to use them, and waits.
func (c *simulateOptions) serve(ctx context.Context, core *service.Core, fake service.Fake, env []string) error {
	defer core.Close()
	for _, line := range env {
		fmt.Println(line)
	}
	for _, email := range c.Account {
		who, err := fake.Open(email, "", c.Zone, nil)
		if err != nil {
			return err
		}
		now := core.Now()
		if err := core.Book.Account(email).Primary().Fill(c.Events, c.Series, now, now.AddDate(0, 0, 30)); err != nil {
			return err
		}
		text, err := json.Marshal(who)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", text)
	}
	fmt.Printf("the calendars can be changed at %s/control/accounts (see docs/simulators.md); Ctrl-C ends the simulator\n", core.Address())
	<-ctx.Done()
	return nil
}
