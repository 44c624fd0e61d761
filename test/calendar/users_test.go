package calendar_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
)

// crowd is a process of its own with many users of one connection: they use it
// when they are told to.
type crowd struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// tally is what became of the calls of a crowd.
type tally struct {
	OK     int
	Errors map[string]int // by kind
}

// users runs in the child: for each line on its input, so many calls at once.
func (o childOptions) users(rooms *calendar.Service, in io.Reader, out io.Writer) {
	fmt.Fprintln(out, "ready")
	lines, enc := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		t := tally{Errors: map[string]int{}}
		var mu sync.Mutex
		var all sync.WaitGroup
		for range o.Users {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
				defer cancel()
				_, err := rooms.Providers[calendar.Google].Account(o.Connection, rooms.Tokens).Calendar(ctx, "primary")
				mu.Lock()
				defer mu.Unlock()
				if e := calendar.AsError(err); e != nil {
					t.Errors[string(e.Kind)]++
				} else if err != nil {
					t.Errors[err.Error()]++
				} else {
					t.OK++
				}
			})
		}
		all.Wait()
		if err := enc.Encode(t); err != nil {
			return
		}
	}
}

func (o childOptions) startCrowd(t *testing.T) *crowd {
	t.Helper()
	env, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{cmd: exec.CommandContext(t.Context(), os.Args[0])}
	c.cmd.Env, c.cmd.Stderr = append(os.Environ(), childEnv+"="+string(env)), t.Output()
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	if line, err := c.out.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	return c
}

// kill is kill -9.
func (c *crowd) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// use has all its users use the connection; the answer is for answer.
func (c *crowd) use(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(c.in, "go\n"); err != nil {
		t.Fatal(err)
	}
}

func (c *crowd) answer(t *testing.T) (got tally) {
	t.Helper()
	line, err := c.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// expired makes the access token that is stored one that has run out.
func (s *stand) expired(t *testing.T, id string) {
	t.Helper()
	s.google.Grants.ExpireAccess("")
	if err := expire(t.Context(), s.rooms.Tokens, id); err != nil {
		t.Fatal(err)
	}
	s.resetCalls()
}

// leaseOver lets the lease of a dead process run out, which takes a minute.
func (s *stand) leaseOver(t *testing.T, id string) {
	t.Helper()
	err := s.db.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE calendar_grants SET lock_until = 0 WHERE calendar_id = $1 AND lock_by <> ''", id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantLive fails if the stored grant is not one that the service takes.
func (s *stand) wantLive(t *testing.T, id string) {
	t.Helper()
	g, err := s.rooms.Tokens.Grant(t.Context(), id)
	if err != nil || !s.google.Grants.Live(g.RefreshToken) {
		t.Errorf("the stored refresh token is not the live one (%v)", err)
	}
}

// Proves C4: two hundred users of one expired grant in two processes, at a
// service that takes each refresh token once; one process is killed in the
// middle of the refresh, before and after the service has replaced the token.
func TestTwoHundredUsersOfOneGrantLoseItNeitherToEachOtherNorToAKill(t *testing.T) {
	useOneGrant(t, (*stand).leaseOver)
}

// The same, and the lease of a dead process is waited for as it is.
func TestStormOfUsersWaitsForTheLeaseOfADeadProcess(t *testing.T) {
	if os.Getenv("STENO_STORM") == "" {
		t.Skip("takes minutes; see scripts/storm")
	}
	useOneGrant(t, func(*stand, *testing.T, string) {})
}

func useOneGrant(t *testing.T, leaseOver func(*stand, *testing.T, string)) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		t.Parallel() // both wait for the second look at a dead grant
		db, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		s := newStand(t, db, service.Options{Polite: true, Clock: clock.System{}, Latency: 5 * time.Millisecond})
		s.google.Grants.Rotate = true
		s.listen(t)
		c, _ := s.connect(t, calendar.Google, "ada@example.com")
		s.sync(t, c.ID)
		at := s.addresses()
		child := childOptions{Dir: o.DataDir, URL: o.DatabaseURL, Key: s.key, Users: 100, Connection: c.ID,
			At: [4]string{at.GoogleAPI, at.GoogleToken, at.MicrosoftGraph, at.MicrosoftLogin}}
		a, b := child.startCrowd(t), child.startCrowd(t)

		s.expired(t, c.ID)
		a.use(t)
		b.use(t)
		for name, got := range map[string]tally{"a": a.answer(t), "b": b.answer(t)} {
			if got.OK != 100 {
				t.Errorf("two processes, %s: %+v", name, got)
			}
		}
		if n := s.google.Calls("token"); n != 1 || s.google.MostAtOnce("token") != 1 {
			t.Errorf("two processes: %d refreshes, %d at a time", n, s.google.MostAtOnce("token"))
		}
		s.wantLive(t, c.ID)

		for _, kill := range []struct {
			name    string
			when    service.Kind
			lenient bool // services take a replaced token for a while
		}{{"before the token is replaced", service.Slow, false}, {"after it", service.LateAnswer, true}} {
			s.google.Grants.Lenient = kill.lenient
			s.expired(t, c.ID)
			s.google.Inject(service.Injection{Method: "token", Kind: kill.when, Delay: time.Minute})
			a.use(t)
			eventually(t, "the refresh is at the service", func() bool { return s.google.Calls("token") == 1 })
			b.use(t)
			a.kill()
			leaseOver(s, t, c.ID)
			if got := b.answer(t); got.OK != 100 {
				t.Errorf("killed %s: %+v", kill.name, got)
			}
			if n := s.google.Calls("token"); n != 2 { // that of the dead one, and another
				t.Errorf("killed %s: %d refreshes", kill.name, n)
			}
			s.wantLive(t, c.ID)
			a = child.startCrowd(t)
		}
		s.wantOneEnd(t, c.ID, a, b)
	})
}

// wantOneEnd revokes the grant: whoever uses it then, the connection ends once,
// and nobody asks again.
func (s *stand) wantOneEnd(t *testing.T, id string, a, b *crowd) {
	t.Helper()
	if _, err := s.rooms.Refresh(t.Context(), s.team, id); err != nil { // so that a sync is due
		t.Fatal(err)
	}
	s.google.Grants.Each("", func(g *service.Grant) { g.Revoked = true })
	s.expired(t, id)
	a.use(t)
	b.use(t)
	for name, got := range map[string]tally{"a": a.answer(t), "b": b.answer(t)} {
		if got.Errors[string(calendar.Revoked)] != 100 {
			t.Errorf("revoked, %s: %+v", name, got)
		}
	}
	// Each process looks twice, and once at the token before.
	if n := s.google.Calls("token"); n > 6 {
		t.Errorf("revoked: %d refreshes of 200 users in two processes", n)
	}
	for range 3 {
		s.sync(t, id)
	}
	k, err := s.rooms.Get(t.Context(), s.team, id)
	if err != nil || k.Status != calendar.Dead || k.Sync.At != nil {
		t.Errorf("%s, next sync %v: %v", k.Status, k.Sync.At, err)
	}
	if n := s.count(t, calendar.MsgChanged); n != 1 {
		t.Errorf("%d messages about the end of the connection", n)
	}
	s.resetCalls()
	if _, _, err := s.rooms.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.sync(t, id)
	if n := s.google.Calls("*"); n != 0 {
		t.Errorf("%d calls for a dead connection", n)
	}
}
