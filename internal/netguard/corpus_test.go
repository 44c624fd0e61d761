package netguard

import "fmt"

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
