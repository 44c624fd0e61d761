// Package e2e runs the real program as a user would: a server process, bots in
// real browsers, a meeting in the lab, webhooks to a receiver; and compares
// what was recorded with what really happened.
package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/demo"
	"steno/internal/record/journal"
	"steno/lab"
	"steno/lab/measure"
	"steno/test/contract"
	"steno/test/internal/testbin"
)

// binary is the program under test: the one that the build made, else one
// built here.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		file, remove, err := testbin.Find()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer remove()
		binary = file
		return m.Run()
	}())
}

// house is a server with a webhook receiver and a lab.
type house struct {
	*demo.Stage
	t     *testing.T
	hooks *demo.Receiver
	lab   *lab.Server
	data  string

	reference *contract.Watch // of every answer and webhook

	mu     sync.Mutex
	events []demo.Event
}

// open starts a house. Arguments are more arguments of `steno serve`.
func open(t *testing.T, args ...string) *house {
	t.Helper()
	return openWith(t, nil, args)
}

// openWith is open with more environment for all commands.
func openWith(t *testing.T, env, args []string) *house {
	t.Helper()
	return openIn(t, t.TempDir(), env, args)
}

// openIn is openWith in a given data folder.
func openIn(t *testing.T, data string, env, args []string) *house {
	t.Helper()
	h := &house{t: t, data: data}
	var err error
	if h.lab, err = lab.Start(t.Context(), lab.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.lab.Close() })
	if h.hooks, err = demo.NewReceiver(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.hooks.Close() })
	h.Stage, err = demo.NewStage(t.Context(), demo.StageOptions{
		Binary: binary, Data: h.data, Args: args, Pushed: true,
		Env: append(env, "STENO_LAB_HOST="+h.lab.Host(), "STENO_ALLOW_PRIVATE_TARGETS=127.0.0.0/8", "STENO_LOG_FORMAT=json"),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.reference = &contract.Watch{Failed: t.Errorf}
	h.HTTP = &http.Client{Transport: h.reference.Transport(http.DefaultTransport)}
	secret, err := h.Command(t.Context(), "webhook", "add", h.hooks.URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.hooks.Trust(secret); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	go h.listen(t.Context())
	return h
}

func (h *house) listen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-h.hooks.Events():
			if strings.HasPrefix(e.Type, "bot.") || strings.HasPrefix(e.Type, "calendar.") {
				h.reference.Message(e.Type, e.Text)
			}
			h.mu.Lock()
			h.events = append(h.events, e)
			h.mu.Unlock()
		}
	}
}

// close stops the server and kills bots that a failed test left behind.
func (h *house) close() {
	if err := h.Stop(); err != nil {
		h.t.Error(err)
	}
	left, _ := filepath.Glob(filepath.Join(h.data, "bots", "*", "pid"))
	for _, file := range left {
		if pid, err := h.BotPID(filepath.Base(filepath.Dir(file))); err == nil {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
	}
	if h.t.Failed() {
		h.t.Logf("the server's log:\n%s", h.Log())
	}
}

// meet opens a meeting.
func (h *house) meet(sc lab.Scenario) *lab.Meeting {
	h.t.Helper()
	m, err := h.lab.Open(h.t.Context(), sc)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// send sends a bot through the API.
func (h *house) send(m *lab.Meeting, more map[string]any) string {
	h.t.Helper()
	config := map[string]any{"bot_name": "Steno", "meeting_url": m.URL()}
	for k, v := range more {
		config[k] = v
	}
	id, err := h.CreateBot(h.t.Context(), config)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// watch follows a bot's journal from now on: its folder goes away at the end.
func (h *house) watch(id string) *watched {
	w := &watched{}
	ctx, stop := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if entries, err := journal.Read(h.BotFolder(id)); err == nil {
					w.set(entries)
				}
			}
		}
	}()
	h.t.Cleanup(func() { stop(); <-done })
	return w
}

// watched is a journal as last seen.
type watched struct {
	mu      sync.Mutex
	entries []journal.Entry
}

func (w *watched) set(entries []journal.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(entries) > len(w.entries) {
		w.entries = entries
	}
}

func (w *watched) all() []journal.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.entries
}

// epoch is time zero of the recording, 0 before it began.
func (w *watched) epoch() int64 {
	for _, e := range w.all() {
		if e.Epoch != nil {
			return e.Epoch.UnixMicro
		}
	}
	return 0
}

func (w *watched) gaps() (list []journal.Gap) {
	for _, e := range w.all() {
		if e.Gap != nil {
			list = append(list, *e.Gap)
		}
	}
	return list
}

// eventually waits until cond holds.
func (h *house) eventually(what string, patience time.Duration, cond func() bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			h.t.Fatalf("waited %v in vain: %s; webhooks so far: %v", patience, what, h.heard(""))
		case <-tick.C:
		}
	}
}

// final waits for a bot's last webhook and returns its details.
func (h *house) final(id, want string) demo.Details {
	h.t.Helper()
	h.eventually(want+" of "+id, 3*time.Minute, func() bool {
		for _, e := range h.heard(id) {
			if e == "bot.completed" || e == "bot.failed" {
				return true
			}
		}
		return false
	})
	d, err := h.Bot(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	ends := 0
	for _, e := range h.heard(id) {
		if e == "bot.completed" || e == "bot.failed" {
			ends++
			if e != want {
				h.t.Fatalf("the bot ended with %s, want %s; details %+v", e, want, d)
			}
		}
	}
	if ends != 1 {
		h.t.Errorf("%d final webhooks, want exactly one", ends)
	}
	return d
}

// heard lists a bot's events: types, and the codes of status changes. With an
// empty id it lists those of all bots.
func (h *house) heard(id string) (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		body := string(e.Body)
		if !strings.Contains(body, id) {
			continue
		}
		name := e.Type
		if e.Type == "bot.status_change" {
			name = statusCode(e.Body)
		}
		list = append(list, name)
	}
	return list
}

// download gets the artifacts of a bot through their signed URLs.
func (h *house) download(d demo.Details, epoch int64) measure.Recording {
	h.t.Helper()
	dir := h.t.TempDir()
	rec := measure.Recording{EpochUS: epoch, People: map[string]string{}}
	get := func(link *string, name string) string {
		if link == nil {
			return ""
		}
		path := filepath.Join(dir, name)
		if err := h.Download(h.t.Context(), *link, path); err != nil {
			h.t.Fatal(err)
		}
		return path
	}
	rec.Video, rec.Audio, rec.Diarization = get(d.Video, "video.mp4"), get(d.Audio, "output.flac"), get(d.Diarization, "diarization.jsonl")
	for i, v := range d.ParticipantAudio {
		rec.People[v.Name] = get(&v.URL, fmt.Sprintf("%d.opus", i))
	}
	return rec
}
