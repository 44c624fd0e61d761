package meeting

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Source says which field of an event a text comes from.
type Source string

// The sources, the most trusted first.
const (
	FromConference Source = "conference"         // Google: conferenceData.entryPoints, video
	FromOnline     Source = "online_meeting"     // Graph: onlineMeeting.joinUrl
	FromHangout    Source = "hangout_link"       // Google: hangoutLink
	FromOnlineURL  Source = "online_meeting_url" // Graph: onlineMeetingUrl
	FromLocation   Source = "location"           // location and locations[], name or address
	FromBody       Source = "body"               // description, body; plain or HTML
	FromProperty   Source = "property"           // extended properties
	FromSubject    Source = "subject"
)

var trust = map[Source]int{FromConference: 80, FromOnline: 80, FromHangout: 70, FromOnlineURL: 70,
	FromLocation: 50, FromBody: 30, FromProperty: 20, FromSubject: 10}

// preference orders several meetings of one text. Meet comes after Zoom: a
// calendar adds a Meet link by itself, people write the other ones.
var preference = map[Platform]int{Zoom: 4, Meet: 3, Teams: 2, Galene: 1}

// Text is one field of an event.
type Text struct {
	Source Source
	Text   string
}

// Wrapped is the Platform of a Candidate whose URL is a redirection that tells
// its target to nobody but its own server.
const Wrapped Platform = "wrapped"

// Candidate is a meeting URL that was found in an event.
type Candidate struct {
	Meeting
	Source Source
	// Joinable tells that the platform is one of Zoom, Meet, Teams or Galene
	// and the URL names a meeting there. Others are only labelled: Platform is
	// then the name of the service ("webex", "jitsi", …) or Wrapped, and Key
	// and ID are empty.
	Joinable bool
}

// Detection is what Detect found.
type Detection struct {
	// Best is the meeting that the event is about, or nil when a bot can join
	// none of All.
	Best *Candidate
	// All are the candidates in the order of trust, each meeting once per
	// source.
	All []Candidate
}

// maxText bounds how much of one text is read, in bytes. The longest bodies
// that calendars hold are below it.
const maxText = 1 << 20

// Detect finds the meeting of an event in its fields. It reads plain text and
// HTML, and looks through links that mail filters have rewritten. Hosts are
// compared as parsed hosts, never as parts of a text.
//
// The order is that of the sources; within one source Zoom, Meet, Teams, and
// of one meeting the longer URL, which keeps the passcode. One exception: a
// Meet link in the conference data gives way to a Zoom or Teams link in the
// location or body, because calendars add Meet by themselves and people add
// the other. A caller that knows better picks from All.
func Detect(texts []Text, hosts Hosts) Detection {
	var d Detection
	for _, t := range texts {
		for _, c := range candidates(t, hosts) {
			d.add(c)
		}
	}
	slices.SortStableFunc(d.All, func(a, b Candidate) int {
		if n := trust[b.Source] - trust[a.Source]; n != 0 {
			return n
		}
		if n := preference[b.Platform] - preference[a.Platform]; n != 0 {
			return n
		}
		return len(b.URL) - len(a.URL)
	})
	d.pick()
	return d
}

// add keeps one candidate for each meeting and source, the longer one.
func (d *Detection) add(c Candidate) {
	for i, o := range d.All {
		if o.Source == c.Source && o.Platform == c.Platform && o.Key == c.Key && (c.Joinable || o.URL == c.URL) {
			if len(c.URL) > len(o.URL) {
				d.All[i] = c
			}
			return
		}
	}
	d.All = append(d.All, c)
}

func (d *Detection) pick() {
	best := slices.IndexFunc(d.All, func(c Candidate) bool { return c.Joinable })
	if best < 0 {
		return
	}
	if added := d.All[best]; added.Platform == Meet && trust[added.Source] > trust[FromLocation] {
		meant := slices.IndexFunc(d.All, func(c Candidate) bool {
			return c.Joinable && (c.Platform == Zoom || c.Platform == Teams) && trust[c.Source] >= trust[FromBody]
		})
		if meant >= 0 {
			best = meant
		}
	}
	c := d.All[best]
	if c.Passcode == "" {
		// The same meeting may stand elsewhere with its passcode.
		for _, o := range d.All {
			if o.Joinable && o.Key == c.Key && o.Passcode != "" {
				c.URL, c.Passcode = o.URL, o.Passcode
				break
			}
		}
	}
	d.Best = &c
}

// candidates finds the meetings of one text.
func candidates(t Text, hosts Hosts) []Candidate {
	text := t.Text
	if len(text) > maxText {
		text = text[:maxText]
	}
	text = clean(text)
	list, keys := scan(text, t.Source, hosts)
	if len(keys) == 0 {
		// The lines may be folded as in iCalendar text. This comes second: a
		// line may as well begin with a space.
		if strings.Contains(text, "\n ") || strings.Contains(text, "\n\t") {
			text = fold.ReplaceAllString(text, "")
			list, keys = scan(text, t.Source, hosts)
		}
	}
	if len(keys) == 1 {
		code := passcode(text)
		for i := range list {
			if list[i].Joinable && list[i].Passcode == "" && (list[i].Platform == Zoom || list[i].Platform == Teams) {
				list[i].Passcode = code
			}
		}
	}
	return list
}

// scan reads a text once. keys are the meetings in it that a bot can join.
func scan(text string, source Source, hosts Hosts) (list []Candidate, keys map[string]bool) {
	keys = map[string]bool{}
	for _, raw := range links(text) {
		for _, c := range resolve(raw, hosts) {
			c.Source = source
			list = append(list, c)
			if c.Joinable {
				keys[c.Key] = true
			}
		}
	}
	return list, keys
}

// spoken finds a passcode that an invitation spells out below its link.
var spoken = regexp.MustCompile(`(?i)\b(?:passcode|password|kenncode|passwort|code secret|mot de passe|código de acceso|contraseña|passcodice)\s*:\s*([A-Za-z0-9@*_.+!?#$%&/=-]{3,32})`)

func passcode(text string) string {
	if m := spoken.FindStringSubmatch(plainText(text)); m != nil {
		return strings.TrimRight(m[1], ".")
	}
	return ""
}

// resolve looks at one link: through wrappers, apart where two are glued.
func resolve(raw string, hosts Hosts) []Candidate {
	u, opaque := unwrap(raw)
	switch {
	case u == nil:
		return nil
	case opaque:
		return []Candidate{{Meeting: Meeting{Platform: Wrapped, URL: u.String()}}}
	}
	if parts := unglue(u.String()); len(parts) > 1 {
		return sameMeeting(parts, hosts)
	}
	return one(u, hosts)
}

// sameMeeting accepts URLs that stand in each other's way only when they all
// name one meeting; of two different ones nobody can say where the first ends.
func sameMeeting(parts []string, hosts Hosts) []Candidate {
	var first []Candidate
	for i, p := range parts {
		u, err := url.Parse(p)
		if err != nil {
			return nil
		}
		c := one(u, hosts)
		if len(c) != 1 || !c[0].Joinable {
			return nil
		}
		if i == 0 {
			first = c
		}
		if c[0].Key != first[0].Key {
			return nil
		}
	}
	return first
}

func one(u *url.URL, hosts Hosts) []Candidate {
	if u.User != nil {
		return nil
	}
	if u.Scheme != "https" && !hosts.own(u) {
		plain := *u
		if !appLink(&plain) {
			return nil
		}
		u = &plain
	}
	m, known, reason := read(u, hosts, true)
	switch {
	case known && reason == "":
		return []Candidate{{Meeting: m, Joinable: true}}
	case known:
		return nil
	}
	if name := service(u); name != "" {
		return []Candidate{{Meeting: Meeting{Platform: name, URL: u.String()}}}
	}
	return nil
}

// appLink turns the links of the desktop apps, and http, into https. It
// reports whether u is one of these.
func appLink(u *url.URL) bool {
	switch u.Scheme {
	case "http":
	case "zoommtg", "zoomus":
		number := u.Query().Get("confno")
		if strings.Trim(u.Path, "/") != "join" || !digits.MatchString(number) {
			return false
		}
		pwd := rawParam(u.RawQuery, "pwd")
		u.Path, u.RawPath, u.RawQuery = "/j/"+number, "", ""
		if pwd != "" {
			u.RawQuery = "pwd=" + url.PathEscape(pwd)
		}
	case "msteams":
		if u.Host == "" {
			u.Host = teamsHosts[0]
		}
		if u.Opaque != "" {
			return false
		}
	default:
		return false
	}
	u.Scheme = "https"
	return true
}
