package live

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/meeting"
	"steno/internal/profile"
	"steno/lab"
)

// signIn signs a browser in to the lab as steno profile lets a person do it, and
// returns its profile.
func (h *host) signIn(platform meeting.Platform, name string) string {
	h.t.Helper()
	s := profile.Shelf{Dir: h.t.TempDir()}
	folder := s.Path(string(platform), name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		h.t.Fatal(err)
	}
	shell, err := browser.Find("")
	if err != nil {
		h.t.Fatal(err)
	}
	args := []string{"--headless", "--user-data-dir=" + folder, "--password-store=basic", "--dump-dom", h.lab.URL() + "/signin?as=" + url.QueryEscape(name)}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox")
	}
	cmd := exec.Command(shell, args...)
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "signed in as") {
		h.t.Fatalf("sign in: %v\n%s", err, out)
	}
	return folder
}

// A meeting that only signed-in people may join is joined with the operator's
// profile, under the account's name, and again after the browser was killed; the
// bot has a copy, of which nothing is left. Without a profile, and when its
// sign-in is no longer good, the bot says so.
func TestSignedInBot(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) { s.Platform, s.Door = lab.Teams, lab.DoorLogin })
	h.start()
	folder := h.signIn(meeting.Teams, "Notes of Acme")
	before := listing(t, folder)
	h.launch(func(s *bot.Spec) {
		s.Platform, s.Account, s.Profile = meeting.Teams, "Notes of Acme", folder
	})
	h.untilState(bot.Recording)
	if in := h.room.State().InCall; len(in) != 1 || in[0].Name != "Notes of Acme" {
		t.Errorf("in the call: %+v", in)
	}
	if _, err := profile.Hold(folder); !errors.Is(err, profile.ErrBusy) {
		t.Errorf("another may use the profile: %v", err)
	}
	h.untilRecorded(time.Second)
	h.kill(h.browserPID(), 9)
	h.untilGaps(1)
	h.untilRecorded(time.Second)
	for _, e := range h.journal() {
		if e.Person != nil && e.Person.Name == "Notes of Acme" && !e.Person.Self {
			t.Errorf("the bot takes itself for another: %+v", *e.Person)
		}
	}
	h.finish(bot.EndAPIRequest)
	held, err := profile.Hold(folder)
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	if after := listing(t, folder); !slices.Equal(before, after) {
		t.Errorf("the profile was changed: %q, was %q", after, before)
	}
}

func TestSignInThatIsNoLongerGood(t *testing.T) {
	for name, account := range map[string]string{"a guest": "", "expired": "Notes of Acme"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, t.TempDir(), func(s *lab.Scenario) { s.Door = lab.DoorLogin })
			h.start()
			h.launch(func(s *bot.Spec) {
				s.Account = account
				if account != "" {
					s.Profile = filepath.Join(t.TempDir(), account)
					if err := os.Mkdir(s.Profile, 0o700); err != nil { // a browser without a cookie
						t.Fatal(err)
					}
				}
			})
			l := h.finished(bot.Failed, bot.EndLoginRequired)
			if expired := strings.Contains(l.Dones[0].Message, "expired"); expired != (account != "") {
				t.Errorf("it says %q", l.Dones[0].Message)
			}
			_ = filepath.WalkDir(h.data, func(path string, d fs.DirEntry, _ error) error {
				if d != nil && (d.Name() == "Cookies" || d.Name() == "signed-in") {
					t.Errorf("%s is left", path)
				}
				return nil
			})
		})
	}
}

func listing(t *testing.T, folder string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
