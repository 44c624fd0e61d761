package meeting

import (
	"net/url"
	"strings"
)

// other is a service that is recognised and labelled, but that no bot joins.
type other struct {
	name   Platform
	domain string
	path   string // prefix of the path; "" takes any but the front page
}

// others follows the list of the calendar-providers reference, 4.3.
var others = []other{
	{"webex", "webex.com", ""},
	{"jitsi", "meet.jit.si", ""},
	{"jitsi", "8x8.vc", ""},
	{"goto", "meet.goto.com", ""},
	{"goto", "global.gotomeeting.com", "/join/"},
	{"goto", "app.gotomeeting.com", ""},
	{"goto", "gotomeet.me", ""},
	{"chime", "chime.aws", ""},
	{"ringcentral", "v.ringcentral.com", "/join/"},
	{"ringcentral", "meetings.ringcentral.com", "/j/"},
	{"whereby", "whereby.com", ""},
	{"bluejeans", "bluejeans.com", ""},
	{"lifesize", "call.lifesizecloud.com", ""},
	{"dialpad", "meetings.dialpad.com", ""},
	{"dialpad", "uberconference.com", ""},
	{"slack", "app.slack.com", "/huddle/"},
	{"discord", "discord.gg", ""},
	{"discord", "discord.com", "/channels/"},
	{"around", "meet.around.co", "/r/"},
	{"gather", "app.gather.town", "/app/"},
	{"lark", "vc.larksuite.com", "/j/"},
	{"feishu", "vc.feishu.cn", "/j/"},
	{"voov", "voovmeeting.com", ""},
	{"voov", "meeting.tencent.com", ""},
	{"zoho", "meeting.zoho.com", ""},
	{"zoho", "meeting.zoho.eu", ""},
	{"proton", "meet.proton.me", "/join/"},
	{"livekit", "meet.livekit.io", "/rooms/"},
	{"cal", "app.cal.com", "/video/"},
	{"livestorm", "app.livestorm.com", ""},
	{"streamyard", "streamyard.com", ""},
	{"riverside", "riverside.fm", "/studio/"},
	{"vonage", "meetings.vonage.com", ""},
	{"facetime", "facetime.apple.com", "/join"},
	{"skype", "join.skype.com", ""},
	{"skype", "meet.lync.com", ""},
}

// service names the service of a URL, or "".
func service(u *url.URL) Platform {
	if u.Scheme != "https" {
		return ""
	}
	host := plainHost(u)
	for _, o := range others {
		if under(host, o.domain) && strings.HasPrefix(u.Path, o.path) && strings.Trim(u.Path, "/") != "" {
			return o.name
		}
	}
	return ""
}
