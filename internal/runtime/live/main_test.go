// Package live holds tests of bots as they really run: real processes, a real
// Chromium, the lab's meeting with real media, the composer and ffmpeg.
package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/clock"
	"steno/internal/record/compose"
	"steno/internal/runtime"
	"steno/internal/runtime/runtimetest"
	"steno/internal/runtime/session"
)

// TestMain makes the test binary play steno: `bot` and `compose` as they are,
// and a server that can be killed.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == severableName {
		os.Exit(status(playBrowser()))
	}
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "bot":
			os.Exit(status(playBot(os.Args[3], os.Args[4:])))
		case "compose":
			os.Exit(status(playComposer(os.Args[3])))
		case "supervise":
			os.Exit(status(playServer(os.Args[2], os.Args[3])))
		}
	}
	if _, err := browser.Find(""); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need a browser:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func status(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, session.ErrUnfinished):
		return 75
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

var journalLog = slog.New(slog.NewJSONHandler(os.Stderr, nil))

func playBot(folder string, extra []string) error {
	var live bot.LiveAccess
	if slices.Contains(extra, "--secret-fd=3") {
		if err := json.NewDecoder(os.NewFile(3, "secret")).Decode(&live); err != nil {
			return err
		}
	}
	return session.Run(context.Background(), session.Options{
		Folder: folder, Finalise: slices.Contains(extra, "--finalise"), Live: live, Tools: session.Live(os.Args[0]), Clock: clock.System{}, Log: journalLog,
		Leave: session.Signals(),
	})
}

func playComposer(folder string) error {
	spec, err := session.ReadSpec(folder)
	if err != nil {
		return err
	}
	_, err = compose.Run(context.Background(), compose.Options{
		Folder: folder, Mode: spec.Mode, FFmpeg: spec.FFmpeg, Follow: true, Log: journalLog, Clock: clock.System{},
	})
	return err
}

// playServer is a server process with a supervisor and one bot, to be killed.
// The spec is that of the file.
func playServer(data, specFolder string) error {
	s, err := newSupervisor(data, &runtimetest.Book{Path: filepath.Join(data, "book")}, bot.LiveAccess{})
	if err != nil {
		return err
	}
	if err := s.Start(context.Background()); err != nil {
		return err
	}
	spec, err := session.ReadSpec(specFolder)
	if err != nil {
		return err
	}
	if err := s.Launch(context.Background(), spec); err != nil {
		return err
	}
	select {}
}

// newSupervisor makes a supervisor; access is what bots are given for their live
// transcript.
func newSupervisor(data string, ledger runtime.Ledger, access bot.LiveAccess) (*runtime.Supervisor, error) {
	objects, err := blob.Open(context.Background(), filepath.Join(data, "objects"))
	if err != nil {
		return nil, err
	}
	return runtime.New(runtime.Options{
		Data: data, Program: os.Args[0], Ledger: ledger, Objects: objects, Clock: clock.System{},
		Log: slog.New(slog.DiscardHandler), MinFree: 1, RetryDisk: 200e6,
		LiveAccess: func(context.Context, string, bot.LiveTranscript) (bot.LiveAccess, error) { return access, nil },
	}), nil
}
