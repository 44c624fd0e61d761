package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"steno/internal/meeting"
	"steno/internal/profile"
)

// browserScript stands in for a browser: it leaves what it was told in its
// profile.
const browserScript = `#!/bin/sh
for a in "$@"; do case "$a" in --user-data-dir=*) dir="${a#--user-data-dir=}";; esac; done
mkdir -p "$dir/Default" && echo "$@" > "$dir/Default/Cookies"
`

func TestProfileIsMadeInAnOrdinaryBrowser(t *testing.T) {
	t.Setenv("DISPLAY", ":7")
	script := filepath.Join(t.TempDir(), "chromium")
	if err := os.WriteFile(script, []byte(browserScript), 0o700); err != nil {
		t.Fatal(err)
	}
	c := profileCreateCmd{profileFolder{t.TempDir()}, meeting.Teams, "Notes Bot", "", script}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(c.Profiles, "teams", "Notes Bot")
	said, err := os.ReadFile(filepath.Join(folder, "Default", "Cookies"))
	if err != nil || !strings.Contains(string(said), "--password-store=basic") || !strings.Contains(string(said), "teams.microsoft.com") || strings.Contains(string(said), "remote-debugging") {
		t.Errorf("the browser was told %q, %v", said, err)
	}
	if names := c.shelf().Names("teams"); len(names) != 1 || names[0] != "Notes Bot" {
		t.Errorf("profiles %q", names)
	}
	held, err := profile.Hold(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("while a bot uses it: %v", err)
	}
}

func TestProfileNeedsAScreen(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	c := profileCreateCmd{profileFolder: profileFolder{t.TempDir()}, Platform: meeting.Meet, Name: "N"}
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "desktop") {
		t.Errorf("%v, want to be told what to do", err)
	}
	c.Name = "../N"
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("%v, want the name refused", err)
	}
}
