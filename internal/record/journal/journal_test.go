package journal

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
)

var fixed = clock.Func(func() time.Time { return time.Date(2026, 2, 3, 9, 0, 0, 0, time.UTC) })

func open(t *testing.T, folder string) (*Writer, []Entry) {
	t.Helper()
	w, entries, err := Open(folder, fixed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, entries
}

func state(code bot.Status) Entry { return Entry{State: &State{Code: code}} }

func mustAppend(t *testing.T, w *Writer, e Entry) Entry {
	t.Helper()
	e, err := w.Append(e)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTornLastLineIsCutAndTheNumbersGoOn(t *testing.T) {
	dir := t.TempDir()
	w, _ := open(t, dir)
	mustAppend(t, w, state(bot.JoiningCall))
	mustAppend(t, w, state(bot.InCall))
	w.Close()

	path := filepath.Join(dir, File)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"seq":3,"at":"2026-02-`); err != nil {
		t.Fatal(err)
	}
	f.Close()

	if entries, err := Read(dir); err != nil || len(entries) != 2 {
		t.Fatalf("a reader beside a torn line: %d entries, %v", len(entries), err)
	}
	w, entries := open(t, dir)
	if len(entries) != 2 {
		t.Fatalf("%d entries found, want 2", len(entries))
	}
	if e := mustAppend(t, w, state(bot.Recording)); e.Seq != 3 {
		t.Errorf("the next number is %d, want 3", e.Seq)
	}
	entries, err = Read(dir)
	if err != nil || len(entries) != 3 || entries[2].State.Code != bot.Recording {
		t.Errorf("after the repair: %+v, %v", entries, err)
	}
}

func TestFollowingByOffsetSeesEachEntryOnce(t *testing.T) {
	dir := t.TempDir()
	if entries, off, err := ReadFrom(dir, 0); err != nil || len(entries) != 0 || off != 0 {
		t.Fatalf("no journal yet: %v %d %v", entries, off, err)
	}
	w, _ := open(t, dir)
	var off int64
	var seen []int64
	for range 5 {
		mustAppend(t, w, Entry{Pulse: &Pulse{AudioFrames: 1}})
		var entries []Entry
		var err error
		entries, off, err = ReadFrom(dir, off)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			seen = append(seen, e.Seq)
		}
	}
	if len(seen) != 5 || seen[0] != 1 || seen[4] != 5 {
		t.Errorf("seen %v, want 1..5", seen)
	}
}

func TestConcurrentAppendsKeepTheOrderOfNumbers(t *testing.T) {
	dir := t.TempDir()
	w, _ := open(t, dir)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := w.Append(Entry{Speech: &Speech{Person: "p"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	entries, err := Read(dir)
	if err != nil || len(entries) != 160 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, e := range entries {
		if e.Seq != int64(i+1) {
			t.Fatalf("entry %d has number %d", i, e.Seq)
		}
	}
}

func TestAMissingFolderIsAnError(t *testing.T) {
	if _, _, err := Open(filepath.Join(t.TempDir(), "nowhere"), fixed); err == nil {
		t.Error("opened a journal in a folder that does not exist")
	}
}
