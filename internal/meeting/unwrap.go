package meeting

import (
	"net/url"
	"strings"
)

// maxWraps bounds how many wrappers are looked through; a mail rarely passes
// more than two filters, a loop has no end.
const maxWraps = 5

// unwrap looks through the links of mail filters and redirectors
// (calendar-providers reference, 4.2) and returns the URL inside, or nil when
// there is none. opaque tells that the URL is a wrapper whose target only its
// server knows.
func unwrap(raw string) (u *url.URL, opaque bool) {
	for range maxWraps {
		u, err := url.Parse(strings.TrimSpace(raw))
		if err != nil || u.Scheme == "" {
			return nil, false
		}
		inner, wrapper, known := target(u)
		switch {
		case !wrapper:
			return u, false
		case !known:
			return u, true
		}
		raw = trimEnd(startDecoded(inner))
	}
	return nil, false
}

// target returns what a wrapper points at. known is false for wrappers that
// do not say.
func target(u *url.URL) (inner string, wrapper, known bool) {
	host := plainHost(u)
	switch {
	case under(host, "safelinks.protection.outlook.com"),
		host == "statics.teams.cdn.office.net" && strings.Contains(u.Path, "/safelinks/"):
		return param(u, "url")
	case host == "urldefense.proofpoint.com", under(host, "urldefense.com"), under(host, "urldefense.us"):
		return proofpoint(u)
	case googleHost(host) && u.Path == "/url":
		if inner, _, ok := param(u, "q"); ok {
			return inner, true, true
		}
		return param(u, "url")
	case host == "linkprotect.cudasvc.com":
		return param(u, "a")
	case host == "secure-web.cisco.com":
		path := u.EscapedPath()
		inner = decode(path[strings.LastIndexByte(path, '/')+1:])
		return inner, true, strings.Contains(inner, "://")
	case under(host, "trendmicro.com") && strings.Contains(u.Path, "/wis/clicktime/"):
		return param(u, "url")
	case under(host, "protection.sophos.com"):
		data, err := decode64(u.Query().Get("u"))
		return string(data), true, err == nil && len(data) > 0
	case host == "slack-redir.net" && u.Path == "/link":
		return param(u, "url")
	case under(host, "linkedin.com") && u.Path == "/redir/redirect":
		return param(u, "url")
	case host == "l.facebook.com" && u.Path == "/l.php":
		return param(u, "u")
	case under(host, "mimecast.com") && !strings.HasPrefix(host, "www."),
		under(host, "mimecastprotect.com"),
		host == "reclaim.ai" && strings.HasPrefix(u.Path, "/z/"):
		return "", true, false
	}
	return "", false, false
}

// param reads the parameter of a wrapper. It is read from the raw query: in
// the target of a wrapper a plus sign is a plus sign, and a semicolon does not
// end it.
func param(u *url.URL, name string) (inner string, wrapper, known bool) {
	inner = rawParam(u.RawQuery, name)
	return inner, true, inner != ""
}

// googleHost tells www.google.com and the national ones.
func googleHost(host string) bool {
	rest, ok := strings.CutPrefix(host, "www.google.")
	if !ok {
		return false
	}
	return rest == "com" || len(rest) == 2 || len(rest) <= 6 && (strings.HasPrefix(rest, "co.") || strings.HasPrefix(rest, "com."))
}

// proofpoint undoes URL Defense. Version 1 encodes the target plainly, version
// 2 writes "-" for "%" and "_" for "/", version 3 puts it between underscores
// and replaces what is special by "*" (see proofpointV3).
func proofpoint(u *url.URL) (inner string, wrapper, known bool) {
	switch {
	case strings.HasPrefix(u.Path, "/v1/"):
		return param(u, "u")
	case strings.HasPrefix(u.Path, "/v2/"):
		inner = rawParam(u.RawQuery, "u")
		inner, err := url.PathUnescape(strings.NewReplacer("-", "%", "_", "/").Replace(inner))
		return inner, true, err == nil && inner != ""
	case strings.HasPrefix(u.Path, "/v3/__"):
		inner = proofpointV3(u)
		return inner, true, inner != ""
	}
	return "", true, false
}

// runs is how version 3 writes the length of a run of replaced characters:
// "**A" stands for two, "**B" for three, and so on.
const runs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func proofpointV3(u *url.URL) string {
	path := u.EscapedPath()
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	body, tail, ok := strings.Cut(strings.TrimPrefix(path, "/v3/__"), "__;")
	if !ok {
		return ""
	}
	code, _, _ := strings.Cut(tail, "!")
	replaced, err := decode64(code)
	if err != nil {
		replaced = nil
	}
	var out strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] != '*' {
			out.WriteByte(body[i])
			continue
		}
		n := 1
		if i+2 < len(body) && body[i+1] == '*' {
			n = strings.IndexByte(runs, body[i+2]) + 2
			i += 2
		}
		n = min(n, len(replaced))
		out.Write(replaced[:n])
		replaced = replaced[n:]
	}
	inner := out.String()
	// Some mail programs make one slash of two.
	if rest, ok := strings.CutPrefix(inner, "https:/"); ok && !strings.HasPrefix(rest, "/") {
		inner = "https://" + rest
	}
	return inner
}

// startDecoded undoes percent-encoding until the text begins with a scheme, at
// most three times, so that what is encoded inside the URL stays so.
func startDecoded(s string) string {
	for range 3 {
		if strings.Contains(s, "://") {
			break
		}
		plain, err := url.PathUnescape(s)
		if err != nil || plain == s {
			break
		}
		s = plain
	}
	return s
}
