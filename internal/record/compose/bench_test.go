package compose

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"steno/internal/bot"
)

// cpu is the processor time of this process and its children that have ended.
func cpu() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// BenchmarkCompose tells the processor seconds that a recorded minute costs,
// for each mode and for more tracks and longer meetings. Cameras send 640x360
// at 30 frames a second, people speak in turn.
func BenchmarkCompose(b *testing.B) {
	for _, mode := range []bot.RecordingMode{bot.AudioOnly, bot.SpeakerView, bot.GalleryView} {
		for _, size := range []struct{ people, seconds int }{{3, 60}, {3, 120}, {6, 60}} {
			b.Run(fmt.Sprintf("%s/people=%d/seconds=%d", mode, size.people, size.seconds), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					m := newMade(b)
					for p := range size.people {
						id := fmt.Sprint("p", p)
						m.person(0, id, "Person "+id)
						var spoken [][2]float64
						for at := float64(p * 5); at+5 < float64(size.seconds); at += 5 * float64(size.people) {
							spoken = append(spoken, [2]float64{at + 0.2, at + 4.8})
						}
						net := network{delay: 30 * time.Millisecond, jitter: 10 * time.Millisecond}
						m.audio(0, "a"+id, id, opusUnits(b, voicePCM(float64(size.seconds), 120+float64(p*30), spoken)), net)
						if mode != bot.AudioOnly {
							m.video(0, "v"+id, id, "VP8", repeat(videoUnits(b, "VP8", 10, 640, 360, 90, 90), size.seconds/10), net)
						}
					}
					m.end(float64(size.seconds))
					folder := m.all()
					before := cpu()
					b.StartTimer()
					if _, err := Run(context.Background(), Options{Folder: folder, Mode: mode, Log: benchLog()}); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					b.ReportMetric((cpu()-before).Seconds()*60/float64(size.seconds), "cpu-s/min")
					b.StartTimer()
				}
			})
		}
	}
}

// benchLog shows what each child cost, if STENO_BENCH_LOG is set.
func benchLog() *slog.Logger {
	if os.Getenv("STENO_BENCH_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// repeat plays units that begin with a keyframe again and again.
func repeat(units []unit, times int) (list []unit) {
	for i := range times {
		for _, u := range units {
			u.at += float64(i*len(units)) / 30
			list = append(list, u)
		}
	}
	return list
}
