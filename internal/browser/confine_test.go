package browser

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"steno/internal/netguard"
	"steno/internal/netguard/netguardtest"
)

// canary counts who connects to, or sends a packet to, any address of this
// machine at its port.
type canary struct {
	port       string
	tcp, media atomic.Int64
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	c := &canary{port: strconv.Itoa(l.Addr().(*net.TCPAddr).Port)}
	u, err := net.ListenPacket("udp", ":"+c.port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); u.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.tcp.Add(1)
			conn.Close()
		}
	}()
	go func() {
		for b := make([]byte, 1500); ; c.media.Add(1) {
			if _, _, err := u.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	return c
}

// confined launches a browser that reaches public addresses and the named host.
func confined(t *testing.T, named string, change func(*Confine)) *Browser {
	t.Helper()
	proxy, err := netguard.StartProxy(netguard.ProxyOptions{Hosts: []string{named}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	c := &Confine{Proxy: proxy.Addr()}
	if change != nil {
		change(c)
	}
	return launch(t, Options{Confine: c, Loopback: true})
}

// tries asks for a URL in all the ways that a page has, and waits until each has
// come to something. It returns how many there were.
const tries = `async (hosts, port, home) => {
	const all = [], settled = (what, ...events) => new Promise(done => {
		for (const e of events) what.addEventListener(e, done);
		setTimeout(done, 2000);
	});
	const element = (tag, set) => {
		const e = Object.assign(document.createElement(tag), set);
		all.push(settled(e, 'load', 'error'));
		document.body.append(e);
	};
	const quiet = f => { try { all.push(Promise.resolve(f()).catch(() => {})) } catch {} };
	for (const [i, host] of hosts.entries()) {
		const http = 'http://' + host + ':' + port + '/', few = i < 9;
		quiet(() => fetch(http, {mode: 'no-cors'}));
		if (i % 16 === 0 || few) quiet(() => fetch(home + '/away?to=' + encodeURIComponent(http), {mode: 'no-cors'}));
		if (!few) continue;
		quiet(() => fetch(http.replace('http', 'https'), {mode: 'no-cors'}));
		quiet(() => settled(new WebSocket(http.replace('http', 'ws')), 'open', 'error', 'close'));
		quiet(() => settled(new EventSource(http), 'open', 'error'));
		quiet(() => { navigator.sendBeacon(http, 'x') });
		quiet(() => { open(http) });
		quiet(() => settled(new Worker(URL.createObjectURL(new Blob(['importScripts("' + http + '")']))), 'error'));
		quiet(() => new WebTransport(http.replace('http', 'https')).ready);
		element('img', {src: http});
		element('script', {src: http});
		element('iframe', {src: http});
		element('iframe', {src: home + '/away?to=' + encodeURIComponent(http)});
		element('video', {src: http, preload: 'auto'});
		for (const rel of ['preconnect', 'dns-prefetch', 'prefetch', 'stylesheet'])
			document.head.append(Object.assign(document.createElement('link'), {rel, href: http}));
	}
	await Promise.all(all);
	return all.length;
}`

// hunted are the hosts of the corpus, those of this machine first, and the
// addresses of its interfaces.
func hunted(t *testing.T) []string {
	t.Helper()
	hosts := []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "[::ffff:127.0.0.1]", "2130706433", "127.0.0.1.nip.invalid"}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Addr().IsPrivate() {
			hosts = append(hosts, p.Addr().String())
		}
	}
	return append(hosts, netguardtest.ForbiddenHosts...)
}

// home serves an empty page, and redirects to wherever one likes.
func home(t *testing.T) (url, host string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>home</title><body></body>")
	}))
	t.Cleanup(s.Close)
	return s.URL, s.Listener.Addr().String()
}

func goHunting(t *testing.T, b *Browser, hosts []string, port, home string) (tried int) {
	t.Helper()
	list, err := json.Marshal(hosts)
	if err != nil {
		t.Fatal(err)
	}
	ctx := deadline(t)
	if err := b.Navigate(ctx, home); err != nil {
		t.Fatal(err)
	}
	if err := b.Eval(ctx, fmt.Sprintf("(%s)(%s, %q, %q)", tries, list, port, home), &tried); err != nil {
		t.Fatal(err)
	}
	return tried
}

// Proves S4 for the browser: whatever a page does, no address of the corpus is
// connected to.
func TestAPageReachesNoForbiddenAddress(t *testing.T) {
	url, host := home(t)
	prey := newCanary(t)
	hosts := hunted(t)
	b := confined(t, host, nil)
	tried := goHunting(t, b, hosts, prey.port, url)
	for _, way := range []string{"http://127.0.0.1:" + prey.port, url + "/away?to=http://127.0.0.1:" + prey.port, "http://localhost:" + prey.port, "https://[::1]:" + prey.port} {
		_ = b.Navigate(deadline(t), way) // an error, or the proxy's refusal
	}
	if err := b.Navigate(deadline(t), "http://"+host+"/"); err != nil {
		t.Errorf("the named host: %v", err)
	}
	if tried < len(hosts) || prey.tcp.Load() != 0 || prey.media.Load() != 0 {
		t.Errorf("%d tries, %d connections and %d packets reached the canary", tried, prey.tcp.Load(), prey.media.Load())
	}
	// The hunt is a real one: without bounds it catches something.
	if goHunting(t, launch(t, Options{}), hosts[:3], prey.port, url); prey.tcp.Load() < 10 {
		t.Errorf("an unconfined browser reached the canary only %d times", prey.tcp.Load())
	}
}

// A page that calls the canary by WebRTC: as a server, in a description and as a
// candidate. It returns when the connections had time to try.
const callout = `async (addresses, port) => {
	const out = [];
	for (const address of addresses) {
		const bare = address.replace(/[\[\]]/g, '');
		const near = new RTCPeerConnection({iceServers: [{urls: ['stun:' + address + ':' + port]}, {urls: 'turn:' + address + ':' + port + '?transport=udp', username: 'u', credential: 'c'},
			{urls: ['turn:' + address + ':' + port + '?transport=tcp'], username: 'u', credential: 'c'}]});
		const far = new RTCPeerConnection();
		near.createDataChannel('x');
		await near.setLocalDescription();
		await far.setRemoteDescription(near.localDescription);
		await far.setLocalDescription();
		const line = (n, kind) => 'candidate:' + n + ' 1 ' + kind + ' 2113937151 ' + bare + ' ' + port + ' typ host' + (kind === 'tcp' ? ' tcptype passive' : '');
		const sdp = far.localDescription.sdp.replace(/a=candidate.*\r\n/g, '') + 'a=' + line(1, 'udp') + '\r\na=' + line(2, 'tcp') + '\r\n';
		await near.setRemoteDescription({type: 'answer', sdp}).catch(e => out.push(String(e)));
		for (const [n, kind] of ['udp', 'tcp'].entries())
			await near.addIceCandidate({candidate: line(3 + n, kind), sdpMid: '0', sdpMLineIndex: 0}).catch(e => out.push(String(e)));
	}
	await new Promise(done => setTimeout(done, 1500));
	return out;
}`

// Proves S4 for media, which no proxy sees.
func TestWebRTCSendsNothingToAForbiddenAddress(t *testing.T) {
	url, host := home(t)
	prey := newCanary(t)
	addresses := append(hunted(t)[:4], hunted(t)[8])
	list, err := json.Marshal(addresses)
	if err != nil {
		t.Fatal(err)
	}
	call := fmt.Sprintf("(%s)(%s, %s)", callout, list, prey.port)
	run := func(b *Browser) {
		t.Helper()
		ctx := deadline(t)
		var said []string
		if err := b.Navigate(ctx, url); err != nil {
			t.Fatal(err)
		}
		if err := b.Eval(ctx, call, &said); err != nil {
			t.Fatal(err)
		}
		t.Log(said)
	}
	run(confined(t, host, nil))
	if prey.media.Load() != 0 || prey.tcp.Load() != 0 {
		t.Errorf("%d packets and %d connections reached the canary", prey.media.Load(), prey.tcp.Load())
	}
	run(confined(t, host, func(c *Confine) { c.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }))
	if prey.media.Load() == 0 {
		t.Error("allowed media do not flow either")
	}
	if prey.tcp.Load() != 0 {
		t.Errorf("media over TCP went past the proxy, %d times", prey.tcp.Load())
	}
}

// The script in the page must agree with the guard about every address.
func TestThePagesScriptAgreesWithTheGuard(t *testing.T) {
	url, host := home(t)
	b := confined(t, host, func(c *Confine) {
		c.Networks = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}
	})
	if err := b.Navigate(deadline(t), url); err != nil {
		t.Fatal(err)
	}
	kept := func(hosts []string) map[string]bool {
		list, err := json.Marshal(hosts)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		err = b.Eval(deadline(t), fmt.Sprintf(`%s.filter(h => new RTCPeerConnection({iceServers: [{urls: 'stun:' + h + ':1'}]}).getConfiguration().iceServers.length)`, list), &out)
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]bool{}
		for _, h := range out {
			m[h] = true
		}
		return m
	}
	var literal []string
	for _, h := range netguardtest.ForbiddenHosts {
		if _, err := netip.ParseAddr(strings.Trim(h, "[]")); err == nil && !strings.HasPrefix(h, "10.1.") {
			literal = append(literal, h)
		}
	}
	for h := range kept(literal) {
		t.Errorf("%s passed", h)
	}
	public := []string{"8.8.8.8", "142.250.82.1", "[2606:4700:4700::1111]", "10.1.2.3", "[fd00:1::5]", "turn.example.com"}
	if got := kept(public); len(got) != len(public) {
		t.Errorf("of %v only %v passed", public, got)
	}
}
