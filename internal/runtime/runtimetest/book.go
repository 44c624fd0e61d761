// Package runtimetest is for tests of whatever runs bots: a ledger without a
// database.
package runtimetest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"steno/internal/bot"
)

// Book is a Ledger in a file (or in memory, without a path), one report per
// line, so that it survives the process that writes it.
type Book struct {
	Path string

	mu     sync.Mutex
	lines  []string
	wishes map[string]bool
	down   int // calls that fail yet
	failed []string
	told   []bot.Command // what bots are to be told
	gone   []string      // bots whose data were deleted
}

type page struct {
	Bot string
	P   bot.Progress
}

func (b *Book) pages() []page {
	lines := b.lines
	if b.Path != "" {
		raw, _ := os.ReadFile(b.Path)
		lines = strings.Split(strings.TrimSpace(string(raw)), "\n")
	}
	var all []page
	for _, l := range lines {
		var p page
		if json.Unmarshal([]byte(l), &p) == nil {
			all = append(all, p)
		}
	}
	return all
}

// Apply takes a report, unless it or a later one is there.
func (b *Book) Apply(_ context.Context, id string, p bot.Progress) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down > 0 {
		b.down--
		return errors.New("the database is down")
	}
	for _, old := range b.pages() {
		if old.Bot == id && old.P.Seq >= p.Seq {
			return nil
		}
	}
	line, err := json.Marshal(page{id, p})
	if err != nil {
		return err
	}
	if b.Path == "" {
		b.lines = append(b.lines, string(line))
		return nil
	}
	f, err := os.OpenFile(b.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(string(line) + "\n")
	return err
}

// AppliedSeq is as in runtime.Ledger.
func (b *Book) AppliedSeq(_ context.Context, id string) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var seq int64
	for _, p := range b.pages() {
		if p.Bot == id {
			seq = p.P.Seq
		}
	}
	return seq, nil
}

// LeaveWishes is as in runtime.Ledger.
func (b *Book) LeaveWishes(_ context.Context, ids []string) (list []string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if b.wishes[id] {
			list = append(list, id)
		}
	}
	return list, nil
}

// Fail is as in runtime.Ledger.
func (b *Book) Fail(_ context.Context, id string, _ bot.EndCode, _ string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = append(b.failed, id)
	return nil
}

// Wish makes the supervisor tell a bot to leave.
func (b *Book) Wish(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wishes == nil {
		b.wishes = map[string]bool{}
	}
	b.wishes[id] = true
}

// Tell has a bot told something.
func (b *Book) Tell(c bot.Command) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.State = bot.CommandOpen
	b.told = append(b.told, c)
}

// Told returns how far a command has come.
func (b *Book) Told(id string) bot.CommandState {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.told {
		if c.ID == id {
			return c.State
		}
	}
	return ""
}

// Commands is as in runtime.Commands.
func (b *Book) Commands(_ context.Context, ids []string, _ time.Time) (list []bot.Command, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.told {
		if slices.Contains(ids, c.BotID) && (c.State == bot.CommandOpen || c.State == bot.CommandTaken) {
			list = append(list, c)
		}
	}
	return list, nil
}

// TakeCommand is as in runtime.Commands.
func (b *Book) TakeCommand(_ context.Context, id string) (bool, error) {
	return true, b.SettleCommand(context.Background(), id, bot.CommandTaken, "")
}

// SettleCommand is as in runtime.Commands.
func (b *Book) SettleCommand(_ context.Context, id string, state bot.CommandState, message string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.told {
		if b.told[i].ID == id {
			b.told[i].State, b.told[i].Message = state, message
		}
	}
	return nil
}

// Forget says that a bot's data were deleted.
func (b *Book) Forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = append(b.gone, id)
}

// DataDeleted is as in runtime.Forgetter.
func (b *Book) DataDeleted(_ context.Context, ids []string) (list []string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if slices.Contains(b.gone, id) {
			list = append(list, id)
		}
	}
	return list, nil
}

// Life is all that the Book says of a bot.
type Life struct {
	States    []bot.Status
	Artifacts []bot.StoredArtifact
	Dones     []bot.Done
	People    []bot.Participant
	Chats     []bot.ChatMessage
	Said      []bot.Utterance
	Partial   [][]bot.Utterance // each list of what was being said
}

// Life returns all that was reported of a bot.
func (b *Book) Life(id string) (l Life) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pages() {
		if p.Bot != id {
			continue
		}
		for _, t := range p.P.Transitions {
			l.States = append(l.States, t.Status)
		}
		l.Chats = append(l.Chats, p.P.Chats...)
		l.Said = append(l.Said, p.P.Utterances...)
		if p.P.Partial != nil {
			l.Partial = append(l.Partial, p.P.Partial)
		}
		l.Artifacts = append(l.Artifacts, p.P.Artifacts...)
		if p.P.People != nil {
			l.People = p.P.People
		}
		if p.P.Done != nil {
			l.Dones = append(l.Dones, *p.P.Done)
		}
	}
	return l
}

// Break makes the next n reports fail.
func (b *Book) Break(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = n
}
