package bot_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// crashVariable makes the test binary a process that does one thing and kills
// itself before a given statement: "url|dir|what|bot|step".
const crashVariable = "STENO_TEST_CRASH"

func crashChild() int {
	part := strings.Split(os.Getenv(crashVariable), "|")
	at, err := strconv.Atoi(part[4])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{DatabaseURL: part[0], DataDir: part[1], Step: func(n int) {
		if n == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	h := &house{now: time.Now()}
	s := bot.Service{Store: store.Bots{DB: db, Vault: h}, Clock: clock.System{}, Signer: h, ValidURL: func(string) error { return nil }}
	switch part[2] {
	case "create":
		_, err = s.Create(ctx, "red", bot.Request{
			Name: "N", MeetingURL: meetURL, CallbackEnabled: true, Callback: &bot.CallbackRequest{URL: "https://cb.example", Secret: "s"},
		})
	case "finish", "finish of v1":
		err = s.Apply(ctx, part[3], finish(h.now))
	case "leave":
		err = s.Leave(ctx, "red", part[3])
	case "delete":
		err = s.DeleteData(ctx, "red", part[3], false)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func finish(at time.Time) bot.Progress {
	return bot.Progress{
		Seq: 3, Transitions: []bot.Transition{{Status: bot.CallEnded, At: at}},
		Artifacts: []bot.StoredArtifact{{Kind: "video", Key: "k"}},
		Result:    &bot.Result{Duration: time.Minute, Participants: []bot.Participant{{N: 1, Name: "Ada", TalkMS: 5}}},
		Done:      &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: at},
	}
}

// Proves J1: for every place between two statements of a transaction, and
// before and after its commit, a process killed there leaves fact, job and
// webhooks behind together, or none of them.
//
// Its hundred processes do one thing each: the race detector finds nothing in
// them and makes their start five times as long. scripts/test runs this test
// without it.
func TestKilledAnywhereLeavesBothOrNeither(t *testing.T) {
	if raced {
		t.Skip("runs without the race detector")
	}
	for _, what := range []string{"create", "finish", "finish of v1", "leave", "delete"} {
		t.Run(what, func(t *testing.T) {
			storetest.EachOptions(t, func(t *testing.T, o store.Options) { enumerate(t, o, what) })
		})
	}
}

func enumerate(t *testing.T, o store.Options, what string) {
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	h := newHouse(t, db)
	h.listen(t, "red")
	id := ""
	none, all := 0, 0
	for step := 1; ; step++ {
		if id == "" || all > 0 { // the bot of the step before was changed: take a new one
			id = h.subject(t, what)
		}
		before := h.traces(t)
		finished := crashAt(t, o, what, id, step)
		difference := h.traces(t).minus(before)
		switch difference {
		case traces{}:
			none++
		case expected[what]:
			all++
		default:
			t.Errorf("killed at step %d: left %+v, want nothing or %+v", step, difference, expected[what])
		}
		if finished {
			break
		}
	}
	// Only a kill after the commit, and no kill at all, may leave something.
	if all != 2 || none < 4 {
		t.Errorf("%d kills left nothing, %d everything; want all before the commit and none after", none, all)
	}
}

// subject makes the bot that the child works on.
func (h *house) subject(t *testing.T, what string) string {
	t.Helper()
	switch what {
	case "create":
		return "none"
	case "leave":
		return h.create(t, "red", bot.Request{})
	case "finish of v1":
		return h.launched(t, "red", bot.Request{V1: &bot.V1{WebhookURL: "https://own.example", WebhookKey: "k"}})
	}
	return h.launched(t, "red", bot.Request{CallbackEnabled: true, Callback: &bot.CallbackRequest{URL: "https://cb.example"}})
}

// traces counts what a transaction leaves behind.
type traces struct{ bots, ended, deleted, transitions, jobs, messages, artifacts, people int }

var expected = map[string]traces{
	"create":       {bots: 1, transitions: 1, jobs: 1, messages: 1},
	"finish":       {ended: 1, transitions: 2, messages: 4, artifacts: 1, people: 1},
	"finish of v1": {ended: 1, transitions: 2, messages: 2, artifacts: 1, people: 1},
	"leave":        {ended: 1, transitions: 3, messages: 4},
	"delete":       {deleted: 1, jobs: 1},
}

func (h *house) traces(t *testing.T) traces {
	t.Helper()
	n := func(q string) int { return h.count(t, "SELECT COUNT(*) FROM "+q) }
	return traces{
		n("bots"), n("bots WHERE ended_at IS NOT NULL"), n("bots WHERE artifacts_deleted"), n("bot_transitions"),
		n("river_job"), n("webhook_messages"), n("artifacts"), n("participants"),
	}
}

func (a traces) minus(b traces) traces {
	return traces{
		a.bots - b.bots, a.ended - b.ended, a.deleted - b.deleted, a.transitions - b.transitions,
		a.jobs - b.jobs, a.messages - b.messages, a.artifacts - b.artifacts, a.people - b.people,
	}
}

// crashAt runs the child. It returns true if the child came to its end, because
// the transaction has fewer steps.
func crashAt(t *testing.T, o store.Options, what, id string, step int) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%s|%s|%d", crashVariable, o.DatabaseURL, o.DataDir, what, id, step))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return true
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child at step %d: %v\n%s", step, err, out)
	}
	return false
}
