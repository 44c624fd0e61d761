// Package meeting turns a meeting URL into what the rest of the program needs:
// which platform, which meeting, which page to open; and finds the URL in what
// a calendar event says. It is pure: no network, no state.
package meeting

import (
	"net/url"
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
	// URL is the meeting's address, in the form in which it was given, without
	// what makes its reader somebody else.
	URL string
	// Page is what the bot opens.
	Page string
	// Key identifies the meeting whatever the spelling of its URL, for
	// deduplication: "meet:abcdefghij", "zoom:123456789", "galene:host/group".
	Key string
	// ID is what the platform calls the meeting: the number of Zoom and of
	// short Teams links, the code of Meet, the thread of long Teams links, the
	// group of Galène. Empty for Zoom's personal links, which name a person.
	ID string
	// Passcode is the passcode that the URL carries (Zoom's pwd, Teams' p), or
	// that stands beside it in the text it was found in.
	Passcode string
}

// Hosts lists what the operator adds to the hosts of the known services. The
// values are host or host:port, lower case.
type Hosts struct {
	// Galene servers. Their meetings may be http:// on a loopback address.
	Galene []string
	// Lab serves the test pages of `steno lab`: /meet/<code> counts as Meet,
	// /teams/… and /zoom/… as what stands behind.
	Lab []string
}

// Parse reads a meeting URL that somebody gave for a bot. It returns a
// fail.Invalid error with CodeInvalidPlatform when the URL is none, or of no
// platform that this server knows, or when the platform is known but the URL
// names no meeting. What it takes for a meeting number is wider than in
// Detect: who gives a URL knows what it is.
func Parse(raw string, hosts Hosts) (Meeting, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" {
		return Meeting{}, invalid("meeting_url is not a URL; expected something like https://meet.google.com/abc-defg-hij")
	}
	if u.User != nil {
		return Meeting{}, invalid("meeting_url must not contain a user name or password")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !hosts.own(u)) {
		return Meeting{}, invalid("meeting_url must begin with https://")
	}
	if glued(raw) {
		return Meeting{}, invalid("meeting_url holds more than one URL")
	}
	m, known, reason := read(u, hosts, false)
	switch {
	case !known:
		return Meeting{}, invalid("meeting_url %q is on no meeting platform that this server knows (%s)",
			strings.ToLower(u.Host), strings.Join(names(hosts), ", "))
	case reason != "":
		return Meeting{}, invalid("meeting_url %s", reason)
	}
	return m, nil
}

// read finds out which meeting a URL names. known tells that the host belongs
// to a platform; reason, if not empty, says why the URL names no meeting there.
// strict refuses what only looks like a meeting, see Detect.
func read(u *url.URL, hosts Hosts, strict bool) (m Meeting, known bool, reason string) {
	m, known, reason = readHost(u, hosts, strict)
	if m.Page == "" {
		m.Page = m.URL
	}
	return m, known, reason
}

func readHost(u *url.URL, hosts Hosts, strict bool) (m Meeting, known bool, reason string) {
	if u.User != nil {
		return Meeting{}, false, ""
	}
	full := strings.ToLower(u.Host)
	host := plainHost(u)
	switch {
	case contains(hosts.Lab, full):
		return readLab(u, full)
	case contains(hosts.Galene, full):
		m, reason = readGalene(u, full)
		return m, true, reason
	case host == "meet.google.com":
		m, reason = readMeet(u, strings.TrimPrefix(strings.Trim(u.Path, "/"), "_meet/"))
		return m, true, reason
	case under(host, zoomDomains...):
		m, reason = readZoom(u, host, strict)
		return m, true, reason
	case contains(teamsHosts, host):
		m, reason = readTeams(u, host, strict)
		return m, true, reason
	}
	return Meeting{}, false, ""
}

// readLab reads the address of a test page. Its pages of Teams and Zoom are
// those of the services, moved below a folder.
func readLab(u *url.URL, host string) (m Meeting, known bool, reason string) {
	folder, rest, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	moved := *u
	moved.Path, moved.RawPath = "/"+decode(rest), "/"+rest
	switch folder {
	case "meet":
		m, reason = readMeet(u, strings.Trim(rest, "/"))
		return m, true, reason
	case "teams":
		m, reason = readTeams(&moved, host, false)
	case "zoom":
		m, reason = readZoom(&moved, host, false)
	default:
		return Meeting{}, false, ""
	}
	if _, path, ok := strings.Cut(m.URL, "://"+host+"/"); ok && reason == "" {
		m.URL = u.Scheme + "://" + host + "/" + folder + "/" + path
	}
	return m, true, reason
}

// own tells that the operator listed the URL's host.
func (h Hosts) own(u *url.URL) bool {
	host := strings.ToLower(u.Host)
	return contains(h.Galene, host) || contains(h.Lab, host)
}

// plainHost is the URL's host in lower case, without the port of https and
// without the dot that a full domain name may end with. Another port makes it
// another service.
func plainHost(u *url.URL) string {
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, ":443")
	return strings.TrimSuffix(host, ".")
}

// under tells that host is one of the domains or below one. Hosts are compared
// label by label: "notzoom.us" and "zoom.us.evil.example" are not under zoom.us.
func under(host string, domains ...string) bool {
	for _, d := range domains {
		if host == d || strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

func names(hosts Hosts) []string {
	list := []string{string(Zoom), string(Meet), string(Teams)}
	if len(hosts.Galene) > 0 {
		list = append(list, string(Galene))
	}
	return list
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
