package pack

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/meeting"
)

// The built-in packs pass the checks that an operator's must.
func TestBuiltinPacksAreGood(t *testing.T) {
	t.Parallel()
	for _, p := range Platforms() {
		if got := Builtin(p); got.Platform != p || got.Tested == "" {
			t.Errorf("%s: platform %s, tested %q", p, got.Platform, got.Tested)
		}
	}
}

func meetText(t *testing.T) string {
	t.Helper()
	return Builtin(meeting.Meet).Text()
}

// Each mistake is told with its file, its line, its place and the rule.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, from, to string
		place, rule    string
	}{
		{"misspelt key", "signals_needed:", "signals_need:", "", "signals_need not found"},
		{"other format", "format: 1", "format: 2", "format", "reads format 1"},
		{"unknown platform", "platform: meet", "platform: skype", "platform", "has no pack"},
		{"no version", `version: "`, `version: "" # "`, "version", "missing"},
		{"selector of another tool", "'span.notranslate'", "'text*=Ada'", "selectors.tile_name[0]", "no CSS selector"},
		{"selector that no browser knows", "'span.notranslate'", "'span:contains(Ada)'", "selectors.tile_name[0]", ":contains"},
		{"one signal is not enough", "signals_needed: 4", "signals_needed: 1", "signals_needed", "two signals"},
		{"more signals needed than there are", "signals_needed: 4", "signals_needed: 40", "signals_needed", "40"},
		{"capital letters never match", "'the call ended'", "'The call ended'", "outs[13].text.en[0]", "lower case"},
		{"typographic apostrophes never match", "'you left the meeting'", "'you’ve left the meeting'", "outs[14].text.en[0]", "plain apostrophes"},
		{"unknown code", "code: BOT_REMOVED", "code: GONE", "outs[11].code", "GONE"},
		{"layout of another mode", "  gallery_view:", "  film_view:", "layouts", "gallery_view"},
		{"step that clicks nothing", "- press: {en: [Sidebar]}", "- press: {}", "layouts.speaker_view[2]", "press or click"},
		{"unknown moment", "when: [joining]", "when: [lunch]", "dialogs[0].when[0]", "lunch"},
		{"unknown language", "{en: [sign in]}", "{english: [sign in]}", "texts.login_title", "english"},
		{"no way to leave", "  leave:", "  leave_confirm:", "selectors.leave", "missing"},
		{"not YAML", "selectors:", "selectors: [", "", "did not find"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := meetText(t)
			if !strings.Contains(text, c.from) {
				t.Fatalf("the pack holds no %q", c.from)
			}
			_, err := Parse("my.yaml", []byte(strings.Replace(text, c.from, c.to, 1)))
			var p *Problem
			if !errors.As(err, &p) {
				t.Fatalf("taken, or no Problem: %v", err)
			}
			if !strings.Contains(err.Error(), "my.yaml") || p.Place != c.place || !strings.Contains(p.Rule, c.rule) {
				t.Errorf("place %q, rule %q: %v", p.Place, p.Rule, err)
			}
			if c.place != "" && p.Line == 0 && c.name != "no way to leave" {
				t.Errorf("no line: %v", err)
			}
		})
	}
}

func TestEmptyFileIsNoPack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "format: 1\n---\nformat: 1\n"} {
		if _, err := Parse("x.yaml", []byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestEndsAreInTheOrderThatAvoidsFalseOnes(t *testing.T) {
	t.Parallel()
	for _, platform := range Platforms() {
		last := 0
		for _, o := range Builtin(platform).Outs {
			if o.rank() < last {
				t.Errorf("%s: %s comes after ends of rank %d", platform, o.Code, last)
			}
			last = o.rank()
		}
	}
	if (Out{Code: bot.EndNotAccepted}).rank() >= (Out{Code: bot.EndCannotJoin}).rank() {
		t.Error("denied does not come before blocked")
	}
}

func TestWordsGiveEnglishFirst(t *testing.T) {
	t.Parallel()
	got := Words{"de": {"b"}, "en": {"a"}, "cs": {"c"}}.All()
	if strings.Join(got, "") != "acb" {
		t.Errorf("got %v", got)
	}
}

// A shelf gives out what the folder holds now; a broken file changes nothing
// and is told of once.
func TestBrokenFileLeavesTheLastGoodPack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "meet.yaml")
	var log bytes.Buffer
	at := time.Now().Add(-time.Hour)
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Second) // file systems may keep whole seconds only
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	logger, copies := slog.New(slog.NewTextHandler(&log, nil)), filepath.Join(t.TempDir(), "packs")
	s := NewShelf(dir, copies, logger)
	if got := s.Override(meeting.Meet); got != "" {
		t.Errorf("without a file: %d bytes", len(got))
	}
	good := strings.Replace(meetText(t), "chat_limit: 500", "chat_limit: 400", 1)
	put(good)
	if got := s.Override(meeting.Meet); got != good {
		t.Errorf("the operator's pack is not in force: %.60q", got)
	}
	put("format: 1\n")
	for range 3 {
		if got := s.Override(meeting.Meet); got != good {
			t.Error("a broken file replaced the last good pack")
		}
	}
	if n := strings.Count(log.String(), "pack refused"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
	if got := NewShelf(dir, copies, logger).Override(meeting.Meet); got != good {
		t.Error("the next server does not have the last good pack")
	}
	if got := NewShelf(dir, t.TempDir(), logger).Override(meeting.Meet); got != "" {
		t.Error("a broken pack is in force where there was no good one")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := s.Override(meeting.Meet); got != "" {
		t.Error("without its file the operator's pack is still in force")
	}
	put("format: 1\n")
	if got := NewShelf(dir, copies, logger).Override(meeting.Meet); got != "" {
		t.Error("a pack that the operator took away came back")
	}
}

func TestFileOfAnotherPlatformIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := strings.Replace(meetText(t), "platform: meet", "platform: "+string(Platforms()[len(Platforms())-1]), 1)
	if err := os.WriteFile(filepath.Join(dir, "meet.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, meeting.Meet); err == nil && len(Platforms()) > 1 {
		t.Error("taken")
	}
}
