package meeting

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

const (
	thread  = "19:meeting_NjA2ZWQyYTEtYzA4Ni00@thread.v2"
	longT   = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_NjA2ZWQyYTEtYzA4Ni00%40thread.v2/0?context=%7b%22Tid%22%3a%22t1%22%2c%22Oid%22%3a%22o1%22%7d"
	zoomURL = "https://us02web.zoom.us/j/85012345678?pwd=Ab.c-D_e1.1"
)

func safeLink(target string) string {
	return "https://eur01.safelinks.protection.outlook.com/?url=" + url.QueryEscape(target) + "&data=05%7C02%7C&sdata=x%3D&reserved=0"
}

func proofpointV2(target string) string {
	return "https://urldefense.proofpoint.com/v2/url?u=" + strings.NewReplacer("%", "-", "/", "_").Replace(strings.NewReplacer("%2F", "/").Replace(url.QueryEscape(target))) + "&d=DwMFAg&c=x"
}

// found are texts with the meeting in them: platform, id, passcode.
var found = map[string]string{
	// Zoom
	"https://zoom.us/j/123456789":                                          "zoom 123456789 -",
	"https://zoom.us/j/1234567890":                                         "zoom 1234567890 -",
	"https://zoom.us/j/12345678901/":                                       "zoom 12345678901 -",
	zoomURL:                                                                "zoom 85012345678 Ab.c-D_e1.1",
	"https://acme.zoom.us/j/85012345678?pwd=a+b/c":                         "zoom 85012345678 a+b/c",
	"https://acme.zoom.us/j/85012345678?pwd=a%2Bb%2Fc":                     "zoom 85012345678 a+b/c",
	"https://acme.zoom.us/j/85012345678?from=addon&pwd=x1":                 "zoom 85012345678 x1",
	"https://acme.zoom.us/w/85012345678?tk=T.oken-1&pwd=q2":                "zoom 85012345678 q2",
	"https://zoom.us/w/85012345678":                                        "zoom 85012345678 -",
	"https://app.zoom.us/wc/join/85012345678?pwd=z":                        "zoom 85012345678 z",
	"https://app.zoom.us/wc/85012345678/join?pwd=z":                        "zoom 85012345678 z",
	"https://zoom.us/my/ada.blue":                                          "zoom - -",
	"https://acme.zoom.us/p/ada":                                           "zoom - -",
	"https://zoomgov.com/j/1601234567":                                     "zoom 1601234567 -",
	"https://agency.zoomgov.com/j/1601234567?pwd=g":                        "zoom 1601234567 g",
	"https://acme.zoom.com/j/85012345678":                                  "zoom 85012345678 -",
	"https://zoom.com.cn/j/85012345678":                                    "zoom 85012345678 -",
	"https://zoom-x.de/j/85012345678":                                      "zoom 85012345678 -",
	"https://acme.zoom-x.de/j/85012345678?pwd=k":                           "zoom 85012345678 k",
	"https://ZOOM.us/j/123456789":                                          "zoom 123456789 -",
	"https://zoom.us:443/j/123456789":                                      "zoom 123456789 -",
	"https://zoom.us./j/123456789":                                         "zoom 123456789 -",
	"http://zoom.us/j/123456789":                                           "zoom 123456789 -",
	"https://zoom.us/j/123456789#success":                                  "zoom 123456789 -",
	"zoommtg://zoom.us/join?confno=123456789&pwd=abc&zc=0":                 "zoom 123456789 abc",
	"zoommtg://acme.zoom.us/join?action=join&confno=85012345678":           "zoom 85012345678 -",
	"zoom.us/j/123456789":                                                  "zoom 123456789 -",
	"Zoom: us02web.zoom.us/j/85012345678?pwd=p.1, room 4":                  "zoom 85012345678 p.1",
	"Join at https://zoom.us/j/123456789.":                                 "zoom 123456789 -",
	"(https://zoom.us/j/123456789)":                                        "zoom 123456789 -",
	"<https://zoom.us/j/123456789>":                                        "zoom 123456789 -",
	"\"https://zoom.us/j/123456789\";":                                     "zoom 123456789 -",
	"[Join](https://zoom.us/j/123456789?pwd=md)":                           "zoom 123456789 md",
	"[https://zoom.us/j/123456789](https://zoom.us/j/123456789)":           "zoom 123456789 -",
	"Zoom:https://zoom.us/j/123456789":                                     "zoom 123456789 -",
	"https://zoom.us/j/123456789;https://example.com/agenda":               "zoom 123456789 -",
	"https://example.com/agenda,https://zoom.us/j/123456789":               "zoom 123456789 -",
	"https://zoom.us/j/123456789?pwd=x&amp;from=a":                         "zoom 123456789 x",
	"https://zoom.us/j/123456789?from=a&amp;amp;pwd=x":                     "zoom 123456789 x",
	"https://zoom.us/j/123456789&nbsp;":                                    "zoom 123456789 -",
	"https://zoom.us/j/123\u200b456\u200b789":                              "zoom 123456789 -",
	"https://zoom.us/j/123456789?pwd=abc=\r\ndef":                          "zoom 123456789 abcdef",
	"https://zoom.us/j/12345=\n6789":                                       "zoom 123456789 -",
	"DESCRIPTION:https://zoom.us/j/1234\r\n 56789?pwd=fold":                "zoom 123456789 fold",
	"https%3A%2F%2Fzoom.us%2Fj%2F123456789%3Fpwd%3Dx":                      "zoom 123456789 x",
	"https%253A%252F%252Fzoom.us%252Fj%252F123456789":                      "zoom 123456789 -",
	"https://zoom.us/j/123456789https://zoom.us/j/123456789":               "zoom 123456789 -",
	"https://zoom.us/j/123456789\nMeeting ID: 123 456 789\nPasscode: 4711": "zoom 123456789 4711",
	"<p>https://zoom.us/j/123456789</p><p>Kenncode: a7!x</p>":              "zoom 123456789 a7!x",
	"https://zoom.us/j/123456789 Password: s3cret.":                        "zoom 123456789 s3cret",
	"https://example.com/?a=1&copy=2 https://zoom.us/j/123456789":          "zoom 123456789 -",

	// Google Meet
	"https://meet.google.com/abc-defg-hij":                              "meet abc-defg-hij -",
	"https://meet.google.com/abc-defg-hij?authuser=1&hs=122&pli=1":      "meet abc-defg-hij -",
	"https://meet.google.com/_meet/abc-defg-hij":                        "meet abc-defg-hij -",
	"https://meet.google.com/ABC-DEFG-HIJ":                              "meet abc-defg-hij -",
	"https://meet.google.com/abcdefghij":                                "meet abc-defg-hij -",
	"meet.google.com/abc-defg-hij":                                      "meet abc-defg-hij -",
	"http://meet.google.com/abc-defg-hij":                               "meet abc-defg-hij -",
	"Join: meet.google.com/abc-defg-hij.":                               "meet abc-defg-hij -",
	"<a href=\"https://meet.google.com/abc-defg-hij\">Join</a>":         "meet abc-defg-hij -",
	"<a href='https://meet.google.com/abc-defg-hij?hs=1&amp;pli=2'>":    "meet abc-defg-hij -",
	"<b>https://meet.google.com/abc-</b><wbr>defg-hij<br>see you":       "meet abc-defg-hij -",
	"<div>https://meet.google.com/abc-defg-hij</div>next":               "meet abc-defg-hij -",
	"http://127.0.0.1:8099/meet/abc-defg-hij":                           "meet abc-defg-hij -",
	"&lt;a href=&quot;https://meet.google.com/abc-defg-hij&quot;&gt;x":  "meet abc-defg-hij -",
	"https://www.google.com/url?q=https://meet.google.com/abc-defg-hij": "meet abc-defg-hij -",

	// Teams
	longT: "teams " + thread + " -",
	strings.Replace(longT, ".com/", ".com:443/", 1):                                                                                                             "teams " + thread + " -",
	strings.ReplaceAll(strings.ReplaceAll(longT, "%3a", "%253a"), "%40", "%2540"):                                                                               "teams " + thread + " -",
	strings.Replace(longT, "teams.microsoft.com", "gov.teams.microsoft.us", 1):                                                                                  "teams " + thread + " -",
	strings.Replace(longT, "teams.microsoft.com", "dod.teams.microsoft.us", 1):                                                                                  "teams " + thread + " -",
	strings.Replace(longT, "teams.microsoft.com", "gov.teams.microsoft.com", 1):                                                                                 "teams " + thread + " -",
	strings.Replace(longT, "teams.microsoft.com", "teams.microsoft.us", 1):                                                                                      "teams " + thread + " -",
	strings.Replace(longT, "teams.microsoft.com", "teams.cloud.microsoft", 1):                                                                                   "teams " + thread + " -",
	"https://teams.microsoft.com/l/meetup-join/19:meeting_abc@thread.v2/0?context={\"Tid\"":                                                                     "teams 19:meeting_abc@thread.v2 -",
	"https://teams.microsoft.com/l/meetup-join/19%3aabc%40thread.tacv2/1712345678":                                                                              "teams 19:abc@thread.tacv2 -",
	"https://teams.microsoft.com/l/meetup-join/19%3aabc%40thread.skype/171":                                                                                     "teams 19:abc@thread.skype -",
	"https://teams.microsoft.com/meet/2345678901234?p=AbCdEf123":                                                                                                "teams 2345678901234 AbCdEf123",
	"https://teams.live.com/meet/9312345678901?p=kLm":                                                                                                           "teams 9312345678901 kLm",
	"https://teams.microsoft.com/_#/l/meetup-join/19%3ameeting_abc%40thread.v2/0":                                                                               "teams 19:meeting_abc@thread.v2 -",
	"https://teams.microsoft.com/v2/?meetingjoin=true#/l/meetup-join/19%3ameeting_abc%40thread.v2/0?context=%7b%7d":                                             "teams 19:meeting_abc@thread.v2 -",
	"https://teams.microsoft.com/v2/?meetingjoin=true#/meet/2345678901234?p=Q":                                                                                  "teams 2345678901234 Q",
	"https://teams.microsoft.com/dl/launcher/launcher.html?url=%2F_%23%2Fl%2Fmeetup-join%2F19%3Ameeting_abc%40thread.v2%2F0%3Fcontext%3D%257b&type=meetup-join": "teams 19:meeting_abc@thread.v2 -",
	"https://teams.microsoft.com/dl/launcher/launcher.html?url=%2F_%23%2Fmeet%2F2345678901234%3Fp%3DQ%26anon%3Dtrue":                                            "teams 2345678901234 Q",
	"https://teams.microsoft.com/light-meetings/launch?coords=" + coords:                                                                                        "teams 19:meeting_abc@thread.v2 -",
	"https://teams.microsoft.com/l/meeting/join/19%3ameeting_abc":                                                                                               "teams - -",
	"https://teams.microsoft.com/convene/abc":                                                                                                                   "teams - -",
	"msteams:/l/meetup-join/19%3ameeting_abc%40thread.v2/0":                                                                                                     "teams 19:meeting_abc@thread.v2 -",
	"msteams://teams.microsoft.com/l/meetup-join/19%3ameeting_abc%40thread.v2/0":                                                                                "teams 19:meeting_abc@thread.v2 -",
	"Join<" + longT + ">\nMeeting options<https://teams.microsoft.com/meetingOptions/?organizerId=x>":                                                           "teams " + thread + " -",
	"________\n<a href=\"" + longT + "\">Join</a> <a href=\"https://aka.ms/JoinTeamsMeeting\">Help</a>":                                                         "teams " + thread + " -",
	"https://dialin.teams.microsoft.com/usp/pstnconferencing " + longT:                                                                                          "teams " + thread + " -",

	// Galène, where the operator lists its host
	"https://meet.example.org:8443/group/room/": "galene room -",

	// Wrappers
	safeLink(zoomURL):           "zoom 85012345678 Ab.c-D_e1.1",
	safeLink(longT):             "teams " + thread + " -",
	safeLink(safeLink(zoomURL)): "zoom 85012345678 Ab.c-D_e1.1",
	anchor(safeLink(zoomURL)):   "zoom 85012345678 Ab.c-D_e1.1",
	"https://nam02.safelinks.protection.outlook.com/ap/t-59584e83/?url=" + url.QueryEscape(longT) + "&data=1":                             "teams " + thread + " -",
	"https://statics.teams.cdn.office.net/evergreen-assets/safelinks/1/atp-safelinks.html?url=" + url.QueryEscape(zoomURL) + "&locale=en": "zoom 85012345678 Ab.c-D_e1.1",
	"https://urldefense.proofpoint.com/v1/url?u=" + url.QueryEscape(zoomURL) + "&k=x":                                                     "zoom 85012345678 Ab.c-D_e1.1",
	proofpointV2("https://acme.zoom.us/j/85012345678?pwd=abc"):                                                                            "zoom 85012345678 abc",
	"https://urldefense.com/v3/__https://acme.zoom.us/j/85012345678?pwd=abc__;!!Ab!x$":                                                    "zoom 85012345678 abc",
	"https://urldefense.com/v3/__https://acme.zoom.us/j/85012345678?pwd=a*b__;Kw!!Ab!x$":                                                  "zoom 85012345678 a+b",
	"https://urldefense.com/v3/__https://acme.zoom.us/j/85012345678?pwd=a**Ab__;Kys!!A!$":                                                 "zoom 85012345678 a++b",
	"https://us-east-2.urldefense.com/v3/__https:/meet.google.com/abc-defg-hij__;!!A!$":                                                   "meet abc-defg-hij -",
	"https://www.google.com/url?q=" + url.QueryEscape(zoomURL) + "&sa=D&source=calendar":                                                  "zoom 85012345678 Ab.c-D_e1.1",
	"https://www.google.de/url?url=" + url.QueryEscape(zoomURL):                                                                           "zoom 85012345678 Ab.c-D_e1.1",
	"https://linkprotect.cudasvc.com/url?a=" + url.QueryEscape(zoomURL) + "&c=E,1":                                                        "zoom 85012345678 Ab.c-D_e1.1",
	"https://secure-web.cisco.com/1abc-def/" + url.PathEscape(zoomURL):                                                                    "zoom 85012345678 Ab.c-D_e1.1",
	"https://imsva91.trendmicro.com/wis/clicktime/v1/query?url=" + url.QueryEscape(longT):                                                 "teams " + thread + " -",
	"https://eu-west-1.protection.sophos.com?d=zoom.us&u=" + b64(zoomURL) + "&i=1":                                                        "zoom 85012345678 Ab.c-D_e1.1",
	"https://slack-redir.net/link?url=" + url.QueryEscape(zoomURL):                                                                        "zoom 85012345678 Ab.c-D_e1.1",
	"https://www.linkedin.com/redir/redirect?url=" + url.QueryEscape(zoomURL):                                                             "zoom 85012345678 Ab.c-D_e1.1",
	"https://l.facebook.com/l.php?u=" + url.QueryEscape(zoomURL):                                                                          "zoom 85012345678 Ab.c-D_e1.1",
	safeLink(proofpointV2("https://zoom.us/j/123456789")):                                                                                 "zoom 123456789 -",
}

var coords = url.QueryEscape(b64(`{"conversationId":"19:meeting_abc@thread.v2","tenantId":"t","organizerId":"o","messageId":"0"}`))

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func anchor(link string) string {
	return `<html><body><a href="` + strings.ReplaceAll(link, "&", "&amp;") + `" originalsrc="x">Join</a></body></html>`
}

func loop() string {
	u := "https://evil.example/"
	for range 8 {
		u = safeLink(u)
	}
	return u
}

// refused are texts in which no bot finds a meeting.
var refused = []string{
	// Look-alike hosts
	"https://zoom.us.evil.com/j/123456789",
	"https://evil.com/zoom.us/j/1",
	"https://evil.com/zoom.us/j/123456789",
	"https://evil.com/?u=zoom.us/j/1",
	"https://evil.com/?u=https://zoom.us/j/123456789",
	"https://evil.com/?u=https%3A%2F%2Fzoom.us%2Fj%2F123456789",
	"https://zoom.us@evil.com/j/1",
	"https://zoom.us@evil.com/j/123456789",
	"https://zoom.us:x@evil.com/j/123456789",
	"https://evil.com@zoom.us/j/123456789",
	"https://evil.com#@zoom.us/j/123456789",
	"https://evil.com\\@zoom.us/j/123456789",
	"https://notzoom.us/j/1",
	"https://notzoom.us/j/123456789",
	"https://zoom.us-evil.com/j/123456789",
	"https://zoom.uss/j/123456789",
	"https://zoom.us:8443/j/123456789",
	"https://zооm.us/j/123456789",        // Cyrillic o
	"https://xn--zm-fmca.us/j/123456789", // the same in Punycode
	"https://ｚoom.us/j/123456789",        // full width
	"https://zoom。us/j/123456789",
	"https://teams.microsoft.com.evil.example/meet/2345678901234?p=x",
	"https://meet.google.com.evil.example/abc-defg-hij",
	"https://evil.example/meet.google.com/abc-defg-hij",
	"https://evilmeet.google.com/abc-defg-hij",
	"https://127.0.0.1:8098/meet/abc-defg-hij",
	"https://evil.example:8443/group/room/",
	"evil.com/zoom.us/j/123456789",
	"evil.com/?u=https://zoom.us/j/123456789",
	"notzoom.us/j/123456789",
	"ada@zoom.us/j/123456789",
	// Other schemes
	"javascript:location='https://zoom.us/j/123456789'",
	"javascript:zoom.us/j/123456789",
	"javascript://zoom.us/j/123456789",
	"<a href=\"javascript:location='https://zoom.us/j/123456789'\">x</a>",
	"data:text/html,https://zoom.us/j/123456789",
	"ftp://zoom.us/j/123456789",
	"file://zoom.us/j/123456789",
	"zoommtg://evil.com/join?confno=123456789",
	"zoommtg://zoom.us/start?confno=123456789",
	"msteams://evil.com/l/meetup-join/19%3ameeting_abc%40thread.v2/0",
	// Zoom pages that are no meeting
	"https://zoom.us/j/1", "https://zoom.us/j/12345678", "https://zoom.us/j/123456789012", "https://zoom.us/j/abcdefghi",
	"https://zoom.us/", "https://zoom.us", "https://zoom.us/s/123456789", "https://zoom.us/wc/123456789/start",
	"https://zoom.us/meeting/register/tJ0rc-Abc", "https://zoom.us/webinar/register/WN_abc", "https://zoom.us/rec/share/abc",
	"https://zoom.us/launch/edit", "https://zoom.us/postattendee?mn=1", "https://events.zoom.us/ev/abc", "https://ev.zoom.com/j/123456789",
	"https://zoom.us/j/123456789/extra", "https://zoom.us/my/", "https://zoom.us/pricing",
	// Meet pages that are no meeting
	"https://meet.google.com/", "https://meet.google.com", "https://meet.google.com/new", "https://meet.google.com/landing",
	"https://meet.google.com/about", "https://stream.meet.google.com/stream/abc-defg-hij", "https://tel.meet/abc-defg-hij?pin=1",
	"https://meet.google.com/abc-defg-hi", "https://meet.google.com/lookup/standup", "https://g.co/meet/standup",
	"https://www.google.com/search?q=https://meet.google.com/abc-defg-hij",
	// Teams pages that are no meeting; the first three stand in every invitation
	"https://aka.ms/JoinTeamsMeeting?omkt=en-US", "https://teams.microsoft.com/meetingOptions/?organizerId=a&threadId=19_meeting_b@thread.v2",
	"https://dialin.teams.microsoft.com/usp/pstnconferencing", "https://teams.microsoft.com/meet/channel?p=x",
	"https://teams.microsoft.com/meet/2345678901234", "https://teams.microsoft.com/meet/23456?p=x", "https://teams.microsoft.com/l/meeting/new?subject=x",
	"https://teams.microsoft.com/l/channel/19%3aabc%40thread.tacv2/General", "https://teams.microsoft.com/l/meetup-join/abc/0",
	"https://events.teams.microsoft.com/event/0b@1a", "https://teams.microsoft.com/", "https://teams.microsoft.com/_#/calendarv2",
	"https://teams.microsoft.com/dl/launcher/launcher.html?url=https://evil.example/l/meetup-join/19%3ameeting_abc%40thread.v2/0",
	"https://teams.microsoft.com/light-meetings/launch?coords=%%%",
	// Glued and wrapped beyond reading
	"https://zoom.us/j/123456789https://meet.google.com/abc-defg-hij",
	"https://zoom.us/j/123456789?pwd=abchttps://meet.google.com/abc-defg-hij",
	loop(),
	safeLink("https://zoom.us.evil.com/j/123456789"),
	safeLink("javascript:alert(1)"),
	"https://safelinks.protection.outlook.com.evil.com/?url=" + url.QueryEscape(zoomURL),
	"https://protect-eu.mimecast.com/s/AbCd?domain=zoom.us",
	"https://reclaim.ai/z/AbC",
	"https://urldefense.com/v3/nothing",
	// Text
	"", "no link here", "https://", "https://[::1", "zoom", "Zoom meeting 123 456 789", "https://example.com/agenda",
}

func TestDetectFindsTheMeeting(t *testing.T) {
	for text, want := range found {
		d := Detect([]Text{{FromBody, text}}, hosts)
		if got := say(d); got != want {
			t.Errorf("%q\n got %s\nwant %s (all: %v)", text, got, want, d.All)
		}
	}
	if n := len(found) + len(refused); n < 120 {
		t.Errorf("%d URLs in the tables, want at least 120", n)
	} else {
		t.Logf("%d found, %d refused", len(found), len(refused))
	}
}

func TestDetectTakesNothingElseForAMeeting(t *testing.T) {
	for _, text := range refused {
		for _, source := range []Source{FromConference, FromLocation, FromBody} {
			if d := Detect([]Text{{source, text}}, hosts); d.Best != nil {
				t.Errorf("%s %q: found %s, want none", source, text, say(d))
			}
		}
	}
}

func say(d Detection) string {
	if d.Best == nil {
		return "none"
	}
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return fmt.Sprintf("%s %s %s", d.Best.Platform, dash(d.Best.ID), dash(d.Best.Passcode))
}

// What Detect finds must be a URL that a bot takes.
func TestDetectedMeetingsAreAcceptedForBots(t *testing.T) {
	for text := range found {
		d := Detect([]Text{{FromBody, text}}, hosts)
		if d.Best == nil {
			continue
		}
		m, err := Parse(d.Best.URL, hosts)
		if err != nil || m.Key != d.Best.Key || m.Platform != d.Best.Platform {
			t.Errorf("%q: detected %+v, parsed %+v, %v", text, *d.Best, m, err)
		}
	}
}

func TestOtherServicesAreLabelledAndNotJoined(t *testing.T) {
	for raw, want := range map[string]Platform{
		"https://acme.webex.com/acme/j.php?MTID=m1":     "webex",
		"https://acme.webex.com/meet/ada":               "webex",
		"https://acme.webex.com/webappng/sites/a/m/1":   "webex",
		"https://meet.jit.si/Standup":                   "jitsi",
		"https://8x8.vc/acme/standup":                   "jitsi",
		"https://meet.goto.com/123456789":               "goto",
		"https://global.gotomeeting.com/join/123456789": "goto",
		"https://gotomeet.me/ada":                       "goto",
		"https://chime.aws/1234567890":                  "chime",
		"https://app.chime.aws/meetings/1234567890":     "chime",
		"https://v.ringcentral.com/join/123456789":      "ringcentral",
		"https://whereby.com/standup":                   "whereby",
		"https://bluejeans.com/123456789":               "bluejeans",
		"https://vc.larksuite.com/j/123456789":          "lark",
		"https://vc.feishu.cn/j/123456789":              "feishu",
		"https://meet.proton.me/join/abc":               "proton",
		"https://app.cal.com/video/abc":                 "cal",
		"https://streamyard.com/abc":                    "streamyard",
		"https://facetime.apple.com/join#v=1":           "facetime",
		"https://protect-eu.mimecast.com/s/AbCd":        Wrapped,
		"https://reclaim.ai/z/AbC":                      Wrapped,
	} {
		d := Detect([]Text{{FromLocation, raw}}, hosts)
		if d.Best != nil || len(d.All) != 1 || d.All[0].Platform != want || d.All[0].Joinable {
			t.Errorf("%s: %+v, want one candidate labelled %s that is not joinable", raw, d, want)
		}
	}
	for _, raw := range []string{"https://webex.com.evil.example/meet/ada", "https://webex.com/", "https://notwhereby.com/x"} {
		if d := Detect([]Text{{FromLocation, raw}}, hosts); len(d.All) != 0 {
			t.Errorf("%s was labelled %s", raw, d.All[0].Platform)
		}
	}
}

func TestTheMostTrustedFieldWins(t *testing.T) {
	const meet = "https://meet.google.com/abc-defg-hij"
	for _, c := range []struct {
		name  string
		texts []Text
		want  string
		all   int
	}{
		{"conference before location", []Text{{FromLocation, "https://zoom.us/j/222222222"}, {FromConference, "https://zoom.us/j/111111111"}}, "zoom 111111111 -", 2},
		{"location before body", []Text{{FromBody, "https://zoom.us/j/222222222"}, {FromLocation, "https://zoom.us/j/111111111"}}, "zoom 111111111 -", 2},
		{"body before subject", []Text{{FromSubject, "https://zoom.us/j/222222222"}, {FromBody, "https://zoom.us/j/111111111"}}, "zoom 111111111 -", 2},
		{"an added Meet link gives way to Zoom in the location", []Text{{FromConference, meet}, {FromLocation, zoomURL}}, "zoom 85012345678 Ab.c-D_e1.1", 2},
		{"and to Teams in the body", []Text{{FromHangout, meet}, {FromBody, longT}}, "teams " + thread + " -", 2},
		{"but not to Zoom in the subject", []Text{{FromHangout, meet}, {FromSubject, zoomURL}}, "meet abc-defg-hij -", 2},
		{"nor to another Meet link", []Text{{FromHangout, meet}, {FromBody, "https://meet.google.com/xyz-defg-hij"}}, "meet abc-defg-hij -", 2},
		{"nor to Webex", []Text{{FromHangout, meet}, {FromLocation, "https://acme.webex.com/meet/ada"}}, "meet abc-defg-hij -", 2},
		{"the online meeting stays against Zoom in the body", []Text{{FromOnline, longT}, {FromBody, zoomURL}}, "teams " + thread + " -", 2},
		{"Zoom before Meet in one text", []Text{{FromBody, meet + " or https://zoom.us/j/111111111"}}, "zoom 111111111 -", 2},
		{"the longer link of one meeting", []Text{{FromBody, "https://zoom.us/j/85012345678 and " + zoomURL}}, "zoom 85012345678 Ab.c-D_e1.1", 1},
		{"the passcode from another field", []Text{{FromLocation, "https://zoom.us/j/85012345678"}, {FromBody, zoomURL}}, "zoom 85012345678 Ab.c-D_e1.1", 2},
		{"a passcode beside two meetings is nobody's", []Text{{FromBody, "https://zoom.us/j/111111111 https://zoom.us/j/222222222 Passcode: 1234"}}, "zoom 111111111 -", 2},
		{"Webex first, Zoom joined", []Text{{FromConference, "https://acme.webex.com/meet/ada"}, {FromBody, zoomURL}}, "zoom 85012345678 Ab.c-D_e1.1", 2},
		{"an unknown source is the last", []Text{{"x", "https://zoom.us/j/222222222"}, {FromSubject, "https://zoom.us/j/111111111"}}, "zoom 111111111 -", 2},
	} {
		d := Detect(c.texts, hosts)
		if got := say(d); got != c.want || len(d.All) != c.all {
			t.Errorf("%s: %s with %d candidates, want %s with %d", c.name, got, len(d.All), c.want, c.all)
		}
	}
}

func TestDetectedURLsAreThePageToOpen(t *testing.T) {
	for text, want := range map[string]string{
		"https://acme.zoom.us/j/85012345678?uname=Ada&from=addon&pwd=a.1&zak=secret&tk=T": "https://acme.zoom.us/j/85012345678?pwd=a.1&tk=T",
		"zoommtg://zoom.us/join?confno=123456789&pwd=a%2Fb":                               "https://zoom.us/j/123456789?pwd=a%2Fb",
		"https://meet.google.com/abc-defg-hij?authuser=1&pli=1":                           "https://meet.google.com/abc-defg-hij?hl=en",
		longT: longT,
		strings.NewReplacer("%3a", "%253a", "%40", "%2540", "%7b", "%257b", "%22", "%2522", "%2c", "%252c", "%7d", "%257d").Replace(longT): "https://teams.microsoft.com/l/meetup-join/19:meeting_NjA2ZWQyYTEtYzA4Ni00@thread.v2/0?context=%7b%22Tid%22%3a%22t1%22%2c%22Oid%22%3a%22o1%22%7d",
		"https://teams.microsoft.com/light-meetings/launch?coords=" + coords:                                                               "https://teams.microsoft.com/l/meetup-join/19:meeting_abc@thread.v2/0?context=%7B%22Tid%22%3A%22t%22%2C%22Oid%22%3A%22o%22%7D",
		"https://teams.microsoft.com/v2/?meetingjoin=true#/meet/2345678901234?p=Q":                                                         "https://teams.microsoft.com/meet/2345678901234?p=Q",
	} {
		d := Detect([]Text{{FromBody, text}}, hosts)
		if d.Best == nil || d.Best.Page != want {
			t.Errorf("%s\n got %v\nwant %s", text, d.Best, want)
		}
	}
}

func TestAnEventShowsItsOwnURLAndNotThatOfTheBotsPage(t *testing.T) {
	for text, want := range map[string]string{
		"https://meet.google.com/abc-defg-hij":                        "https://meet.google.com/abc-defg-hij",
		"https://meet.google.com/abc-defg-hij?authuser=1&hl=de#x":     "https://meet.google.com/abc-defg-hij?authuser=1&hl=de",
		"http://127.0.0.1:8099/meet/abc-defg-hij":                     "http://127.0.0.1:8099/meet/abc-defg-hij",
		"https://acme.zoom.us/j/85012345678?pwd=a.1":                  "https://acme.zoom.us/j/85012345678?pwd=a.1",
		"https://teams.microsoft.com/meet/2345678901234?p=Q":          "https://teams.microsoft.com/meet/2345678901234?p=Q",
		"https://meet.example.org:8443/group/room/?token=notameeting": "https://meet.example.org:8443/group/room/?token=notameeting",
	} {
		d := Detect([]Text{{FromLocation, text}}, hosts)
		if d.Best == nil || d.Best.URL != want {
			t.Errorf("%s\n got %v\nwant %s", text, d.Best, want)
			continue
		}
		again, err := Parse(d.Best.URL, hosts)
		if err != nil || again.Page != d.Best.Page || again.Key != d.Best.Key {
			t.Errorf("%s: the bot opens %s (%v), want %s", text, again.Page, err, d.Best.Page)
		}
	}
}

func TestOneMeetingHasOneKey(t *testing.T) {
	for _, same := range [][]string{
		{"https://zoom.us/j/123456789", "https://acme.zoom.us/j/123456789?pwd=x", "https://app.zoom.us/wc/123456789/join", "zoommtg://zoom.us/join?confno=123456789"},
		{longT, strings.ReplaceAll(strings.ReplaceAll(longT, "%3a", "%253a"), "%40", "%2540"), safeLink(longT), strings.Split(longT, "?")[0]},
		{"https://meet.google.com/abc-defg-hij", "https://meet.google.com/ABCDEFGHIJ?authuser=2"},
	} {
		want := ""
		for _, text := range same {
			d := Detect([]Text{{FromBody, text}}, hosts)
			if d.Best == nil {
				t.Fatalf("%s: nothing found", text)
			}
			if want == "" {
				want = d.Best.Key
			}
			if d.Best.Key != want {
				t.Errorf("%s: key %s, want %s", text, d.Best.Key, want)
			}
		}
	}
	a := Detect([]Text{{FromBody, "https://zoom.us/j/1601234567"}}, hosts).Best
	b := Detect([]Text{{FromBody, "https://zoomgov.com/j/1601234567"}}, hosts).Best
	if a.Key == b.Key {
		t.Errorf("meetings of two clouds have one key: %s", a.Key)
	}
}

// FuzzDetect looks for texts that crash, or that give a meeting on a host that
// is not the platform's, or one that no bot takes.
func FuzzDetect(f *testing.F) {
	for text := range found {
		f.Add(text)
	}
	for _, text := range refused {
		f.Add(text)
	}
	allowed := append(append([]string{"meet.google.com"}, zoomDomains...), teamsHosts...)
	f.Fuzz(func(t *testing.T, text string) {
		d := Detect([]Text{{FromBody, text}}, Hosts{})
		for _, c := range d.All {
			u, err := url.Parse(c.URL)
			if err != nil {
				t.Fatalf("%q: found %q, which is no URL: %v", text, c.URL, err)
			}
			if !c.Joinable {
				continue
			}
			if u.Scheme != "https" || u.User != nil || !under(plainHost(u), allowed...) {
				t.Fatalf("%q: found a meeting at %q", text, c.URL)
			}
			m, err := Parse(c.URL, Hosts{})
			if err != nil || m.Key != c.Key {
				t.Fatalf("%q: found %q (%s), which Parse reads as %q: %v", text, c.URL, c.Key, m.Key, err)
			}
		}
		if (d.Best == nil) != !anyJoinable(d.All) {
			t.Fatalf("%q: best %v of %v", text, d.Best, d.All)
		}
	})
}

func anyJoinable(all []Candidate) bool {
	for _, c := range all {
		if c.Joinable {
			return true
		}
	}
	return false
}
