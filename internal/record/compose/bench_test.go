package compose

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// BenchmarkJoin tells how long it takes, once the last chunk is encoded, to
// join the parts of a recording of 5, 20 and 60 minutes into artifacts with
// their checksums: what somebody waits for who left a long meeting. The goal
// is 5 s for 60 minutes.
func BenchmarkJoin(b *testing.B) {
	for _, minutes := range []int64{5, 20, 60} {
		b.Run(fmt.Sprintf("minutes=%d", minutes), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				c := recordedChunks(b, minutes*60)
				b.StartTimer()
				if _, err := c.mixed(minutes * 60_000_000); err != nil {
					b.Fatal(err)
				}
				list, err := c.video()
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(list[0].Bytes)/(1<<20), "MB")
			}
		})
	}
}

// recordedChunks is a composer that has encoded so many seconds, all but the
// end of the mix: one chunk of moving noise, many times over.
func recordedChunks(b *testing.B, seconds int64) *composer {
	b.Helper()
	c := &composer{Options: Options{Folder: b.TempDir(), FFmpeg: "ffmpeg", Log: slog.New(slog.DiscardHandler), chunk: chunkTicks}}
	c.work = filepath.Join(c.Folder, WorkDir)
	for _, dir := range []string{c.work, filepath.Join(c.Folder, OutDir)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			b.Fatal(err)
		}
	}
	mix, err := newMixer(b.Context(), c.Log, c.FFmpeg, c.work, true)
	if err != nil {
		b.Fatal(err)
	}
	c.sound = newSound(c.Options, newStory(), c.work, mix)
	voice := voicePCM(10, 150, [][2]float64{{0, 10}})
	for at := int64(0); at < seconds*rate; at += int64(len(voice)) {
		c.sound.mix.add(at, voice)
		if err := c.sound.mix.settle(at + int64(len(voice))); err != nil {
			b.Fatal(err)
		}
	}
	c.film = &film{tick: seconds * fps}
	data, err := noise(b.Context(), c)
	for n := int64(0); n < seconds*fps/chunkTicks && err == nil; n++ {
		err = os.WriteFile(chunkPath(c.work, n, "x"), data, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	return c
}
