package galene

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/bot"
	"steno/internal/platform"
)

// film is a page that shows recorded snapshots of a real Galène 1.0 server's
// client, one after another; the last one stays.
type film struct {
	platform.Page
	t        *testing.T
	reels    []string // names in testdata
	onClick  []string // what follows when connect is clicked
	clicks   int
	typed    string
	evals    []string
	navigate error
}

func (f *film) Navigate(context.Context, string) error { return f.navigate }
func (f *film) Type(_ context.Context, selector, text string) error {
	if selector != "#username" {
		return platform.ErrNoElement
	}
	f.typed = text
	return nil
}
func (f *film) Click(_ context.Context, selector string) error {
	if selector != "#connectbutton" {
		return platform.ErrNoElement
	}
	f.clicks++
	f.reels = slices.Clone(f.onClick)
	return nil
}
func (f *film) Eval(_ context.Context, expression string, out any) error {
	if !strings.Contains(expression, "reported") {
		f.evals = append(f.evals, expression)
		return nil
	}
	raw, err := os.ReadFile(filepath.Join("testdata", f.reels[0]+".json"))
	if err != nil {
		f.t.Fatal(err)
	}
	if len(f.reels) > 1 {
		f.reels = f.reels[1:]
	}
	return json.Unmarshal(raw, out)
}

func join() platform.Join {
	return platform.Join{URL: "https://galene.example/group/test/", Name: "Steno"}
}

func enter(t *testing.T, f *film) (*Adapter, error) {
	t.Helper()
	f.t = t
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a := New()
	return a, a.Enter(ctx, f, join())
}

func observe(t *testing.T, a *Adapter, f *film) platform.Observation {
	t.Helper()
	o, err := a.Observe(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestEntersAndSeesWhoIsThere(t *testing.T) {
	t.Parallel()
	f := &film{reels: []string{"form"}, onClick: []string{"form", "call"}}
	a, err := enter(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if f.typed != "Steno" || f.clicks != 1 {
		t.Errorf("typed %q, clicked %d times", f.typed, f.clicks)
	}
	o := observe(t, a, f)
	want := []platform.Person{
		{ID: "9bc9c491bbb6843a82526b5597e8a53b", Name: "Steno", Self: true},
		{ID: "d62bd90c870909b0", Name: "Ada Blue"}, {ID: "d698ee97e2b96a17", Name: "Ben Red"},
		{ID: "778d2b57a78cdecd", Name: "Cora Green"}, {ID: "3ff75fdf7ef7e89b", Name: "op"},
	}
	if diff := cmp.Diff(want, o.Roster); diff != "" || o.Stage != platform.StageInCall {
		t.Errorf("stage %s, roster:\n%s", o.Stage, diff)
	}
	if !slices.Contains(o.Bindings, platform.Binding{MediaID: "ad62bd90c870909b0", Person: "d62bd90c870909b0"}) || len(o.Bindings) != 6 {
		t.Errorf("bindings %+v", o.Bindings)
	}
	// What was written before the bot came is not its meeting's.
	if len(o.Messages) != 1 || !o.Messages[0].Self || o.Messages[0].Text != `/hello "all"` {
		t.Errorf("messages %+v", o.Messages)
	}
}

func TestRejoiningReadsWhatWasMissed(t *testing.T) {
	t.Parallel()
	f := &film{t: t, reels: []string{"form"}, onClick: []string{"call"}}
	a, again := New(), join()
	again.Rejoin = true
	if err := a.Enter(t.Context(), f, again); err != nil {
		t.Fatal(err)
	}
	if o := observe(t, a, f); len(o.Messages) != 2 {
		t.Errorf("messages %+v, want the old one too", o.Messages)
	}
}

func TestDoorsThatAreShut(t *testing.T) {
	cases := []struct {
		name string
		film film
		code bot.EndCode
	}{
		{"no such group", film{reels: []string{"none"}}, bot.EndCannotJoin},
		{"password wanted", film{reels: []string{"form"}, onClick: []string{"form", "private"}}, bot.EndLoginRequired},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := enter(t, &c.film)
			var r *platform.Refusal
			if !errors.As(err, &r) || r.Code != c.code {
				t.Errorf("enter: %v, want a refusal with %s", err, c.code)
			}
		})
	}
}

func TestUnreachableServerIsNoRefusal(t *testing.T) {
	t.Parallel()
	_, err := enter(t, &film{navigate: errors.New("net::ERR_CONNECTION_REFUSED")})
	var r *platform.Refusal
	if err == nil || errors.As(err, &r) {
		t.Errorf("enter: %v, want an error that may be tried again", err)
	}
}

func TestLockedGroupIsALobby(t *testing.T) {
	t.Parallel()
	f := &film{reels: []string{"form"}, onClick: []string{"locked"}}
	a, err := enter(t, f)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a.now = func() time.Time { return now }
	a.knocked = now
	if o := observe(t, a, f); o.Stage != platform.StageLobby || f.clicks != 1 {
		t.Errorf("stage %s after %d clicks, want the lobby after one", o.Stage, f.clicks)
	}
	now = now.Add(knockEvery)
	observe(t, a, f)
	if f.clicks != 2 {
		t.Errorf("%d clicks, want another one", f.clicks)
	}
	f.reels = []string{"call"}
	if o := observe(t, a, f); o.Stage != platform.StageInCall {
		t.Errorf("stage %s, want in the call", o.Stage)
	}
}

func TestWaysOutOfTheCall(t *testing.T) {
	cases := []struct {
		reel   string
		code   bot.EndCode
		reason string
	}{
		{"kicked", bot.EndRemoved, "removed by op: no robots here"},
		{"form", bot.EndUnknown, "the connection was closed"},
	}
	for _, c := range cases {
		t.Run(c.reel, func(t *testing.T) {
			t.Parallel()
			f := &film{reels: []string{"form"}, onClick: []string{"call"}}
			a, err := enter(t, f)
			if err != nil {
				t.Fatal(err)
			}
			f.reels = []string{c.reel}
			if o := observe(t, a, f); o.Stage != platform.StageEnded || o.Code != c.code || o.Reason != c.reason {
				t.Errorf("%+v, want the end with %s", o, c.code)
			}
		})
	}
}

func TestMessageIsQuotedNotRun(t *testing.T) {
	t.Parallel()
	f := &film{t: t}
	if err := New().Say(t.Context(), f, `"); alert(1); ("`); err != nil {
		t.Fatal(err)
	}
	if want := `serverConnection.chat('', '', "\"); alert(1); (\"")`; !strings.Contains(f.evals[0], want) {
		t.Errorf("evaluated %s, want %s", f.evals[0], want)
	}
}

func TestEveryRefusalInThePackMeansSomething(t *testing.T) {
	t.Parallel()
	for _, r := range current.Refusals {
		if r.Wait == (r.Code != "") || r.Text == "" || r.Text != strings.ToLower(r.Text) {
			t.Errorf("refusal %+v must be lower case and either wait or have a code", r)
		}
	}
	if r := current.classify("The host does not want robots"); r.Code != bot.EndNotAccepted {
		t.Errorf("unknown words mean %+v", r)
	}
}
