package netguard

import "fmt"

// forbiddenHosts are hosts that must never be called, as they would stand in a
// URL: special networks of IPv4 and IPv6 and every spelling of them that some
// resolver understands.
var forbiddenHosts = []string{
	// IPv4: this network, private, shared, loopback, link-local and metadata
	"0.0.0.0", "0.0.0.1", "0.1.2.3", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.1.2.3", "10.255.255.255",
	"100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.0", "127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254",
	"169.254.0.1", "169.254.169.254", "169.254.170.2", "169.254.255.255", "172.16.0.1", "172.17.0.1", "172.20.10.1", "172.31.255.255",
	"192.168.0.1", "192.168.1.1", "192.168.255.255",
	// IPv4: protocol assignments, documentation, benchmarking, relays, multicast, reserved, broadcast
	"192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.175.48.1",
	"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.7", "224.0.0.1", "224.0.0.251", "232.1.1.1", "239.255.255.250",
	"240.0.0.1", "250.1.2.3", "255.255.255.254", "255.255.255.255",
	// other spellings of IPv4
	"2130706433", "0x7f000001", "0x7F000001", "017700000001", "0177.0.0.1", "0177.0.0.01", "0x7f.0.0.1", "0x7f.1", "127.1", "127.0.1",
	"127.0x0.0.1", "127.000.000.001", "0", "0x0", "00", "1", "0.0", "10.1", "10.0.1", "0xa.0.0.1", "012.0.0.1", "167772161", "0x0a000001",
	"2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518", "169.16689662", "025177524776",
	"3232235777", "0xc0a80101", "192.168.257", "192.11010305", "2886729729", "172.1048577", "4294967295", "0xffffffff",
	"127.0.0.1.", "169.254.169.254.", "2130706433.", "0x7f.1.",
	// look-alike digits and dots
	"127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "１２７.0.0.1", "①②⑦.0.0.1", "169。254。169。254", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
	// names of this machine
	"localhost", "LOCALHOST", "localhost.", "foo.localhost", "a.b.localhost.",
	// IPv6: unspecified, loopback, private, link-local, site-local, multicast
	"[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::2]", "[fc00::1]", "[fd00::1]", "[fd00:ec2::254]",
	"[fdff:ffff::1]", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%25lo]", "[::1%25lo]", "[febf::1]", "[fec0::1]", "[ff02::1]", "[ff05::1:3]",
	// IPv6: IPv4 inside, translators, tunnels, documentation, discard
	"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::ffff:192.168.0.1]",
	"[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]", "[::169.254.169.254]", "[64:ff9b::127.0.0.1]",
	"[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001::1]",
	"[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[2001:db8::1]", "[2001:10::1]", "[2001:20::1]", "[3fff::1]", "[100::1]", "[5f00::1]",
	"[2620:4f:8000::1]", "[4000::1]", "[e000::1]",
}

// forbiddenURLs break a rule of form.
var forbiddenURLs = map[string]Rule{
	"":                               RuleScheme,
	"example.com/hook":               RuleScheme,
	"//example.com/hook":             RuleScheme,
	"file:///etc/passwd":             RuleScheme,
	"gopher://example.com/":          RuleScheme,
	"ftp://example.com/":             RuleScheme,
	"javascript:alert(1)":            RuleScheme,
	"data:text/plain,x":              RuleScheme,
	"ws://example.com":               RuleScheme,
	"http:example.com":               RuleSyntax,
	"http://":                        RuleHost,
	"http:///path":                   RuleHost,
	"http://:80/":                    RuleHost,
	"http://./":                      RuleHost,
	"http://a..b/":                   RuleHost,
	"http://-_!$/":                   RuleHost,
	"http://user@example.com/":       RuleUserInfo,
	"http://user:pw@example.com/":    RuleUserInfo,
	"http://example.com@127.0.0.1":   RuleUserInfo,
	"http://@example.com/":           RuleUserInfo,
	"http://example.com\\@10.0.0.1/": RuleSyntax,
	"http://example.com/\r\nX-A: b":  RuleSyntax,
	"http://example.com/\nx":         RuleSyntax,
	"http://exa mple.com/":           RuleSyntax,
	" http://example.com/":           RuleSyntax,
	"http://example.com/\x00":        RuleSyntax,
	"http://example.com/\t":          RuleSyntax,
	"http://example.com\x7f/":        RuleSyntax,
	"http://[::1/":                   RuleSyntax,
	"http://exam%70le.com/":          RuleSyntax,
	"http://%31%32%37.0.0.1/":        RuleSyntax,
	"http://example.com:/":           RulePort,
	"http://example.com:0/":          RulePort,
	"http://example.com:22/":         RulePort,
	"http://example.com:25/":         RulePort,
	"http://example.com:6379/":       RulePort,
	"http://example.com:65536/":      RulePort,
	"http://example.com:080000/":     RulePort,
	"http://8.8.8.8.8/":              RuleHost,
	"http://256.1.1.1/":              RuleHost,
	"http://134744072/":              RuleHost, // 8.8.8.8 in decimal: public, but not accepted
	"http://0x08080808/":             RuleHost,
	"http://1.2.3.999/":              RuleHost,
	"http://08.8.8.8/":               RuleHost,
	"http://bücher.example/":         RuleHost,
}

// allowedURLs must pass.
var allowedURLs = []string{
	"http://example.com", "https://example.com/", "https://example.com:8443/hook?x=1&y=%20", "http://EXAMPLE.com./a#b",
	"https://hooks.example.co.uk/services/T000/B000/XXX", "http://8.8.8.8/", "http://1.1.1.1:9000/x", "https://[2606:4700:4700::1111]/",
	"https://xn--bcher-kva.example/", "http://a_b.example.com/", "http://1.2.3.4.example.com/", "http://0x7f.example/", "http://10.example/",
	"http://localhost.example.com/", "http://[::ffff:8.8.8.8]/",
}

// urlsOf returns the URLs of a host for each scheme and a custom port.
func urlsOf(host string, port int) []string {
	return []string{"http://" + host + "/", "https://" + host + "/hook", fmt.Sprintf("http://%s:%d/x", host, port)}
}
