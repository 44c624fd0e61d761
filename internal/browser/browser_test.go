package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"steno/internal/child"
	"steno/internal/platform"
)

// ownerDir tells the test binary to be the owner of a browser in that
// directory, and to wait for its end.
const ownerDir = "STENO_TEST_BROWSER_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerDir); dir != "" {
		b, err := Launch(context.Background(), Options{Dir: dir})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(b.PID())
		select {}
	}
	os.Exit(m.Run())
}

func launch(t *testing.T, o Options) *Browser {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	b, err := Launch(deadline(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func serve(t *testing.T, html string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, html)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestPageIsDriven(t *testing.T) {
	b, ctx := launch(t, Options{Width: 800, Height: 600}), deadline(t)
	url := serve(t, `<!doctype html><title>x</title>
		<button style="display:none" onclick="document.title='hidden one clicked'">a</button>
		<div style="height:3000px"></div>
		<input id="name" value="old name"><textarea id="chat"></textarea>
		<button onclick="document.title=document.querySelector('#name').value+'|'+document.querySelector('#chat').value">b</button>
		<script>
		document.querySelector('#chat').addEventListener('keydown', e => { if (e.key === 'Enter') window.entered = true })
		console.log('said by the page')
		</script>`)
	if err := b.AddScript(ctx, `window.before = document.readyState + typeof document.querySelector('button')`); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		b.Navigate(ctx, url),
		b.Type(ctx, "#name", "Zoë 中"),
		b.Type(ctx, "#chat", "hi"),
		b.Press(ctx, "Enter"),
		b.Click(ctx, "button"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got struct {
		Title, Before string
		Entered       bool
		Awaited       int
	}
	err := b.Eval(ctx, `(async () => ({title: document.title, before: window.before, entered: window.entered, awaited: await Promise.resolve(7)}))()`, &got)
	if err != nil || got.Title != "Zoë 中|hi" || !got.Entered || got.Awaited != 7 {
		t.Errorf("page shows %+v, %v", got, err)
	}
	if got.Before != "loadingobject" {
		t.Errorf("added script ran late: %q", got.Before)
	}
	shot, err := b.Screenshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := png.DecodeConfig(bytes.NewReader(shot)); err != nil || c.Width != 800 || c.Height != 600 {
		t.Errorf("screenshot is %v by %v, %v", c.Width, c.Height, err)
	}
	if log := strings.Join(b.Console(), "\n"); !strings.Contains(log, "said by the page") {
		t.Errorf("console tail lacks the page's message:\n%s", log)
	}
	if u, err := b.Usage(); err != nil || u.Processes < 2 || u.PSS < 20<<20 || u.CPU <= 0 {
		t.Errorf("usage %+v, %v", u, err)
	}
}

func TestErrorsOfThePageAreTold(t *testing.T) {
	b, ctx := launch(t, Options{}), deadline(t)
	if err := b.Click(ctx, "#nothing"); !errors.Is(err, platform.ErrNoElement) {
		t.Errorf("click on nothing: %v", err)
	}
	if err := b.Type(ctx, "#nothing", "x"); !errors.Is(err, platform.ErrNoElement) {
		t.Errorf("type into nothing: %v", err)
	}
	if err := b.Eval(ctx, `Promise.reject(new Error('broken promise'))`, nil); err == nil || !strings.Contains(err.Error(), "broken promise") {
		t.Errorf("exception: %v", err)
	}
	if err := b.Navigate(ctx, "http://127.0.0.1:1/"); err == nil {
		t.Error("navigation to a closed port succeeded")
	}
}

func TestNavigateFollowsPageThatMovesOnAndAnswersDialogs(t *testing.T) {
	b, ctx := launch(t, Options{}), deadline(t)
	end := serve(t, `<title>end</title><script>alert('stop!')</script>`)
	first := serve(t, `<script>location.replace(`+quote(end)+`)</script>`)
	if err := b.Navigate(ctx, first); err != nil {
		t.Fatal(err)
	}
	var title string
	if err := b.Eval(ctx, "document.title", &title); err != nil || title != "end" {
		t.Errorf("after a redirect in script: %q, %v", title, err)
	}
}

// A meeting page comes by TLS with a strict policy; the recorder's worker must
// start and reach 127.0.0.1 none the less.
func TestStrictPageLetsWorkerReachLoopback(t *testing.T) {
	reached := make(chan string, 1)
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case reached <- r.Header.Get("Upgrade"):
		default:
		}
	}))
	defer sink.Close()
	page := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'nonce-x'; worker-src 'none'; connect-src 'self'; require-trusted-types-for 'script'")
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<title>strict</title>")
	}))
	defer page.Close()
	b, ctx := launch(t, Options{InsecureTLS: true}), deadline(t)
	script := fmt.Sprintf(`new Worker(URL.createObjectURL(new Blob(['new WebSocket(%q)'])))`,
		strings.Replace(sink.URL, "http", "ws", 1))
	if err := b.AddScript(ctx, script); err != nil {
		t.Fatal(err)
	}
	if err := b.Navigate(ctx, page.URL); err != nil {
		t.Fatal(err)
	}
	select {
	case up := <-reached:
		if up != "websocket" {
			t.Errorf("reached without upgrade: %q", up)
		}
	case <-ctx.Done():
		t.Errorf("worker never reached the socket; console:\n%s", strings.Join(b.Console(), "\n"))
	}
}

// Proves part of R5: a dead renderer is noticed.
func TestKilledRendererIsNoticed(t *testing.T) {
	b, ctx := launch(t, Options{}), deadline(t)
	if err := b.Navigate(ctx, serve(t, "<h1>hello</h1>")); err != nil {
		t.Fatal(err)
	}
	if n := killRenderers(t, b); n == 0 {
		t.Fatal("no renderer found")
	}
	select {
	case <-b.Crashed():
	case <-ctx.Done():
		t.Fatal("killed renderer was not noticed")
	}
	if err := b.Ping(ctx); err == nil {
		t.Error("a crashed page answers")
	}
}

func killRenderers(t *testing.T, b *Browser) int {
	t.Helper()
	n := 0
	for _, pid := range child.Members(b.PID()) {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(cmdline), "--type=renderer") {
			n++
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}
	return n
}

// Proves part of R5: a stopped browser fails its ping and can be closed.
func TestStoppedBrowserFailsPingAndCloses(t *testing.T) {
	b, ctx := launch(t, Options{}), deadline(t)
	if err := b.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-b.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if err := b.Ping(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ping of a stopped browser: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// A browser whose pipes are gone, in either direction, cannot be spoken to: it is
// ended.
func TestBrowserWithoutPipesIsEnded(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	out, in := io.Pipe()
	out.Close()
	p := newPipe(r, in, nil)
	if err := p.call(deadline(t), "", "Any.thing", nil, nil); !errors.Is(err, errGone) {
		t.Errorf("a command that cannot be written: %v", err)
	}
	b := launch(t, Options{})
	b.pipe.lose()
	select {
	case <-b.Done():
	case <-deadline(t).Done():
		t.Error("the browser lives on")
	}
}

func TestKilledBrowserIsNoticed(t *testing.T) {
	b, ctx := launch(t, Options{}), deadline(t)
	if err := syscall.Kill(b.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.Done():
	case <-ctx.Done():
		t.Fatal("killed browser was not noticed")
	}
	if err := b.Ping(ctx); err == nil {
		t.Error("a killed browser answers")
	}
	if left := child.Members(b.PID()); len(left) > 0 {
		t.Errorf("processes left behind: %v", left)
	}
}

// Proves part of R5: launching and closing leaves no process, not even a dead
// one, no file and no descriptor.
func TestManyLaunchesLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	files := openFiles(t)
	for range 20 {
		b := launch(t, Options{Dir: dir})
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if left := child.Members(b.PID()); len(left) > 0 {
			t.Fatalf("processes left behind: %v", left)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("files left behind: %v", left)
	}
	waitFor(t, "descriptors to be closed", func() bool { return openFiles(t) <= files+2 })
	if u, err := TreeUsage(os.Getpid()); err != nil || u.Processes != 1 {
		t.Errorf("%d children left behind, %v", u.Processes-1, err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestBrowserDiesWithItsOwner(t *testing.T) {
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerDir+"="+t.TempDir())
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal("owner did not launch a browser")
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // it was killed
	waitFor(t, "the browser to die", func() bool { return !anyAlive(pid) })
}

// anyAlive tells whether a process of the group runs; dead ones that wait for
// a parent to collect them do not count.
func anyAlive(group int) bool {
	for _, pid := range child.Members(group) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if s := string(b); s != "" && !strings.Contains(s, ") Z ") {
			return true
		}
	}
	return false
}

func TestNoBrowserSaysWhatToDo(t *testing.T) {
	if _, err := lookUp("", []string{"/nowhere/chromium"}); !errors.Is(err, ErrNoBrowser) || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("nothing installed: %v", err)
	}
	dir := t.TempDir()
	if _, err := Launch(t.Context(), Options{Dir: dir, Path: "/nowhere/chromium"}); !errors.Is(err, ErrNoBrowser) {
		t.Errorf("wrong path: %v", err)
	}
	script := filepath.Join(dir, "browser")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho no display >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Launch(deadline(t), Options{Dir: dir, Path: script}); err == nil || !strings.Contains(err.Error(), "no display") {
		t.Errorf("browser that ends at once: %v", err)
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
