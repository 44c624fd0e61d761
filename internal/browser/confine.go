package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"steno/internal/netguard"
)

// Confine bounds what a browser reaches.
type Confine struct {
	// Proxy is the host:port of the HTTP proxy through which everything goes but
	// media over UDP: requests, WebSockets and media over TCP.
	Proxy string
	// Direct lists what is reached past the proxy, as 127.0.0.1:port.
	Direct []string
	// Names are the only hosts, as host or host:port, that the browser looks up
	// by itself, which it does for media servers only. All others are looked up
	// by the proxy.
	Names []string
	// Networks are the private ones to which media may flow. Otherwise a script
	// in the page keeps WebRTC to public addresses.
	Networks []netip.Prefix
}

func (c *Confine) flags() []string {
	rules := []string{"MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"}
	for _, name := range c.Names {
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		rules = append(rules, "EXCLUDE "+name)
	}
	return []string{
		// A second page would be without the script.
		"--block-new-web-contents",
		"--proxy-server=http://" + c.Proxy,
		// By itself Chromium goes past a proxy to this machine.
		"--proxy-bypass-list=" + strings.Join(append([]string{"<-loopback>"}, c.Direct...), ";"),
		"--host-resolver-rules=" + strings.Join(rules, " , "),
	}
}

//go:embed confine.js
var confineSource string

// script keeps WebRTC, which no proxy sees, to the addresses that a proxy would
// connect to.
func (c *Confine) script() (string, error) {
	refused, public6 := netguard.Special()
	config, err := json.Marshal(map[string]any{"refused": refused, "public6": public6, "allowed": c.Networks})
	if err != nil {
		return "", fmt.Errorf("make script: %w", err)
	}
	_, source, _ := strings.Cut(confineSource, "*/\n")
	return fmt.Sprintf("(%s)(%s)", strings.TrimSpace(source), config), nil
}

// confine puts the script before all of the page's.
func (b *Browser) confine(ctx context.Context, c *Confine) error {
	if c == nil {
		return nil
	}
	source, err := c.script()
	if err != nil {
		return err
	}
	return b.AddScript(ctx, source)
}
