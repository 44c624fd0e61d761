package compose_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"steno/demo"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/compose"
	"steno/internal/record/journal"
	"steno/internal/record/segment"
	"steno/lab"
	"steno/lab/media"
)

// BenchmarkLeave tells how long it takes from the call that makes a bot leave to
// its webhook bot.completed, when it recorded for so many minutes: with the
// server's process, a bot in a real browser in a meeting of the lab, the composer
// and the disk's files. STENO_TEST_BINARY names the program.
//
// Nobody waits for an hour: a bot begins to record, everything is killed, and an
// hour is put before what is in its folder: three people who speak in turn, as
// Opus segments, and the chunks of video that the composer would have made of
// them. They are copies of one encoded chunk of 70 kB a second, because a minute
// of them costs 15 seconds of a processor. Then the server starts again, the bot
// comes back into the meeting, and the composer catches up with the sound of the
// whole hour, as it does whenever it was killed. All that follows is real.
func BenchmarkLeave(b *testing.B) {
	for _, minutes := range []int{5, 60} {
		b.Run(fmt.Sprintf("minutes=%d", minutes), func(b *testing.B) {
			for range b.N {
				h := &hour{B: b, length: time.Duration(minutes) * time.Minute}
				took := h.run()
				b.ReportMetric(took.Seconds(), "s-to-completed")
				verdict := "met"
				if took > 5*time.Second {
					verdict = "missed"
				}
				fmt.Printf("\nleaving to bot.completed, %d minutes of speaker view: %.1f s, goal ≤ 5: %s\n", minutes, took.Seconds(), verdict)
			}
		})
	}
}

// hour is one long recording.
type hour struct {
	*testing.B
	length time.Duration
	stage  *demo.Stage
	id     string
	folder string
}

func (h *hour) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *hour) run() time.Duration {
	ctx, cancel := context.WithTimeout(h.Context(), 10*time.Minute)
	defer cancel()
	server, err := lab.Start(ctx, lab.Options{})
	h.must(err)
	defer server.Close()
	sc := lab.Conversation("abc-defg-hij", 3, time.Minute)
	sc.Repeat = true
	meeting, err := server.Open(ctx, sc)
	h.must(err)
	hooks, err := demo.NewReceiver()
	h.must(err)
	defer hooks.Close()
	data := h.TempDir()
	h.stage, err = demo.NewStage(ctx, demo.StageOptions{
		Binary: os.Getenv("STENO_TEST_BINARY"), Data: data,
		Env: []string{"STENO_LAB_HOST=" + server.Host(), "STENO_ALLOW_PRIVATE_TARGETS=127.0.0.0/8"},
	})
	h.must(err)
	secret, err := h.stage.Command(ctx, "webhook", "add", hooks.URL())
	h.must(err)
	h.must(hooks.Trust(secret))
	h.must(h.stage.Start(ctx))
	defer func() { h.must(h.stage.Stop()) }()

	h.id, err = h.stage.CreateBot(ctx, map[string]any{"bot_name": "Steno", "meeting_url": meeting.URL(), "recording_mode": string(bot.SpeakerView)})
	h.must(err)
	h.folder = h.stage.BotFolder(h.id)
	h.until(ctx, "some seconds of recording", func(entries []journal.Entry) bool {
		began, flows := false, false
		for _, e := range entries {
			began, flows = began || e.Epoch != nil, flows || e.Pulse != nil
		}
		return began && flows
	})
	h.kill(ctx)
	h.fill(ctx)
	h.must(h.stage.Start(ctx))
	// A composer that has caught up ends a chunk 8 s or so after it was said; it was
	// killed before, and has the sound of the hour to read again.
	var rested time.Time
	h.until(ctx, "the bot is back, and the composer has caught up", func(entries []journal.Entry) bool {
		var epoch int64
		back := false
		for _, e := range entries {
			if e.Epoch != nil {
				epoch = e.Epoch.UnixMicro
			}
			back = back || e.Gap != nil
		}
		if rested.IsZero() && back && compose.Chunk(h.folder)*20e6+11e6 > time.Now().UnixMicro()-epoch {
			rested = time.Now().Add(10 * time.Second) // somewhere in the next chunk
		}
		return !rested.IsZero() && time.Now().After(rested)
	})

	left := time.Now()
	h.must(h.stage.Leave(ctx, h.id))
	for {
		select {
		case e := <-hooks.Events():
			switch e.Type {
			case "bot.completed":
				took := time.Since(left)
				h.whole(ctx)
				return took
			case "bot.failed":
				h.Fatalf("the bot failed: %s\n%s", e.Body, h.stage.Log())
			}
		case <-ctx.Done():
			h.Fatalf("the bot is never completed\n%s", h.stage.Log())
		}
	}
}

// whole checks that what came out is of that length.
func (h *hour) whole(ctx context.Context) {
	d, err := h.stage.Bot(ctx, h.id)
	h.must(err)
	if d.Duration == nil || *d.Duration < h.length.Seconds() || d.Video == nil || d.Audio == nil || len(d.ParticipantAudio) != 3 {
		h.Fatalf("details %+v", d)
	}
	video := filepath.Join(h.TempDir(), "video.mp4")
	h.must(h.stage.Download(ctx, *d.Video, video))
	st, err := os.Stat(video)
	h.must(err)
	h.ReportMetric(float64(st.Size())/(1<<20), "MB-of-video")
}

func (h *hour) until(ctx context.Context, what string, ok func([]journal.Entry) bool) {
	h.Helper()
	for {
		entries, err := journal.Read(h.folder)
		if err == nil && ok(entries) {
			return
		}
		select {
		case <-ctx.Done():
			h.Fatalf("never: %s\n%s", what, h.stage.Log())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// kill kills the server and then its bot.
func (h *hour) kill(ctx context.Context) {
	pid, err := h.stage.BotPID(h.id)
	h.must(err)
	h.must(h.stage.Kill())
	p, err := os.FindProcess(pid)
	h.must(err)
	h.must(p.Kill())
	h.until(ctx, "the bot is dead", func([]journal.Entry) bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		return err != nil
	})
}

// fill puts the hour before what is in the folder.
func (h *hour) fill(ctx context.Context) {
	epoch, people := h.earlier()
	w, _, err := journal.Open(h.folder, clock.System{})
	h.must(err)
	for i, person := range people {
		track := fmt.Sprintf("t%d", 101+i)
		for _, e := range []journal.Entry{
			{Track: &journal.Track{ID: track, Kind: "audio", Codec: "opus", ClockRate: 48000, Channels: 2, Source: "encoded", MediaID: "hour-" + track}},
			{Bind: &journal.Bind{Track: track, Person: person, Source: "roster"}},
		} {
			_, err := w.Append(e)
			h.must(err)
		}
		h.speak(track, epoch, i, len(people))
	}
	h.must(w.Close())
	h.must(compose.Fill(ctx, compose.Options{Folder: h.folder, Mode: bot.SpeakerView, FFmpeg: "ffmpeg", Log: slog.New(slog.DiscardHandler), Clock: clock.System{}}))
}

// earlier moves all that the journal tells to an hour before, and returns time
// zero and the people in the meeting.
func (h *hour) earlier() (epoch int64, people []string) {
	path := filepath.Join(h.folder, journal.File)
	data, err := os.ReadFile(path)
	h.must(err)
	var out bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e journal.Entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // cut off by the kill
		}
		e.At = e.At.Add(-h.length)
		if e.Epoch != nil {
			e.Epoch.UnixMicro -= h.length.Microseconds()
			epoch = e.Epoch.UnixMicro
		}
		if e.Person != nil && !e.Person.Self {
			people = append(people, e.Person.ID)
		}
		line, err := json.Marshal(e)
		h.must(err)
		out.Write(append(line, '\n'))
	}
	h.must(os.WriteFile(path, out.Bytes(), 0o600))
	return epoch, people
}

// speak writes the segments of one person: every one in so many sentences is
// theirs, and silence is a packet in 400 ms.
func (h *hour) speak(track string, epoch int64, turn, of int) {
	clips, err := media.Clips()
	h.must(err)
	voice := []string{"ada", "ben", "cora"}[turn%3]
	const perFile = 200 // packets: 4 s
	var w *segment.Writer
	packets := int(h.length / (20 * time.Millisecond))
	sentence, at := 0, 0
	for n := range packets {
		if n%perFile == 0 {
			if w != nil {
				h.must(w.Close())
			}
			w, err = segment.Create(segment.Path(h.folder, track, n/perFile+1))
			h.must(err)
		}
		clip := clips[fmt.Sprintf("%s-%d", []string{"ada", "ben", "cora"}[sentence%of], sentence/of%6+1)]
		f := segment.Frame{Level: 128, RTP: uint32(n * media.PacketSamples), Arrival: epoch + int64(n)*20_000, Payload: media.Silence}
		if clip.Voice == voice {
			f.Payload, f.Level = clip.Packets[at], 1+uint16(clip.Level[at])
		}
		if clip.Voice == voice || n%20 == 0 {
			w.Add(f)
		}
		if at++; at == len(clip.Packets) {
			sentence, at = sentence+1, 0
		}
	}
	h.must(w.Close())
}
