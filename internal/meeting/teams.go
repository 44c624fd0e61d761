package meeting

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

var (
	teamsHosts = []string{"teams.microsoft.com", "teams.live.com", "teams.cloud.microsoft", "gov.teams.microsoft.us",
		"dod.teams.microsoft.us", "gov.teams.microsoft.com", "teams.microsoft.us"}
	teamsThread = regexp.MustCompile(`^19:[^/]+@thread\.[a-z0-9]+$`)
	teamsNumber = regexp.MustCompile(`^[0-9]{10,15}$`)
)

const noTeams = "names no Teams meeting; expected a path such as /l/meetup-join/… or /meet/1234567890123?p=…"

// readTeams knows the long links (/l/meetup-join/THREAD/MESSAGE), the short
// ones (/meet/NUMBER?p=PASSCODE) and the ways in which browsers and apps
// rewrite them.
func readTeams(u *url.URL, host string, strict bool) (Meeting, string) {
	inner, ok := teamsInner(u)
	if !ok {
		return Meeting{}, noTeams
	}
	inner.Scheme, inner.Host = "https", host
	path := strings.Trim(inner.EscapedPath(), "/")
	switch parts := strings.Split(path, "/"); {
	case len(parts) >= 3 && parts[0] == "l" && parts[1] == "meetup-join":
		return teamsLong(inner, parts[2:], strict)
	case len(parts) == 2 && parts[0] == "meet":
		return teamsShort(inner, parts[1], strict)
	case len(parts) >= 4 && parts[0] == "l" && parts[1] == "meeting" && parts[2] == "join",
		len(parts) >= 2 && parts[0] == "convene":
		return Meeting{Platform: Teams, URL: inner.String(), Key: "teams:" + decode(path)}, ""
	}
	return Meeting{}, noTeams
}

// teamsInner finds the link that the page of Teams was given: in the fragment
// (/_#/l/…, /v2/?meetingjoin=true#/l/…), in the launcher's parameter url, or
// in the light client's coordinates.
func teamsInner(u *url.URL) (*url.URL, bool) {
	path := strings.Trim(u.Path, "/")
	query := u.Query()
	var inner string
	switch path {
	case "_", "v2":
		inner = u.Fragment
		if u.RawFragment != "" {
			inner = u.RawFragment
		}
	case "dl/launcher/launcher.html":
		inner = query.Get("url")
		if _, after, ok := strings.Cut(inner, "#"); ok {
			inner = after
		}
	case "light-meetings/launch":
		return teamsCoords(query.Get("coords"))
	default:
		plain := *u
		plain.Fragment, plain.RawFragment = "", ""
		return &plain, true
	}
	link, err := url.Parse(inner)
	if err != nil || link.Host != "" || link.Scheme != "" {
		return nil, false
	}
	link.Fragment, link.RawFragment = "", ""
	return link, true
}

func teamsCoords(coords string) (*url.URL, bool) {
	data, err := decode64(coords)
	if err != nil {
		return nil, false
	}
	var c struct{ ConversationID, TenantID, OrganizerID, MessageID string }
	if json.Unmarshal(data, &c) != nil || c.ConversationID == "" {
		return nil, false
	}
	if c.MessageID == "" {
		c.MessageID = "0"
	}
	context, err := json.Marshal(struct{ Tid, Oid string }{c.TenantID, c.OrganizerID})
	if err != nil {
		return nil, false
	}
	link := &url.URL{Path: "/l/meetup-join/" + c.ConversationID + "/" + c.MessageID,
		RawPath:  "/l/meetup-join/" + url.PathEscape(c.ConversationID) + "/" + url.PathEscape(c.MessageID),
		RawQuery: "context=" + url.QueryEscape(string(context))}
	return link, true
}

func teamsLong(u *url.URL, parts []string, strict bool) (Meeting, string) {
	thread := decode(parts[0])
	message := "0"
	if len(parts) > 1 {
		message = decode(parts[1])
	}
	if thread == "" || strict && !teamsThread.MatchString(thread) {
		return Meeting{}, noTeams
	}
	page := *u
	if once, err := url.PathUnescape(parts[0]); err == nil && once != thread {
		// Encoded twice by something on the way; Teams would not find it.
		page.Path, page.RawPath = "/l/meetup-join/"+thread+"/"+message, "/l/meetup-join/"+url.PathEscape(thread)+"/"+url.PathEscape(message)
		if plain, err := url.QueryUnescape(page.RawQuery); err == nil && strings.Contains(plain, "%") {
			page.RawQuery = plain
		}
	}
	key := "teams:" + thread
	if !strings.HasPrefix(thread, "19:meeting_") && message != "0" {
		key += "/" + message // a channel has many meetings
	}
	return Meeting{Platform: Teams, URL: page.String(), Key: key, ID: thread}, ""
}

func teamsShort(u *url.URL, number string, strict bool) (Meeting, string) {
	passcode := rawParam(u.RawQuery, "p")
	if !digits.MatchString(number) || strict && !teamsNumber.MatchString(number) {
		return Meeting{}, noTeams
	}
	if strict && passcode == "" {
		return Meeting{}, "is a Teams link without its passcode (p=…)"
	}
	return Meeting{Platform: Teams, URL: u.String(), Key: "teams:meet/" + number, ID: number, Passcode: passcode}, ""
}

// decode undoes percent-encoding, at most three times.
func decode(s string) string {
	for range 3 {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == s {
			break
		}
		s = plain
	}
	return s
}

func decode64(s string) ([]byte, error) {
	s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(s), "=")
	return base64.RawStdEncoding.DecodeString(s)
}
