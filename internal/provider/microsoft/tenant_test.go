package microsoft

import (
	"net/url"
	"strings"
	"testing"

	"steno/internal/calendar"
	"steno/internal/netguard/netguardtest"
)

// Proves S4 for the identity provider: a tenant is the caller's own text that
// becomes part of the token URL. Whatever it is, credentials go to the
// configured server.
func TestATenantLeadsNowhereElse(t *testing.T) {
	tenants := []string{"..", "../..", "a/../../b", "a?b", "a#b", "a@b", "//b", "http://b/", "a\r\nb", "%2e%2e", "a\\b", ""}
	for _, host := range netguardtest.ForbiddenHosts {
		tenants = append(tenants, host, "@"+host, "/@"+host, ".@"+host+"/")
	}
	endpoint := tokenEndpoint("https://login.example", "scope")
	passed := 0
	for _, tenant := range tenants {
		text, err := endpoint.URL(calendar.Credentials{Tenant: tenant})
		if err != nil {
			continue
		}
		passed++
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Host != "login.example" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
			strings.Count(u.Path, "/") != 4 || strings.Contains(u.Path, "..") {
			t.Errorf("tenant %q leads to %q (%v)", tenant, text, err)
		}
	}
	if passed == 0 || passed == len(tenants) {
		t.Errorf("%d of %d passed", passed, len(tenants))
	}
}
