package meetings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/meeting"
	"steno/internal/record/journal"
	"steno/internal/record/segment"
	"steno/internal/runtime/session"
	"steno/lab"
)

// patience bounds the life of a bot.
const patience = 5 * time.Minute

// Each scenario: the statuses in their order, the end, the files, and what is in
// them.
func TestScenarios(t *testing.T) {
	server, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	table := &table{}
	defer table.print(t)
	t.Run("all", func(t *testing.T) {
		for _, s := range readScenarios(t) {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				l := live(t, server, s)
				r := row{scenario: s, life: l}
				defer func() {
					r.seconds, r.failed = time.Since(began), t.Failed()
					table.add(r)
				}()
				l.check(t)
				r.figures = l.content(t)
			})
		}
	})
}

// life is what is left of a bot.
type life struct {
	scenario
	folder   string
	entries  []journal.Entry
	truth    lab.Truth
	said     []lab.Line // the chat of the meeting
	statuses []bot.Status
	end      journal.End
	done     journal.Done
	admitted time.Time
	ended    time.Time
	epoch    int64
}

// live opens the meeting and sends a bot there.
func live(t *testing.T, server *lab.Server, s scenario) *life {
	t.Helper()
	room, err := server.Open(t.Context(), s.meeting)
	if err != nil {
		t.Fatal(err)
	}
	defer room.End()
	return attend(t, server, room, s)
}

// attend sends a bot to a meeting and returns when it is done.
func attend(t *testing.T, server *lab.Server, room *lab.Meeting, s scenario) *life {
	t.Helper()
	l := &life{scenario: s, folder: workFolder(t)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := meeting.Parse(room.URL()+s.Bot.Query, meeting.Hosts{Lab: []string{server.Host()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := session.WriteSpec(l.folder, s.spec(m.Page, server.Host())); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(l.folder, "bot.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	told := make(chan error, 1)
	go func() { told <- l.give(ctx) }()
	tools := session.Live(steno)
	if s.composeAfter > 0 {
		tools.Composer = func(folder string) *exec.Cmd {
			return exec.Command("sh", "-c", `sleep "$0"; exec "$@"`, fmt.Sprint(s.composeAfter.Seconds()), steno, "compose", "--folder", folder, "--follow")
		}
	}
	err = session.Run(ctx, session.Options{
		Folder: l.folder, Tools: tools, Clock: clock.System{},
		Log:    slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Limits: session.Limits{Enter: time.Duration(s.Bot.Enter), Tries: s.Bot.Tries},
	})
	cancel()
	if err != nil {
		t.Errorf("the bot's process: %v", err)
	}
	if err := <-told; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("telling the bot: %v", err)
	}
	l.truth, l.said = room.Truth(), room.State().Chat
	l.read(t)
	return l
}

// workFolder is the bot's folder, which stays if the test fails.
func workFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "steno-scenario-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			os.RemoveAll(dir)
		}
	})
	return dir
}

// give gives the bot its orders, one after the other.
func (l *life) give(ctx context.Context) error {
	for i, o := range l.Do {
		if err := l.await(ctx, o); err != nil {
			return err
		}
		if err := wait(ctx, time.Duration(o.After)); err != nil {
			return err
		}
		if _, err := session.Tell(ctx, l.folder, session.Request{Command: o.Tell, From: "api", ID: fmt.Sprintf("order-%d", i), Text: o.Text}); err != nil {
			return fmt.Errorf("%s: %w", o.Tell, err)
		}
	}
	return nil
}

// await waits until the time of an order begins.
func (l *life) await(ctx context.Context, o order) error {
	for {
		entries, _ := journal.Read(l.folder) // there is none at first
		there, gaps := false, 0
		for _, e := range entries {
			there = there || e.State != nil && e.State.Code == o.In
			if e.Gap != nil {
				gaps++
			}
		}
		if there && gaps >= o.Gaps {
			return nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// read reads the bot's journal.
func (l *life) read(t *testing.T) {
	t.Helper()
	var err error
	if l.entries, err = journal.Read(l.folder); err != nil {
		t.Fatal(err)
	}
	for _, e := range l.entries {
		switch {
		case e.State != nil:
			l.statuses = append(l.statuses, e.State.Code)
			if e.State.Code == bot.InCall {
				l.admitted = e.At
			}
		case e.Epoch != nil:
			l.epoch = e.Epoch.UnixMicro
		case e.End != nil:
			l.end, l.ended = *e.End, e.At
		case e.Done != nil:
			l.done = *e.Done
			l.statuses = append(l.statuses, e.Done.Status)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.trail())
		}
	})
}

// check holds everything but the media against the card.
func (l *life) check(t *testing.T) {
	t.Helper()
	want := l.Expect
	if !slices.Equal(l.statuses, want.Statuses) {
		t.Errorf("statuses\n  %v, want\n  %v", l.statuses, want.Statuses)
	}
	if l.done.Code != want.End || !strings.Contains(l.words(), want.Says) {
		t.Errorf("ended with %s (%q), want %s and %q", l.done.Code, l.end.Message, want.End, want.Says)
	}
	if got := l.files(); !slices.Equal(got, want.Artifacts) {
		t.Errorf("files %q, want %q", got, want.Artifacts)
	}
	if got := l.gaps(); !slices.Equal(got, want.Gaps) {
		t.Errorf("gaps %q, want %q", got, want.Gaps)
	}
	if got := l.knocks(); got != l.toKnock() {
		t.Errorf("asked to join %d times, want %d", got, l.toKnock())
	}
	if stayed := l.ended.Sub(l.admitted); want.Stays > 0 && stayed < time.Duration(want.Stays) {
		t.Errorf("left after %s, want at least %s", stayed, time.Duration(want.Stays))
	}
	if want.Captions > 0 {
		l.captionsAre(t, want.Captions)
	}
	for _, g := range l.visits() {
		if g.Video && l.Bot.Mode == "" {
			t.Errorf("the bot that records no picture took video: %+v", g)
		}
	}
	l.pausesAndGapsAreNotThere(t)
	if want.Chat != nil {
		l.chatIs(t, want.Chat)
	}
	var posted []string
	for _, line := range l.said {
		if line.Sender == l.name() {
			posted = append(posted, line.Text)
		}
	}
	if !slices.Equal(posted, want.Posted) {
		t.Errorf("the bot posted %q, want %q", posted, want.Posted)
	}
	if want.Evidence {
		l.hasEvidence(t)
	}
}

// name is the bot's.
func (l *life) name() string { return l.spec("", "").Name }

// words are what the bot says of its end and, for people, of what went wrong.
func (l *life) words() string {
	all := []string{l.end.Message}
	for _, e := range l.entries {
		if e.Note != nil {
			all = append(all, e.Note.Text)
		}
	}
	return strings.Join(all, "\n")
}

// files lists the artifacts as a card does.
func (l *life) files() (list []string) {
	count := map[string]int{}
	for _, e := range l.entries {
		if e.Artifact != nil {
			count[e.Artifact.Kind]++
		}
	}
	for kind, n := range count {
		switch {
		case kind == bot.KindScreenshot:
			kind += " +"
		case n > 1:
			kind = fmt.Sprintf("%s %d", kind, n)
		}
		list = append(list, kind)
	}
	slices.Sort(list)
	return list
}

func (l *life) gaps() (reasons []string) {
	for _, e := range l.entries {
		if e.Gap != nil {
			reasons = append(reasons, e.Gap.Reason)
		}
	}
	return reasons
}

func (l *life) knocks() (n int) {
	for _, g := range l.visits() {
		if g.KnockUS != 0 {
			n++
		}
	}
	return n
}

// visits are what the meeting saw of this bot. Who has not asked to join has no
// name yet.
func (l *life) visits() []lab.TrueGuest {
	return slices.DeleteFunc(slices.Clone(l.truth.Guests), func(g lab.TrueGuest) bool { return g.Name != l.name() })
}

// toKnock is how often the bot should have asked to join: once, unless the card
// says otherwise or there is no door to knock at.
func (l *life) toKnock() int {
	switch l.meeting.Door {
	case lab.DoorLogin, lab.DoorCaptcha, lab.DoorStrange:
		return 0
	}
	return max(l.Expect.Knocks, 1)
}

func (l *life) chatIs(t *testing.T, want []string) {
	t.Helper()
	var list []struct{ Text string }
	raw, err := os.ReadFile(filepath.Join(l.folder, "out", "chat_messages.json"))
	if err == nil {
		err = json.Unmarshal(raw, &list)
	}
	var got []string
	for _, m := range list {
		got = append(got, m.Text)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the chat's file has %q, want %q (%v)", got, want, err)
	}
}

// captionsAre: at least so many lines of the platform's captions were kept, each
// with the words and the name that the platform showed. Of the last only the
// beginning may have been shown when the bot was out.
func (l *life) captionsAre(t *testing.T, least int) {
	t.Helper()
	lines := map[string]journal.Caption{}
	for _, e := range l.entries {
		if e.Caption != nil && e.Caption.Final {
			lines[e.Caption.ID] = *e.Caption
		}
	}
	for _, c := range lines {
		if !slices.ContainsFunc(l.truth.Captions, func(o lab.TrueCaption) bool { return o.Name == c.Name && strings.HasPrefix(o.Text, c.Text) }) {
			t.Errorf("a caption that the platform did not show: %+v", c)
		}
	}
	if len(lines) < least {
		t.Errorf("%d lines of captions, want %d: %+v", len(lines), least, lines)
	}
}

// batch is how long the page collects frames, of which the last or the first counts:
// microseconds.
const batch = 250_000

// pausesAndGapsAreNotThere: not a frame of a pause or a gap is on the disk. Else a
// gap would be said to be longer than what is missing.
func (l *life) pausesAndGapsAreNotThere(t *testing.T) {
	t.Helper()
	var from int64
	for _, e := range l.entries {
		switch {
		case e.Pause != nil && e.Pause.On:
			from = e.Pause.UnixMicro
		case e.Pause != nil:
			l.nothingBetween(t, from, e.Pause.UnixMicro)
		case e.Gap != nil:
			l.nothingBetween(t, e.Gap.From+batch, e.Gap.To-batch)
		}
	}
}

func (l *life) nothingBetween(t *testing.T, from, to int64) {
	t.Helper()
	before := 0
	files, _ := filepath.Glob(filepath.Join(l.folder, segment.Dir, "*", "*"))
	for _, file := range files {
		r, err := segment.Open(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for f, err := r.Next(); err == nil; f, err = r.Next() {
			if f.Arrival < from {
				before++
			} else if f.Arrival < to {
				t.Errorf("a frame of %d ms into the pause or gap is on disk", (f.Arrival-from)/1000)
				break
			}
		}
		r.Close()
	}
	if before < 50 {
		t.Errorf("%d frames on disk from before the pause or gap", before)
	}
}

// hasEvidence: an end that the page told is kept with its signals and a picture.
func (l *life) hasEvidence(t *testing.T) {
	t.Helper()
	ends, _ := filepath.Glob(filepath.Join(l.folder, session.EvidenceDir, "*-end.json"))
	pictures, _ := filepath.Glob(filepath.Join(l.folder, session.EvidenceDir, "*-page.png"))
	var proof struct {
		Code    bot.EndCode
		Signals []string
	}
	for _, file := range ends { // the last counts
		if raw, err := os.ReadFile(file); err != nil || json.Unmarshal(raw, &proof) != nil {
			t.Errorf("evidence: %s: %v", raw, err)
		}
	}
	if len(pictures) == 0 || proof.Code != l.done.Code || len(proof.Signals) == 0 {
		t.Errorf("evidence: %d ends, %d pictures, last %+v", len(ends), len(pictures), proof)
	}
}

// trail tells what the bot went through, for people.
func (l *life) trail() string {
	var b strings.Builder
	fmt.Fprintf(&b, "what happened (%s):\n", l.folder)
	var zero time.Time
	for _, e := range l.entries {
		if zero.IsZero() {
			zero = e.At
		}
		at := e.At.Sub(zero).Seconds()
		switch {
		case e.State != nil:
			fmt.Fprintf(&b, "%7.2f s  %s %s\n", at, e.State.Code, e.State.Message)
		case e.Note != nil:
			fmt.Fprintf(&b, "%7.2f s  note: %s\n", at, e.Note.Text)
		case e.Gap != nil:
			fmt.Fprintf(&b, "%7.2f s  gap: %+v\n", at, *e.Gap)
		case e.Command != nil:
			fmt.Fprintf(&b, "%7.2f s  told: %+v\n", at, *e.Command)
		case e.End != nil:
			fmt.Fprintf(&b, "%7.2f s  end: %+v\n", at, *e.End)
		}
	}
	files, _ := filepath.Glob(filepath.Join(l.folder, session.EvidenceDir, "*"))
	for _, file := range files {
		fmt.Fprintf(&b, "  %s\n", file)
		if strings.HasSuffix(file, "-end.json") {
			raw, _ := os.ReadFile(file)
			fmt.Fprintf(&b, "%s\n", raw)
		}
	}
	for _, g := range l.truth.Guests {
		fmt.Fprintf(&b, "  guest: %+v\n", g)
	}
	return b.String()
}
