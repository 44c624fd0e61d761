package browser

import (
	"fmt"
	"os"
	"strings"
)

// disabledFeatures are Chromium features that phone home, take memory for
// nothing, or stand in the way.
var disabledFeatures = []string{
	// The recorder's script speaks to a socket on 127.0.0.1.
	"LocalNetworkAccessChecks", "LocalNetworkAccessChecksWebSockets", "LocalNetworkAccessChecksWebRTC",
	"BlockInsecurePrivateNetworkRequests", "PrivateNetworkAccessSendPreflights",
	// One renderer for the whole page: frames of other sites get the injected
	// scripts too, and half the memory goes.
	"IsolateOrigins", "site-per-process", "SpareRendererForSitePerProcess",
	// Nobody looks at or listens to this browser.
	"Translate", "OptimizationHints", "MediaRouter", "DialMediaRouteProvider", "AcceptCHFrame",
	"AutofillServerCommunication", "CertificateTransparencyComponentUpdater", "InterestFeedContentSuggestions",
	"GlobalMediaControls", "HardwareMediaKeyHandling", "CalculateNativeWinOcclusion", "PaintHolding",
	// Services that would be processes of their own.
	"AudioServiceOutOfProcess", "AudioServiceSandbox",
	// Candidates with .local names cost a multicast round trip.
	"WebRtcHideLocalIpsWithMdns",
}

var commonFlags = []string{
	"--remote-debugging-pipe",
	"--no-first-run", "--no-default-browser-check", "--no-service-autorun", "--no-pings",
	"--disable-background-networking", "--disable-component-update", "--disable-sync",
	"--disable-default-apps", "--disable-extensions", "--disable-component-extensions-with-background-pages",
	"--disable-breakpad", "--disable-crash-reporter", "--disable-domain-reliability", "--metrics-recording-only",
	"--disable-client-side-phishing-detection", "--disable-field-trial-config", "--disable-quic",
	"--disable-gpu", "--in-process-gpu", "--renderer-process-limit=1", "--disable-site-isolation-trials",
	"--disable-hang-monitor", "--disable-prompt-on-repost", "--disable-popup-blocking",
	// A bot's page is never in front.
	"--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
	"--autoplay-policy=no-user-gesture-required", "--lang=en-US", "--password-store=basic",
	// Console messages of the page come out on standard error, without a
	// protocol domain that the page could notice.
	"--enable-logging=stderr", "--log-level=0",
}

func (o Options) flags(profile string) []string {
	f := append([]string(nil), commonFlags...)
	f = append(f,
		// One process less for each packet to pass through.
		"--enable-features=NetworkServiceInProcess2",
		"--disable-features="+strings.Join(disabledFeatures, ","),
		"--user-data-dir="+profile,
		fmt.Sprintf("--window-size=%d,%d", o.Width, o.Height),
	)
	if !o.Headed {
		// Without WebGL nothing draws with the software GL library, 14 MB.
		f = append(f, "--headless", "--hide-scrollbars", "--disable-software-rasterizer")
	}
	if !o.Sound {
		f = append(f, "--mute-audio")
	}
	if o.InsecureTLS {
		f = append(f, "--ignore-certificate-errors")
	}
	if o.Loopback {
		f = append(f, "--allow-loopback-in-peer-connection")
	}
	if o.Confine != nil {
		f = append(f, o.Confine.flags()...)
	}
	if os.Geteuid() == 0 {
		// Chromium refuses to run its sandbox as root; without one it needs no
		// zygotes, 30 MB.
		f = append(f, "--no-sandbox", "--no-zygote")
	}
	return append(append(f, o.Flags...), "about:blank")
}
