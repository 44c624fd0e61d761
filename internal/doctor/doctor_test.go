package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func run(t *testing.T, checks ...Check) (string, int) {
	t.Helper()
	var out bytes.Buffer
	n := Run(t.Context(), &out, checks)
	return out.String(), n
}

func TestABrokenThingIsCountedAndItsRemedyIsSaid(t *testing.T) {
	out, n := run(t,
		Works("database", "start it", func(context.Context) (string, error) { return "", errors.New("connection refused") }),
		Works("storage", "start it", func(context.Context) (string, error) { return "files", nil }))
	if n != 1 {
		t.Errorf("%d broken, want 1", n)
	}
	for _, want := range []string{"BROKEN  database  connection refused", "start it", "ok      storage   files"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	if strings.Count(out, "start it") != 1 {
		t.Errorf("the remedy of something that works is said:\n%s", out)
	}
}

func TestFFmpegThatIsMissingOrCannotEncodeIsBroken(t *testing.T) {
	if out, n := run(t, FFmpeg("/nowhere/ffmpeg")); n != 1 || !strings.Contains(out, "apt-get install ffmpeg") {
		t.Errorf("missing ffmpeg: %d broken\n%s", n, out)
	}
	weak := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(weak, []byte("#!/bin/sh\necho ' A....D aac  AAC '\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, n := run(t, FFmpeg(weak)); n != 1 || !strings.Contains(out, "libx264, flac") {
		t.Errorf("ffmpeg without encoders: %d broken\n%s", n, out)
	}
	if out, n := run(t, FFmpeg("")); n != 0 {
		t.Errorf("the installed ffmpeg is called broken:\n%s", out)
	}
}

func TestAFolderThatCannotBeWrittenIsBroken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, n := run(t, Disk(filepath.Join(file, "data"))); n != 1 || !strings.Contains(out, "--data") {
		t.Errorf("%d broken\n%s", n, out)
	}
	dir := t.TempDir()
	run(t, Disk(dir))
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("the check left %v behind", left)
	}
}

func TestMachineAndClockAreLookedAt(t *testing.T) {
	if out, n := run(t, Machine(), Clock()); n != 0 || !strings.Contains(out, "cores") {
		t.Errorf("%d broken\n%s", n, out)
	}
}
