package tracks

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/internal/browser"
	"steno/internal/clock"
	"steno/internal/record/journal"
)

// childVar tells the test binary to be a bot: it holds the botChild as JSON.
const childVar = "STENO_TEST_BOT"

type botChild struct {
	Folder, Profile, URL string
	AudioOnly            bool
	Flags                []string
}

func TestMain(m *testing.M) {
	if spec := os.Getenv(childVar); spec != "" {
		if err := runChild(spec); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// runChild records until it is killed or its input ends. To each line it
// answers with what it and its browser use.
func runChild(spec string) error {
	var c botChild
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		return err
	}
	w, _, err := journal.Open(c.Folder, clock.System{})
	if err != nil {
		return err
	}
	r, err := New(Options{Folder: c.Folder, Journal: w, Clock: clock.System{}, AudioOnly: c.AudioOnly})
	if err != nil {
		return err
	}
	ctx := context.Background()
	b, err := browser.Launch(ctx, browser.Options{Dir: c.Profile, Loopback: true, Flags: c.Flags})
	if err != nil {
		return err
	}
	defer b.Close()
	for _, err := range []error{b.AddScript(ctx, r.Script()), b.Navigate(ctx, c.URL), b.Eval(ctx, "answer()", nil)} {
		if err != nil {
			return err
		}
	}
	fmt.Println("ready", b.PID())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		u, err := browser.TreeUsage(os.Getpid())
		if err != nil {
			return err
		}
		fmt.Println(u.CPU.Milliseconds(), u.PSS, u.Processes, r.Activity().Lost)
	}
	return r.Close()
}

// bot is a running child.
type bot struct {
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Reader
	pid int // of its browser
}

func startBot(t testing.TB, c botChild) *bot {
	t.Helper()
	spec, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+string(spec))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	b := &bot{cmd: cmd, in: w, out: bufio.NewReader(out)}
	t.Cleanup(b.kill)
	line, _ := b.out.ReadString('\n')
	if _, err := fmt.Sscanf(line, "ready %d", &b.pid); err != nil {
		t.Fatalf("bot did not start: %s", strings.TrimSpace(line))
	}
	return b
}

// kill is kill -9; the browser must follow by itself.
func (b *bot) kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // it was killed
	b.in.Close()
	for end := time.Now().Add(10 * time.Second); b.pid > 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if syscall.Kill(-b.pid, 0) != nil {
			return
		}
	}
}

type figures struct {
	cpu             time.Duration
	pss             int64
	processes, lost int
}

func (b *bot) figures(t testing.TB) (f figures) {
	t.Helper()
	fmt.Fprintln(b.in, "?")
	line, err := b.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ms int64
	if _, err := fmt.Sscan(line, &ms, &f.pss, &f.processes, &f.lost); err != nil {
		t.Fatal(err)
	}
	f.cpu = time.Duration(ms) * time.Millisecond
	return f
}
