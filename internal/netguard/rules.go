package netguard

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Rule names why a target is refused.
type Rule string

// The rules.
const (
	RuleLength   Rule = "length"    // the URL is longer than MaxURL
	RuleSyntax   Rule = "syntax"    // not a URL, or it holds control characters or spaces
	RuleScheme   Rule = "scheme"    // neither http nor https
	RuleUserInfo Rule = "user_info" // user:password@ in front of the host
	RuleHost     Rule = "host"      // missing, too long, or a number that is no plain IPv4 address
	RulePort     Rule = "port"      // no port number, or one of another well-known service
	RuleAddress  Rule = "address"   // a private, local or otherwise special address
)

// MaxURL is the longest URL accepted, in bytes.
const MaxURL = 2048

// Refusal says which rule forbids a target. Target is the part of the URL that
// breaks it, without path, query or user info, which may hold secrets.
type Refusal struct {
	Rule   Rule
	Target string
	Err    error
}

// Error says the rule in words.
func (r *Refusal) Error() string {
	texts := map[Rule]string{
		RuleLength:   fmt.Sprintf("the URL is longer than %d bytes", MaxURL),
		RuleSyntax:   "the URL is malformed",
		RuleScheme:   "only http and https URLs are allowed",
		RuleUserInfo: "the URL must not contain a user name or password",
		RuleHost:     "the URL's host is not a valid name or address",
		RulePort:     "this port is not allowed",
		RuleAddress:  "private, local and reserved addresses are not allowed",
		RuleOrigin:   "the URL leads elsewhere than to the configured server",
	}
	if r.Target == "" {
		return fmt.Sprintf("%s (rule %s)", texts[r.Rule], r.Rule)
	}
	return fmt.Sprintf("%s (rule %s: %s)", texts[r.Rule], r.Rule, r.Target)
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// deniedPorts are services to which an HTTP request could smuggle a command,
// or that no webhook receiver is. Most are on the list of the Fetch standard,
// section "port blocking".
var deniedPorts = map[uint16]bool{
	0: true, 1: true, 7: true, 9: true, 11: true, 13: true, 15: true, 17: true, 19: true, 20: true, 21: true, 22: true, 23: true, 25: true,
	37: true, 42: true, 43: true, 53: true, 69: true, 77: true, 79: true, 87: true, 95: true, 101: true, 102: true, 103: true, 104: true,
	109: true, 110: true, 111: true, 113: true, 115: true, 117: true, 119: true, 123: true, 135: true, 137: true, 139: true, 143: true,
	161: true, 179: true, 389: true, 427: true, 445: true, 465: true, 512: true, 513: true, 514: true, 515: true, 526: true, 530: true,
	531: true, 532: true, 540: true, 548: true, 554: true, 556: true, 563: true, 587: true, 601: true, 636: true, 873: true, 989: true,
	990: true, 993: true, 995: true, 1433: true, 1521: true, 1719: true, 1720: true, 1723: true, 2049: true, 3306: true, 3389: true,
	3659: true, 4045: true, 4190: true, 5060: true, 5061: true, 5432: true, 6000: true, 6379: true, 6566: true, 6665: true, 6666: true,
	6667: true, 6668: true, 6669: true, 6697: true, 10080: true, 11211: true, 27017: true,
}

// Validate checks a URL when it is written: form, scheme, port, and the
// address if the host is one in any spelling. Names are not looked up: the
// check that protects is the one at connect time. The error is a *Refusal.
func (g *Guard) Validate(raw string) error {
	if len(raw) > MaxURL {
		return &Refusal{Rule: RuleLength}
	}
	for _, c := range []byte(raw) {
		if c <= ' ' || c == 0x7f || c == '\\' {
			return &Refusal{Rule: RuleSyntax}
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The parser's error repeats the URL; only the rule is told.
		return &Refusal{Rule: RuleSyntax}
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return &Refusal{Rule: RuleScheme, Target: u.Scheme}
	}
	if u.Opaque != "" {
		return &Refusal{Rule: RuleSyntax}
	}
	if u.User != nil {
		return &Refusal{Rule: RuleUserInfo}
	}
	if err := checkPort(u); err != nil {
		return err
	}
	return g.checkHost(u.Hostname())
}

// checkPort accepts no port (80 or 443 are meant) or an allowed number.
func checkPort(u *url.URL) error {
	text := u.Port()
	if text == "" {
		if strings.HasSuffix(u.Host, ":") {
			return &Refusal{Rule: RulePort}
		}
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || deniedPorts[uint16(n)] {
		return &Refusal{Rule: RulePort, Target: text}
	}
	return nil
}

// checkHost checks a host without brackets.
func (g *Guard) checkHost(host string) error {
	if host == "" || len(host) > 253 {
		return &Refusal{Rule: RuleHost}
	}
	if strings.Contains(host, "%") { // IPv6 zone: names an interface of ours
		return &Refusal{Rule: RuleAddress, Target: host}
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return g.checkAddr(a)
	}
	name, ok := asciiName(host)
	if !ok {
		return &Refusal{Rule: RuleHost, Target: host}
	}
	if a, isNumber := looseIPv4(name); isNumber {
		// Decimal, octal, hexadecimal or short: some resolvers read these as
		// addresses. A private one is called so; the others are not accepted
		// either, because no two programs agree on what they mean.
		if a.IsValid() {
			if err := g.checkAddr(a); err != nil {
				return err
			}
		}
		return &Refusal{Rule: RuleHost, Target: host}
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return g.checkLocalhost(name)
	}
	return nil
}

// checkLocalhost refuses the name unless the operator allowed loopback.
func (g *Guard) checkLocalhost(name string) error {
	if g.guardian.SafeAddr(netip.AddrFrom4([4]byte{127, 0, 0, 1})) == nil || g.guardian.SafeAddr(netip.IPv6Loopback()) == nil {
		return nil
	}
	return &Refusal{Rule: RuleAddress, Target: name}
}

// checkAddr applies the address rule. An IPv4 address wrapped in IPv6 is what
// it wraps, as it is for the kernel.
func (g *Guard) checkAddr(a netip.Addr) error {
	if err := g.guardian.SafeAddr(a.Unmap()); err != nil {
		return &Refusal{Rule: RuleAddress, Target: a.String(), Err: err}
	}
	return nil
}

// asciiName returns the host in lower case without the final dot. Full-width
// and other look-alike dots and digits are folded by some resolvers, so a host
// must be plain ASCII (internationalised names are given in their xn-- form).
func asciiName(host string) (string, bool) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" {
		return "", false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 {
			return "", false
		}
		for _, c := range []byte(label) {
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return "", false
			}
		}
	}
	return host, true
}

// looseIPv4 reads what inet_aton(3) and the URL standard read as an IPv4
// address: 1 to 4 parts, each decimal, octal (0…) or hexadecimal (0x…), the
// last filling the rest. isNumber says that the host's last label is numeric,
// so that it can be no name, even if a is invalid.
func looseIPv4(host string) (a netip.Addr, isNumber bool) {
	parts := strings.Split(host, ".")
	if _, err := strconv.ParseUint(parts[len(parts)-1], 0, 64); err != nil && !allDigits(parts[len(parts)-1]) {
		return netip.Addr{}, false
	}
	if len(parts) > 4 {
		return netip.Addr{}, true
	}
	var sum uint64
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 0, 64)
		last := i == len(parts)-1
		if err != nil || (!last && v > 255) || (last && v >= 1<<(8*(5-len(parts)))) {
			return netip.Addr{}, true
		}
		if last {
			sum += v
		} else {
			sum += v << (8 * (3 - i))
		}
	}
	ip := net.IPv4(byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
	a, _ = netip.AddrFromSlice(ip.To4())
	return a, true
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
