package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/record/journal"
	"steno/internal/runtime/session"
)

func write(t *testing.T, folder string, entries ...journal.Entry) {
	t.Helper()
	w, _, err := journal.Open(folder, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, e := range entries {
		if _, err := w.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecordSaysWhatIsWrongWithTheURL(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		cmd  recordCmd
		want string
	}{
		{"none", recordCmd{}, "which meeting?"},
		{"unknown service", recordCmd{URL: "https://meet.example/abc-defg-hij"}, "on no meeting platform that this server knows"},
		{"no meeting", recordCmd{URL: "https://meet.google.com/"}, "names no Google Meet meeting"},
		{"nothing to resume", recordCmd{Resume: t.TempDir()}, "holds no unfinished recording"},
	}
	for _, c := range cases {
		if _, err := c.cmd.prepare(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestRecordGoesOnInTheSameFolder(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "rec")
	c := recordCmd{
		URL: "http://127.0.0.1:8099/meet/abc-defg-hij", Out: out, Name: "Steno", Mode: "audio_only", WaitingRoomTimeout: time.Minute,
		Hosts: config.Hosts{LabHost: []string{"127.0.0.1:8099"}},
	}
	if _, err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	first, err := session.ReadSpec(filepath.Join(out, workFolder))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	if again, err := session.ReadSpec(filepath.Join(out, workFolder)); err != nil || again.BotID != first.BotID {
		t.Errorf("a second run is bot %s (%v), want %s to go on", again.BotID, err, first.BotID)
	}
	c.URL = strings.Replace(c.URL, "abc", "xyz", 1)
	if _, err := c.prepare(); err == nil {
		t.Error("another meeting may use the folder of an unfinished recording")
	}
}

func TestDeliverMovesTheFilesAndClearsUp(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	work := filepath.Join(out, workFolder)
	if err := os.MkdirAll(filepath.Join(work, "out", "participants"), 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("participants", "1-Ann.opus")
	if err := os.WriteFile(filepath.Join(work, "out", name), []byte("sound"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, work,
		journal.Entry{End: &journal.End{Code: bot.EndAPIRequest, Recorded: true}},
		journal.Entry{Artifact: &journal.Artifact{Kind: "participant_audio", Path: "out/" + name, Name: "Ann"}},
		journal.Entry{Result: &journal.Result{DurationMS: 61_300, Participants: []journal.Speaker{{N: 1, Name: "Ann", TalkMS: 12_340}}}},
		journal.Entry{Done: &journal.Done{Status: bot.Completed, Code: bot.EndAPIRequest}})
	var said bytes.Buffer
	if err := deliver(out, &said); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(b) != "sound" {
		t.Errorf("delivered %q, %v", b, err)
	}
	if _, err := os.Stat(work); !os.IsNotExist(err) {
		t.Errorf("the work folder is still there: %v", err)
	}
	for _, want := range []string{"Recorded 1m1.3s", "Ann", "12.3s", name} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, said.String())
		}
	}
}

func TestDeliverSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	work := filepath.Join(out, workFolder)
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, work,
		journal.Entry{End: &journal.End{Code: bot.EndNotAccepted, Message: "You can't join this call"}},
		journal.Entry{State: &journal.State{Code: bot.RecordingFailed, Message: "You can't join this call"}},
		journal.Entry{Done: &journal.Done{Status: bot.Failed, Code: bot.EndNotAccepted}})
	err := deliver(out, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "the bot was refused (BOT_NOT_ACCEPTED): You can't join this call") {
		t.Errorf("deliver: %v", err)
	}
	if _, err := os.Stat(work); err != nil {
		t.Errorf("the evidence is gone: %v", err)
	}
}

func TestProgressTellsWhoIsThereAndWhoSpeaks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder,
		journal.Entry{State: &journal.State{Code: bot.Recording}},
		journal.Entry{Epoch: &journal.Epoch{UnixMicro: 1_000_000}},
		journal.Entry{Person: &journal.Person{ID: "me", Name: "Steno", Self: true}},
		journal.Entry{Person: &journal.Person{ID: "a", Name: "Ann"}},
		journal.Entry{Person: &journal.Person{ID: "b", Name: "Ben"}},
		journal.Entry{Speech: &journal.Speech{Person: "b", On: true}},
		journal.Entry{Pulse: &journal.Pulse{Bytes: 3 << 20}},
		journal.Entry{Person: &journal.Person{ID: "a", Name: "Ann", Left: true}})
	var said bytes.Buffer
	v := &view{w: &said, people: map[string]journal.Person{}, speaking: map[string]bool{}}
	v.read(folder)
	line := v.line(time.Unix(66, 0))
	if want := "in call recording | 1m5s | 1 here | Ben speaking | 3.0 MB"; !strings.HasPrefix(line, want) {
		t.Errorf("line %q, want %q", line, want)
	}
	for _, want := range []string{"Ann is here", "Ben is here", "Ann left"} {
		if strings.Count(said.String(), want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, said.String())
		}
	}
	if strings.Contains(said.String(), "Steno") {
		t.Error("the bot counts as a person")
	}
}
