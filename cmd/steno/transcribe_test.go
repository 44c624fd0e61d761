package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steno/internal/record/ogg/oggtest"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

func TestTranscribeWritesBesideTheRecording(t *testing.T) {
	t.Parallel()
	sim, err := transcription.Start(transcription.Options{Service: "gladia", Script: "Good morning.", Options: service.Options{Polite: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	dir := t.TempDir()
	c := transcribeCmd{Folder: dir, Service: "gladia", URL: sim.Address(), Key: transcription.Key, Params: `{"custom_metadata":{"of":"me"}}`}
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no recording") {
		t.Errorf("of an empty folder the error is %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "participants"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"participants/1-Ada_Blue.opus": oggtest.File(t, 4*time.Second, [2]time.Duration{time.Second, 3 * time.Second}),
		"diarization.jsonl":            []byte(`{"speaker":"Ada Blue","start_time":1,"end_time":3}` + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.Params = "{"
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("with broken parameters the error is %v", err)
	}
	c.Params = `{"no_such_option":1}`
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no_such_option should not exist") {
		t.Errorf("with an unknown parameter the error is %v", err)
	}
	c.Params = `{"custom_metadata":{"of":"me"}}`
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "transcript.txt")); err != nil || !strings.HasPrefix(string(b), "[00:00:0") || !strings.Contains(string(b), "Ada Blue: Good morning.") {
		t.Errorf("%v %q", err, b)
	}
}
