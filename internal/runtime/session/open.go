package session

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/netguard"
	"steno/internal/profile"
)

// guarded is a browser together with its only way out, and the signed-in profile
// that it uses, if any.
type guarded struct {
	*browser.Browser
	proxy *netguard.Proxy
	loan  io.Closer
}

// Close ends all of them, the browser first.
func (g guarded) Close() error {
	return errors.Join(g.Browser.Close(), g.proxy.Close(), g.loan.Close())
}

// signedIn is the folder of the copy that a bot has of a signed-in profile.
const signedIn = "signed-in"

// borrow gets a copy of the profile that the spec names.
func borrow(o Opening) (dir string, loan io.Closer, err error) {
	if o.Spec.Profile == "" {
		return "", io.NopCloser(nil), nil
	}
	dir = filepath.Join(o.Folder, signedIn)
	loan, err = profile.Borrow(o.Spec.Profile, dir)
	return dir, loan, err
}

// DropProfile removes what a process that was killed may have left of a signed-in
// profile in a bot's folder.
func DropProfile(folder string) error { return os.RemoveAll(filepath.Join(folder, signedIn)) }

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
	dir, loan, err := borrow(o)
	if err != nil {
		return nil, errors.Join(err, proxy.Close())
	}
	options := browser.Options{
		Path: o.Spec.Browser, Dir: o.Folder, Profile: dir, InsecureTLS: o.Spec.InsecureTLS, Log: o.Log,
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
		return nil, errors.Join(err, proxy.Close(), loan.Close())
	}
	return guarded{b, proxy, loan}, nil
}

// own tells that the meeting is on a server that the operator named.
func own(spec bot.Spec) bool {
	u, err := url.Parse(spec.URL)
	return err == nil && slices.Contains(spec.Reach.Hosts, strings.ToLower(u.Host))
}
