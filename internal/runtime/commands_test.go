package runtime

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/runtime/session"
)

// What a bot is told reaches it also when its process has just been killed, and
// once.
func TestCommandsSurviveTheDeathOfTheProcess(t *testing.T) {
	v := newServer(t)
	v.start()
	v.launch("b1", "stays")
	v.until("recording", func() bool { return slices.Contains(v.book.Life("b1").States, bot.Recording) })
	if err := unix.Kill(session.ReadPID(v.s.folder("b1")), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	v.book.Tell(bot.Command{ID: "c1", BotID: "b1", Kind: bot.CommandChat, Text: "Hello"})
	v.book.Tell(bot.Command{ID: "c2", BotID: "b1", Kind: bot.CommandPause})
	v.s.Nudge("b1")
	v.until("both are done", func() bool {
		return v.book.Told("c1") == bot.CommandDone && v.book.Told("c2") == bot.CommandDone
	})
	v.until("the status is told", func() bool { return slices.Contains(v.book.Life("b1").States, bot.Paused) })
	v.s.Stop() // the next server asks again what is not settled
	v.book.Tell(bot.Command{ID: "c3", BotID: "b1", Kind: bot.CommandResume})
	v.start()
	v.until("done by the next server", func() bool { return v.book.Told("c3") == bot.CommandDone })
	v.book.Wish("b1")
	v.until("the end", func() bool { return len(v.book.Life("b1").Dones) == 1 })
	v.until("its folder is gone", func() bool { return len(v.s.Running()) == 0 })
}

// What is kept of a failed bot goes when its data are deleted.
func TestFolderOfAFailedBotGoesWithItsData(t *testing.T) {
	v := newServer(t)
	v.start()
	v.launch("b1", "denied")
	v.launch("b2", "denied")
	kept := func(id string) bool {
		_, err := os.Stat(filepath.Join(v.data, finishedDir, id))
		return err == nil
	}
	v.until("both have failed", func() bool { return kept("b1") && kept("b2") && len(v.s.Running()) == 0 })
	v.book.Forget("b1")
	v.s.Stop()
	v.start()
	v.until("one is gone", func() bool { return !kept("b1") })
	if !kept("b2") {
		t.Error("the other is gone, too")
	}
}
