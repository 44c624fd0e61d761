package meeting

import (
	"net/url"
	"regexp"
	"strings"
)

// The shapes of the platforms' URLs: calendar-providers reference, 4.3. A
// read* function returns the meeting, or why the URL names none.

var (
	meetCode    = regexp.MustCompile(`^[a-z]{3}-?[a-z]{4}-?[a-z]{3}$`)
	digits      = regexp.MustCompile(`^[0-9]+$`)
	zoomNumber  = regexp.MustCompile(`^[0-9]{9,11}$`)
	zoomAlias   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	zoomDomains = []string{"zoom.us", "zoom.com", "zoom.com.cn", "zoomgov.com", "zoom-x.de"}
)

// zoomNoise are parameters that say who comes or prove that somebody is the
// host: they are not the meeting's, and a bot must not come as somebody else.
var zoomNoise = []string{"uname", "from", "zak"}

func readMeet(u *url.URL, code string) (Meeting, string) {
	code = strings.ToLower(code)
	if !meetCode.MatchString(code) {
		return Meeting{}, "names no Google Meet meeting; expected a code such as abc-defg-hij at its end"
	}
	plain := strings.ReplaceAll(code, "-", "")
	page := *u
	page.Host = strings.ToLower(u.Host)
	page.Fragment, page.RawFragment = "", ""
	m := Meeting{Platform: Meet, URL: page.String(), Key: "meet:" + plain, ID: plain[:3] + "-" + plain[3:7] + "-" + plain[7:]}
	// The flow looks for English texts. authuser, hs and pli are about the
	// person who copied the link.
	page.RawQuery = dropQuery(page.RawQuery, "hl", "authuser", "hs", "pli")
	if page.RawQuery != "" {
		page.RawQuery += "&"
	}
	page.RawQuery += "hl=en"
	m.Page = page.String()
	return m, ""
}

func readGalene(u *url.URL, host string) (Meeting, string) {
	group, ok := strings.CutPrefix(strings.Trim(u.Path, "/"), "group/")
	if !ok || group == "" {
		return Meeting{}, "names no Galene group; expected https://" + host + "/group/NAME/"
	}
	page := *u
	page.Path = "/group/" + group + "/"
	return Meeting{Platform: Galene, URL: page.String(), Key: "galene:" + host + "/" + group, ID: group}, ""
}

// readZoom knows /j/ID, /w/ID (webinar), /wc/join/ID, /wc/ID/join, /my/NAME and
// /p/NAME. Registration pages, recordings and the host's own start links are
// not to be joined.
func readZoom(u *url.URL, host string, strict bool) (Meeting, string) {
	const none = "names no Zoom meeting; expected a path such as /j/123456789"
	if host == "events.zoom.us" || host == "ev.zoom.com" {
		return Meeting{}, "is a Zoom event page, not a meeting; expected the attendee's own join link"
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	var number, alias string
	switch {
	case len(parts) == 2 && (parts[0] == "j" || parts[0] == "w"):
		number = parts[1]
	case len(parts) == 3 && parts[0] == "wc" && parts[1] == "join":
		number = parts[2]
	case len(parts) == 3 && parts[0] == "wc" && parts[2] == "join":
		number = parts[1]
	case len(parts) == 2 && (parts[0] == "my" || parts[0] == "p"):
		alias = parts[1]
	default:
		return Meeting{}, none
	}
	if alias != "" && !zoomAlias.MatchString(alias) || alias == "" && !digits.MatchString(number) {
		return Meeting{}, none
	}
	if strict && number != "" && !zoomNumber.MatchString(number) {
		return Meeting{}, none
	}
	page := *u
	page.Host = strings.ToLower(u.Host)
	page.Fragment, page.RawFragment = "", ""
	page.RawQuery = dropQuery(u.RawQuery, zoomNoise...)
	m := Meeting{Platform: Zoom, URL: page.String(), ID: number, Passcode: rawParam(u.RawQuery, "pwd")}
	m.Key = "zoom:" + zoomCloud(host) + number
	if alias != "" {
		m.Key = "zoom:" + zoomCloud(host) + parts[0] + "/" + strings.ToLower(alias)
	}
	return m, ""
}

// zoomCloud tells the clouds apart that number their meetings on their own.
func zoomCloud(host string) string {
	switch {
	case under(host, "zoomgov.com"):
		return "gov/"
	case under(host, "zoom.com.cn"):
		return "cn/"
	}
	return ""
}

// dropQuery takes parameters out of a raw query and leaves the rest as it is:
// encoding a passcode again could change it.
func dropQuery(raw string, drop ...string) string {
	var kept []string
	for part := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(part, "=")
		if part != "" && !contains(drop, name) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// rawParam reads a parameter in which a plus sign is a plus sign, as in Zoom's
// passcodes.
func rawParam(raw, name string) string {
	for part := range strings.SplitSeq(raw, "&") {
		if k, v, _ := strings.Cut(part, "="); k == name {
			if plain, err := url.PathUnescape(v); err == nil {
				return plain
			}
			return v
		}
	}
	return ""
}
