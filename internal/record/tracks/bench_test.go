package tracks

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// BenchmarkBot measures a whole bot without its session: recorder and browser
// in a process of their own, three people who send 640x360 at 30 frames/s.
// Run with -benchtime 1x. STENO_BENCH_FLAGS adds flags for the browser.
func BenchmarkBot(b *testing.B) {
	for _, audioOnly := range []bool{false, true} {
		b.Run(map[bool]string{false: "video", true: "audio_only"}[audioOnly], func(b *testing.B) {
			for b.Loop() {
				measure(b, audioOnly)
			}
		})
	}
}

func measure(b *testing.B, audioOnly bool) {
	p := newPeer(b)
	c := makeClip(b, 60, 440)
	people := []participant{p.join("ann"), p.join("bob"), p.join("cem")}
	bot := startBot(b, botChild{
		Folder: b.TempDir(), Profile: b.TempDir(), URL: p.http.URL, AudioOnly: audioOnly,
		Flags: strings.Fields(os.Getenv("STENO_BENCH_FLAGS")),
	})
	p.connected()
	launched := bot.figures(b)
	for _, who := range people {
		p.send(who, c)
	}
	const span = 30 * time.Second
	time.Sleep(8 * time.Second) // the measure is of a steady state
	from := bot.figures(b)
	time.Sleep(span)
	to := bot.figures(b)
	perMinute := (to.cpu - from.cpu).Seconds() * float64(time.Minute/span)
	b.ReportMetric(perMinute, "cpu-s/min")
	b.ReportMetric(float64(to.pss)/(1<<20), "MB")
	b.ReportMetric(launched.cpu.Seconds(), "cpu-s-launch")
	b.ReportMetric(float64(to.lost), "lost")
	b.Log(fmt.Sprintf("%d processes", to.processes))
}
