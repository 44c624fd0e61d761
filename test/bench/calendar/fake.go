package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/simulator/google"
	"steno/simulator/microsoft"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// command is a line to the fake's process, answer a line from it.
type command struct {
	Op      string `json:"op"` // hello, account, fill, edit, edit_series, calls, reset; see pain.go for more
	Account int    `json:"account,omitempty"`
	Events  int    `json:"events,omitempty"`
	Series  int    `json:"series,omitempty"`
	N       int    `json:"n,omitempty"`
	Kind    string `json:"kind,omitempty"` // of a fault
}

type answer struct {
	Error string               `json:"error,omitempty"`
	Env   []string             `json:"env,omitempty"`
	Creds calendar.Credentials `json:"creds,omitzero"`
	Calls int                  `json:"calls,omitempty"`
}

// fakeOf is a running fake.
type fakeOf struct {
	core *service.Core
	env  []string
	add  func(email string) (*truth.Calendar, calendar.Credentials, error)
	cals []*truth.Calendar
}

// fakes are the services that can be measured.
var fakes = map[string]func() (*fakeOf, error){
	"google": func() (*fakeOf, error) {
		s, err := google.Start(google.Options{Options: service.Options{Polite: true}})
		if err != nil {
			return nil, err
		}
		return &fakeOf{core: s.Core, env: s.Env(), add: func(email string) (*truth.Calendar, calendar.Credentials, error) {
			a, err := s.AddAccount(email, "Ada Blue", "Europe/Berlin")
			if err != nil {
				return nil, calendar.Credentials{}, err
			}
			return a.Primary(), calendar.Credentials{ClientID: a.ClientID, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken}, nil
		}}, nil
	},
	"microsoft": func() (*fakeOf, error) {
		s, err := microsoft.Start(microsoft.Options{Options: service.Options{Polite: true}})
		if err != nil {
			return nil, err
		}
		return &fakeOf{core: s.Core, env: s.Env(), add: func(email string) (*truth.Calendar, calendar.Credentials, error) {
			a, err := s.AddAccount(email, "Ada Blue", "Europe/Berlin")
			if err != nil {
				return nil, calendar.Credentials{}, err
			}
			return a.Primary(), calendar.Credentials{ClientID: a.ClientID, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken, Tenant: "common"}, nil
		}}, nil
	},
}

func platforms() []string { return slices.Sorted(maps.Keys(fakes)) }

// serveFake answers commands until the input ends.
func serveFake(name string, in io.Reader, out io.Writer) error {
	start, ok := fakes[name]
	if !ok {
		return fmt.Errorf("there is no fake %q", name)
	}
	f, err := start()
	if err != nil {
		return err
	}
	defer f.core.Close()
	lines, enc := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		a := answer{}
		if err := f.obey(c, &a); err != nil {
			a.Error = err.Error()
		}
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (f *fakeOf) obey(c command, a *answer) error {
	switch c.Op {
	case "hello":
		a.Env = f.env
	case "account":
		cal, creds, err := f.add(fmt.Sprintf("person%d@example.com", len(f.cals)))
		if err != nil {
			return err
		}
		f.cals, a.Creds = append(f.cals, cal), creds
	case "fill":
		for i := range c.Events {
			if _, err := f.cals[c.Account].Add(eventOf(i, i < c.Series)); err != nil {
				return err
			}
		}
	case "edit", "edit_series":
		return f.edit(c)
	case "calls":
		a.Calls = f.core.Calls("*") - f.core.Calls("token")
	case "reset":
		f.core.ResetCalls()
	default:
		return f.hurt(c, a)
	}
	return nil
}

// edit moves the n-th event of a kind by a minute.
func (f *fakeOf) edit(c command) error {
	i, cal := 0, f.cals[c.Account]
	for _, id := range cal.IDs() {
		recurs := false
		cal.Get(id, func(it *truth.Item) { recurs = it.Rule != nil })
		if recurs != (c.Op == "edit_series") {
			continue
		}
		if i == c.N {
			return cal.Edit(id, func(x *truth.Content) { x.Start, x.End = x.Start.Add(time.Minute), x.End.Add(time.Minute) })
		}
		i++
	}
	return errors.New("there is no such event")
}

// eventOf is an event as people have them: a few lines of text, a meeting, some
// attendees. Single events are spread over the next 28 days, series are weekly
// and began a year ago.
func eventOf(i int, series bool) truth.Event {
	start := time.Now().UTC().Truncate(time.Hour).Add(time.Duration(1+i%(28*24)) * time.Hour)
	e := truth.Event{Content: truth.Content{
		Title: fmt.Sprintf("Planning %d", i), Body: strings.Repeat("What we want to talk about this time. ", 12),
		Location: fmt.Sprintf("https://us02web.zoom.us/j/%d?pwd=abcdef", 81_000_000_000+i), Start: start, End: start.Add(30 * time.Minute), Zone: "Europe/Berlin",
	}}
	for k := range 4 {
		e.Attendees = append(e.Attendees, truth.Attendee{Person: truth.Person{Email: fmt.Sprintf("person%d@example.com", i+k), Name: fmt.Sprintf("Person %d", i+k)}, Response: truth.Accepted})
	}
	if series {
		e.Start, e.End = e.Start.AddDate(0, 0, -364), e.End.AddDate(0, 0, -364)
		e.Rule = &truth.Rule{Freq: truth.Weekly}
	}
	return e
}

// fake is the process seen from the benchmark.
type fake struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	hello answer
}

func startFake(name string) (*fake, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &fake{cmd: exec.Command(self, "-simulate", name)} //nolint:gosec // ourselves
	f.cmd.Stderr = os.Stderr
	if f.in, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.out = bufio.NewReader(out)
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	return f, f.ask(command{Op: "hello"}, &f.hello)
}

func (f *fake) ask(c command, into *answer) error {
	if err := json.NewEncoder(f.in).Encode(c); err != nil {
		return err
	}
	line, err := f.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the fake is gone: %w", err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return err
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	if into != nil {
		*into = a
	}
	return nil
}

func (f *fake) stop() {
	_ = f.in.Close()
	_ = f.cmd.Wait()
}

// env returns a variable that points to the fake.
func (f *fake) env(name string) string {
	for _, kv := range f.hello.Env {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}
