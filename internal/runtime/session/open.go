package session

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/netguard"
)

// guarded is a browser together with its only way out.
type guarded struct {
	*browser.Browser
	proxy *netguard.Proxy
}

// Close ends both.
func (g guarded) Close() error { return errors.Join(g.Browser.Close(), g.proxy.Close()) }

// open launches a browser that reaches public addresses, what the operator
// allowed, and the recorder.
func open(ctx context.Context, o Opening) (Browser, error) {
	reach := o.Spec.Reach
	proxy, err := netguard.StartProxy(netguard.ProxyOptions{
		Options: netguard.Options{Allow: reach.Networks}, Hosts: reach.Hosts, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	options := browser.Options{
		Path: o.Spec.Browser, Dir: o.Folder, InsecureTLS: o.Spec.InsecureTLS, Log: o.Log,
		Confine: &browser.Confine{Proxy: proxy.Addr(), Direct: []string{o.Socket}, Names: reach.Hosts, Networks: reach.Networks},
	}
	if own(o.Spec) { // its media come by other ports, or from a host beside it
		options.Confine.Networks = slices.Concat(netguard.Named(), reach.Networks)
	}
	if o.Env != nil {
		options.Headed, options.Sound, options.Env = true, true, o.Env
		options.Flags = []string{"--kiosk"} // nothing but the page is to be filmed
	}
	b, err := browser.Launch(ctx, options)
	if err != nil {
		return nil, errors.Join(err, proxy.Close())
	}
	return guarded{b, proxy}, nil
}

// own tells that the meeting is on a server that the operator named.
func own(spec bot.Spec) bool {
	u, err := url.Parse(spec.URL)
	return err == nil && slices.Contains(spec.Reach.Hosts, strings.ToLower(u.Host))
}
