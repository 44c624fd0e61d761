// Package meeting turns a meeting URL into what the rest of the program needs:
// which platform, which meeting, which page to open. It is pure: no network,
// no state.
package meeting

import (
	"net/url"
	"regexp"
	"strings"

	"steno/internal/fail"
)

// Platform names a meeting service, as in the API field meeting_platform.
type Platform string

// The platforms. Galene exists only where the operator lists hosts for it.
const (
	Zoom   Platform = "zoom"
	Meet   Platform = "meet"
	Teams  Platform = "teams"
	Galene Platform = "galene"
)

// CodeInvalidPlatform is the code of a URL that belongs to no known platform.
const CodeInvalidPlatform = "FST_ERR_INVALID_MEETING_PLATFORM"

// Meeting is a parsed meeting URL.
type Meeting struct {
	Platform Platform
	// URL is the page that the bot opens.
	URL string
	// Key identifies the meeting whatever the spelling of its URL, for
	// deduplication: "meet:abc-defg-hij", "galene:host/group".
	Key string
}

// Hosts lists what the operator adds to the hosts of the known services. The
// values are host or host:port, lower case.
type Hosts struct {
	// Galene servers. Their meetings may be http:// on a loopback address.
	Galene []string
	// Lab serves the test pages of `steno lab`: /meet/<code> counts as Meet.
	Lab []string
}

var meetCode = regexp.MustCompile(`^[a-z]{3}-?[a-z]{4}-?[a-z]{3}$`)

// Parse reads a meeting URL. It returns a fail.Invalid error with
// CodeInvalidPlatform when the URL is none, or of no platform that this server
// knows, or when the platform is known but the URL names no meeting.
func Parse(raw string, hosts Hosts) (Meeting, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" {
		return Meeting{}, invalid("meeting_url is not a URL; expected something like https://meet.google.com/abc-defg-hij")
	}
	if u.User != nil {
		return Meeting{}, invalid("meeting_url must not contain a user name or password")
	}
	host := strings.ToLower(u.Host)
	own := contains(hosts.Galene, host) || contains(hosts.Lab, host)
	if u.Scheme != "https" && (u.Scheme != "http" || !own) {
		return Meeting{}, invalid("meeting_url must begin with https://")
	}
	path := strings.Trim(u.Path, "/")
	switch {
	case host == "meet.google.com":
		return parseMeet(u, path)
	case contains(hosts.Lab, host):
		if code, ok := strings.CutPrefix(path, "meet/"); ok {
			return parseMeet(u, code)
		}
	case contains(hosts.Galene, host):
		return parseGalene(u, host, path)
	case host == "zoom.us" || strings.HasSuffix(host, ".zoom.us"):
		return Meeting{Platform: Zoom, URL: u.String(), Key: "zoom:" + path}, nil
	case host == "teams.microsoft.com" || host == "teams.live.com" || host == "teams.cloud.microsoft":
		return Meeting{Platform: Teams, URL: u.String(), Key: "teams:" + path}, nil
	}
	return Meeting{}, invalid("meeting_url %q is on no meeting platform that this server knows (%s)", host, strings.Join(known(hosts), ", "))
}

func parseMeet(u *url.URL, code string) (Meeting, error) {
	code = strings.ToLower(code)
	if !meetCode.MatchString(code) {
		return Meeting{}, invalid("meeting_url names no Google Meet meeting; expected a code such as abc-defg-hij at its end")
	}
	plain := strings.ReplaceAll(code, "-", "")
	page := *u
	q := page.Query()
	q.Set("hl", "en") // the flow looks for English texts
	page.RawQuery = q.Encode()
	return Meeting{Platform: Meet, URL: page.String(), Key: "meet:" + plain}, nil
}

func parseGalene(u *url.URL, host, path string) (Meeting, error) {
	group, ok := strings.CutPrefix(path, "group/")
	if !ok || group == "" {
		return Meeting{}, invalid("meeting_url names no Galene group; expected https://%s/group/NAME/", host)
	}
	page := *u
	page.Path = "/group/" + group + "/"
	return Meeting{Platform: Galene, URL: page.String(), Key: "galene:" + host + "/" + group}, nil
}

func known(hosts Hosts) []string {
	names := []string{string(Zoom), string(Meet), string(Teams)}
	if len(hosts.Galene) > 0 {
		names = append(names, string(Galene))
	}
	return names
}

func contains(list []string, host string) bool {
	for _, h := range list {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

func invalid(format string, args ...any) error {
	return fail.New(fail.Invalid, CodeInvalidPlatform, format, args...)
}
