package meeting

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	nethtml "golang.org/x/net/html"
)

// invisible characters that editors put into links.
var invisible = strings.NewReplacer("\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "", "\u00ad", "",
	"\u00a0", " ", "\u202a", "", "\u202c", "", "\u200e", "", "\u200f", "")

// soft is a line break of quoted-printable text in the middle of a word.
var soft = regexp.MustCompile(`=\r?\n(\S)`)

// fold is a line break of RFC 5545 text.
var fold = regexp.MustCompile(`\r?\n[ \t]`)

// schemes a link may have. Others (javascript:, data:) are never followed.
var schemes = []string{"https://", "http://", "zoommtg://", "zoomus://", "msteams:"}

// bare is a link without a scheme, as people type it into a location. Only the
// known services are taken for one.
var bare = regexp.MustCompile(`(?i)^(?:[a-z0-9-]+\.)*(?:zoom\.(?:us|com)|zoomgov\.com|zoom-x\.de|meet\.google\.com|teams\.(?:microsoft|live)\.com|teams\.cloud\.microsoft|webex\.com|meet\.jit\.si|whereby\.com)/[^\s]`)

// clean takes out what is not meant to be read: invisible characters and the
// soft line breaks of quoted-printable text.
func clean(text string) string {
	text = visible(text)
	if strings.Contains(text, "=\n") || strings.Contains(text, "=\r") {
		text = soft.ReplaceAllString(text, "$1")
	}
	return text
}

// visible takes out invisible characters. Most texts are ASCII, and have none.
func visible(text string) string {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return invisible.Replace(text)
		}
	}
	return text
}

// links finds the URLs of a text, plain or HTML, in the order of reading.
func links(text string) []string {
	var list []string
	if !mayLink(text) {
		return nil
	}
	if looksHTML(text) {
		hrefs, plain := stripHTML(text)
		for _, h := range hrefs {
			list = append(list, tokenLinks(h)...)
		}
		text = plain
	}
	text = unescape(text)
	text = strings.ReplaceAll(text, "](", " ") // Markdown
	for token := range strings.FieldsFuncSeq(text, breaksLink) {
		list = append(list, tokenLinks(token)...)
	}
	return list
}

// mayLink tells whether a text can hold a link at all: without a colon or a
// slash, written out or encoded, it cannot.
func mayLink(text string) bool { return strings.ContainsAny(text, ":/%&") }

// breaksLink tells the characters that no URL holds unencoded.
func breaksLink(r rune) bool {
	switch r {
	case '<', '>', '"', '`', '{', '}':
		return true
	}
	return unicode.IsSpace(r) || unicode.IsControl(r)
}

// tokenLinks finds the links of a word.
func tokenLinks(token string) []string {
	if !mayLink(token) {
		return nil
	}
	at, n := findScheme(token)
	if at < 0 {
		decoded := startDecoded(token)
		if decoded != token && !strings.ContainsAny(token, "/?") {
			return tokenLinks(decoded)
		}
		word := trimEnd(strings.TrimLeft(token, `("'[*_`))
		if bare.MatchString(word) {
			return []string{"https://" + word}
		}
		return nil
	}
	// What stands before may be a label ("Zoom:https://…"), or the beginning
	// of an address that has this one as a parameter, or a script.
	before := strings.ToLower(token[:at])
	if strings.ContainsAny(before, "/?&@") || strings.Contains(before, "script:") || strings.HasPrefix(before, "data:") {
		return nil
	}
	var list []string
	rest := token[at:]
	for {
		// Lists without spaces: https://a,https://b
		next := nextInList(rest, n)
		if next < 0 {
			return append(list, trimEnd(rest))
		}
		list = append(list, trimEnd(rest[:next]))
		rest = rest[next+1:]
	}
}

func findScheme(s string) (at, length int) {
	at = -1
	lower := lowerASCII(s)
	for _, scheme := range schemes {
		if i := strings.Index(lower, scheme); i >= 0 && (at < 0 || i < at) {
			at, length = i, len(scheme)
		}
	}
	return at, length
}

// lowerASCII keeps every byte where it is, which strings.ToLower does not.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func nextInList(s string, from int) int {
	for i := from; i < len(s); i++ {
		if strings.IndexByte(",;|()[]", s[i]) < 0 {
			continue
		}
		if at, _ := findScheme(s[i+1:]); at == 0 {
			return i
		}
	}
	return -1
}

// trimEnd takes off the punctuation of the sentence around a link.
func trimEnd(s string) string { return strings.TrimRight(s, `<>"')],.;:!*|([`) }

// glued tells that a URL runs into another one.
func glued(raw string) bool { return len(unglue(strings.TrimSpace(raw))) > 1 }

// unglue cuts a text where another absolute URL begins that is not a
// parameter of the first.
func unglue(raw string) []string {
	var parts []string
	lower := lowerASCII(raw)
	start := 0
	for i := 1; i < len(lower); i++ {
		if !strings.HasPrefix(lower[i:], "http://") && !strings.HasPrefix(lower[i:], "https://") {
			continue
		}
		if lower[i-1] == '=' || i < len("https://") {
			continue
		}
		parts = append(parts, raw[start:i])
		start = i
	}
	return append(parts, raw[start:])
}

var tag = regexp.MustCompile(`(?i)<\s*/?\s*(?:a|p|br|div|span|html|body|table|td|li|b|i|u|font|wbr|strong|em|h[1-6])\b[^<>]*>`)

func looksHTML(text string) bool { return strings.Contains(text, "<") && tag.MatchString(text) }

// plainText is the text without its HTML, as a reader sees it.
func plainText(text string) string {
	text = visible(text)
	if looksHTML(text) {
		_, text = stripHTML(text)
	}
	return unescape(text)
}

// entity is an HTML escape with its semicolon. Without one it may as well be a
// parameter: ?a=1&copy=2.
var entity = regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});`)

// unescape undoes HTML escapes, at most twice: some clients escape what is
// escaped already.
func unescape(text string) string {
	for range 2 {
		if !strings.Contains(text, "&") {
			break
		}
		text = entity.ReplaceAllStringFunc(text, html.UnescapeString)
	}
	return visible(text)
}

// inline tags do not break a word; an editor may put one inside a link.
var inline = map[string]bool{"b": true, "i": true, "u": true, "em": true, "strong": true, "span": true, "font": true, "wbr": true}

// stripHTML returns the targets of the links and the text without tags.
// Addresses in angle brackets, which are not HTML, stay.
func stripHTML(text string) (hrefs []string, plain string) {
	var out strings.Builder
	z := nethtml.NewTokenizer(strings.NewReader(text))
	for {
		kind := z.Next()
		if kind == nethtml.ErrorToken {
			return hrefs, out.String()
		}
		t := z.Token()
		switch kind {
		case nethtml.TextToken:
			out.WriteString(t.Data)
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken, nethtml.EndTagToken:
			if lower := strings.ToLower(t.Data); strings.HasPrefix(lower, "http") || strings.HasPrefix(lower, "zoommtg") {
				out.WriteString(" " + strings.Trim(string(z.Raw()), "<>") + " ")
				continue
			}
			for _, a := range t.Attr {
				if a.Key == "href" || a.Key == "originalsrc" {
					hrefs = append(hrefs, unescape(strings.TrimSpace(a.Val)))
				}
			}
			if !inline[t.Data] {
				out.WriteString("\n")
			}
		}
	}
}
