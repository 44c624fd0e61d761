package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"steno/internal/browser"
	"steno/internal/meeting"
	"steno/internal/profile"
)

// profileCmd is for operators who let bots join with an account.
type profileCmd struct {
	Create profileCreateCmd `cmd:"" help:"Open a browser in which you sign in, once or anew; done when you close it. Needs a screen."`
	List   profileListCmd   `cmd:"" help:"List the profiles and when a browser last used them."`
}

type profileFolder struct {
	Profiles string `required:"" placeholder:"DIR" help:"Folder of the profiles, as of steno serve."`
}

func (p profileFolder) shelf() profile.Shelf {
	return profile.Shelf{Dir: p.Profiles, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
}

// signIn is where people sign in to a platform.
var signIn = map[meeting.Platform]string{
	meeting.Meet: "https://accounts.google.com/", meeting.Teams: "https://teams.microsoft.com/", meeting.Zoom: "https://zoom.us/signin",
}

type profileCreateCmd struct {
	profileFolder `embed:""`

	Platform meeting.Platform `arg:"" enum:"meet,teams,zoom" help:"meet, teams or zoom."`
	Name     string           `arg:"" help:"How the account is called in meetings."`
	URL      string           `placeholder:"URL" name:"url" help:"Page to open. Default: where people sign in to the platform."`
	Browser  string           `placeholder:"FILE" help:"Chromium to use; not the headless shell. Default: where Debian puts it."`
}

// Run opens an ordinary browser, which nothing drives, and waits until it is
// closed.
func (c *profileCreateCmd) Run(ctx context.Context) error {
	if err := profile.Valid(c.Name); err != nil {
		return err
	}
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return errors.New("this machine shows no screen (DISPLAY and WAYLAND_DISPLAY are not set); run this on a Linux desktop with Chromium and copy the folder here, for its owner only: rsync -a --chmod=go= DIR/ server:DIR/")
	}
	path, err := browser.FindHeaded(c.Browser)
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(c.shelf().Path(string(c.Platform), c.Name))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make profile: %w", err)
	}
	held, err := profile.Hold(folder)
	if err != nil {
		return err
	}
	defer held.Close()
	url := c.URL
	if url == "" {
		url = signIn[c.Platform]
	}
	// With a key of the desktop's, no other machine could read the cookies.
	args := []string{"--user-data-dir=" + folder, "--password-store=basic", "--no-first-run", "--no-default-browser-check", url}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...)
	}
	fmt.Printf("Sign in as %q, then close the browser's window.\n", c.Name)
	cmd := exec.CommandContext(ctx, path, args...)
	err = cmd.Run()
	if ctx.Err() != nil {
		return errors.New("stopped; a browser that is not closed by its window may not keep the sign-in: run this again")
	}
	if err != nil {
		return fmt.Errorf("the browser ended badly: %w", err)
	}
	fmt.Printf("Kept in %s. Who has this folder is signed in: keep it as you keep a password.\n", folder)
	return nil
}

type profileListCmd struct {
	profileFolder `embed:""`
}

// Run lists the profiles.
func (c *profileListCmd) Run() error {
	s := c.shelf()
	for _, p := range []meeting.Platform{meeting.Meet, meeting.Teams, meeting.Zoom} {
		for _, name := range s.Names(string(p)) {
			used := "never used"
			if st, err := os.Stat(filepath.Join(s.Path(string(p), name), "Default", "Cookies")); err == nil {
				used = "signed in " + st.ModTime().UTC().Format(time.DateOnly)
			}
			fmt.Printf("%s\t%s\t%s\n", p, name, used)
		}
	}
	return nil
}
