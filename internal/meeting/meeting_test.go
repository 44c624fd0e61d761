package meeting

import (
	"strings"
	"testing"

	"steno/internal/fail"
)

var hosts = Hosts{Galene: []string{"meet.example.org:8443"}, Lab: []string{"127.0.0.1:8099"}}

func TestParseKnowsThePlatformsAndTheMeeting(t *testing.T) {
	for _, c := range []struct{ raw, platform, key, page string }{
		{"https://meet.google.com/abc-defg-hij", "meet", "meet:abcdefghij", "https://meet.google.com/abc-defg-hij?hl=en"},
		{" https://MEET.google.com/ABC-defg-hij?authuser=1 ", "meet", "meet:abcdefghij", ""},
		{"http://127.0.0.1:8099/meet/abc-defg-hij", "meet", "meet:abcdefghij", "http://127.0.0.1:8099/meet/abc-defg-hij?hl=en"},
		{"https://us02web.zoom.us/j/123456?pwd=x", "zoom", "zoom:123456", ""},
		{"https://teams.microsoft.com/l/meetup-join/19%3ameeting", "teams", "", ""},
		{"https://teams.live.com/meet/123", "teams", "teams:meet/123", ""},
		{"https://meet.example.org:8443/group/room/", "galene", "galene:meet.example.org:8443/room", "https://meet.example.org:8443/group/room/"},
		{"https://meet.example.org:8443/group/a/b", "galene", "galene:meet.example.org:8443/a/b", "https://meet.example.org:8443/group/a/b/"},
	} {
		m, err := Parse(c.raw, hosts)
		if err != nil {
			t.Errorf("%s: %v", c.raw, err)
			continue
		}
		if string(m.Platform) != c.platform {
			t.Errorf("%s: platform %s, want %s", c.raw, m.Platform, c.platform)
		}
		if c.key != "" && m.Key != c.key {
			t.Errorf("%s: key %s, want %s", c.raw, m.Key, c.key)
		}
		if c.page != "" && m.Page != c.page {
			t.Errorf("%s: page %s, want %s", c.raw, m.Page, c.page)
		}
	}
}

func TestParseRefusesWhatNoBotCanJoin(t *testing.T) {
	for _, raw := range []string{
		"", "x", "meet.google.com/abc-defg-hij", "http://meet.google.com/abc-defg-hij", "ftp://meet.google.com/abc-defg-hij",
		"https://meet.google.com/", "https://meet.google.com/lookup/xyz", "https://evil.example/meet/abc-defg-hij",
		"https://meet.google.com.evil.example/abc-defg-hij", "https://u:p@meet.google.com/abc-defg-hij",
		"https://meet.example.org:8443/", "https://meet.example.org/group/x/", "https://evilzoom.us/j/1", "https://[::1",
		"javascript:alert(1)", "file:///etc/passwd",
	} {
		_, err := Parse(raw, hosts)
		if f := fail.As(err); f == nil || f.Kind != fail.Invalid || f.Code != CodeInvalidPlatform {
			t.Errorf("%q: got %v, want an invalid-platform error", raw, err)
		}
	}
}

func TestGaleneExistsOnlyWhereTheOperatorListsIt(t *testing.T) {
	_, err := Parse("https://meet.example.org:8443/group/room/", Hosts{})
	if err == nil {
		t.Fatal("a Galene URL was accepted although no host is listed")
	}
	if strings.Contains(err.Error(), "galene") {
		t.Errorf("the error names a platform that this server does not have: %v", err)
	}
}
