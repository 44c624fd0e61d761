package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/record/mp4"
	"steno/internal/record/segment"
)

// TestMain lets a test run a composer as a process of its own, to kill it.
func TestMain(m *testing.M) {
	if folder := os.Getenv("STENO_TEST_COMPOSE"); folder != "" {
		_, err := Run(context.Background(), Options{
			Folder: folder, Mode: bot.SpeakerView, chunk: shortChunk,
			Progress: func(done, _ int64) {
				fmt.Println(done)
				if done > killAt {
					select {} // to be killed here, with the encoders at work
				}
			},
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The killed composer's chunks, and when it is killed (ms): in the third one.
const (
	shortChunk = 4 * fps
	killAt     = 8200
)

// A composer that is killed with -9 in the middle and run again makes the same
// as one that is left alone, and keeps the chunks it had finished (R1).
func TestKilledComposerGoesOn(t *testing.T) {
	m := newThree(t, 1, nil)
	folder := m.all()
	whole := t.TempDir()
	if err := os.CopyFS(whole, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	run := func(folder string, progress func(int64, int64)) Output {
		o, err := Run(context.Background(), Options{Folder: folder, Mode: bot.SpeakerView, Log: testLog(t), Progress: progress, chunk: shortChunk})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	want := run(whole, nil)

	before := segments(t, folder)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STENO_TEST_COMPOSE="+folder)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for done := 0; done <= killAt; {
		if _, err := fmt.Fscan(stdout, &done); err != nil {
			t.Fatalf("the composer ended before it could be killed: %v", err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, err := ReadOutput(folder); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("there is a manifest although nothing was finished: %v", err)
	}
	chunks, err := chunkFiles(filepath.Join(folder, WorkDir), 2)
	if err != nil {
		t.Fatalf("the chunks of the first 8 s: %v", err)
	}
	made, err := os.Stat(chunks[0])
	if err != nil {
		t.Fatal(err)
	}
	// What is kept is seen by its time of making, while the second one works.
	var kept atomic.Bool
	got := run(folder, func(done, _ int64) {
		if st, err := os.Stat(chunks[0]); err == nil && done > killAt && st.ModTime().Equal(made.ModTime()) {
			kept.Store(true)
		}
	})
	if !kept.Load() {
		t.Error("the finished chunk was made anew")
	}
	if len(got.Artifacts) != len(want.Artifacts) {
		t.Fatalf("%d artifacts, want %d", len(got.Artifacts), len(want.Artifacts))
	}
	for i, a := range got.Artifacts {
		if w := want.Artifacts[i]; a.Kind != w.Kind || a.SHA256 != w.SHA256 {
			t.Errorf("%s differs from that of a composer that was left alone", a.Path)
		}
	}
	if after := segments(t, folder); !slices.Equal(before, after) {
		t.Error("the segments were changed")
	}
	// Once finished, nothing is made anew: the sums may be known to others.
	if again := run(folder, nil); again.Artifacts[0] != got.Artifacts[0] {
		t.Error("a finished folder was composed again")
	}
}

// Chunks of a composer with another encoder, as after an update, are made anew.
func TestChunksOfAnotherEncoder(t *testing.T) {
	folder := newThree(t, 1, nil).all()
	run := func() (Output, error) {
		return Run(context.Background(), Options{Folder: folder, Mode: bot.SpeakerView, Log: testLog(t), chunk: shortChunk})
	}
	replaced := false
	_, err := Run(t.Context(), Options{Folder: folder, Mode: bot.SpeakerView, chunk: shortChunk, Progress: func(done, _ int64) {
		if done > killAt && !replaced {
			replaced = true
			for n := range int64(2) {
				name := finishedChunks(filepath.Join(folder, WorkDir), n)[0]
				other := filepath.Join(t.TempDir(), "other.mp4")
				out, err := exec.Command("ffmpeg", "-v", "error", "-i", name, "-c:v", "libx264", "-preset", "ultrafast", "-refs", "3", "-bf", "0", "-video_track_timescale", fmt.Sprint(chunkScale), other).CombinedOutput()
				if err == nil {
					err = os.Rename(other, name)
				}
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
			}
		}
	}})
	var mixed *mp4.MixedError
	if !errors.As(err, &mixed) || len(mixed.Pieces) != 2 {
		t.Fatalf("chunks of two encoders in one video: %v", err)
	}
	got, err := run()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(folder, WorkDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, Manifest)); err != nil {
		t.Fatal(err)
	}
	want, err := run()
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got.Artifacts {
		if a != want.Artifacts[i] {
			t.Errorf("%+v, want %+v", a, want.Artifacts[i])
		}
	}
}

func segments(tb testing.TB, folder string) (list []string) {
	tb.Helper()
	err := filepath.Walk(filepath.Join(folder, segment.Dir), func(path string, st os.FileInfo, err error) error {
		if err == nil && !st.IsDir() {
			list = append(list, fmt.Sprint(path, st.Size(), st.ModTime().UnixNano()))
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// Following a meeting gives what composing it afterwards gives, although
// everything comes to light bit by bit.
func TestFollowingGivesTheSame(t *testing.T) {
	m := newThree(t, 1, []network{hard(0), hard(1), hard(2)})
	events := slices.Clone(m.events)
	var now atomic.Int64
	now.Store(epoch0.UnixMicro())
	m.write(0)
	type result struct {
		out Output
		err error
	}
	done := make(chan result, 1)
	var seen atomic.Int64
	go func() {
		c := Options{Folder: m.folder, Mode: bot.GalleryView, Follow: true, Log: testLog(t), FFmpeg: ffmpegPath(t),
			Clock:    clock.Func(func() time.Time { return time.UnixMicro(now.Load()).UTC() }),
			Progress: func(doneMS, _ int64) { seen.Store(doneMS) }}
		out, err := runEvery(context.Background(), c, 10*time.Millisecond)
		done <- result{out, err}
	}()
	for s := 1.0; s <= act; s++ {
		m.write(s)
		now.Store(epoch0.Add(sec(s)).UnixMicro())
		// Wait until the composer has come as near as it goes.
		for deadline := time.Now().Add(time.Minute); s < act && seen.Load() < int64((s-8.5)*1000); time.Sleep(5 * time.Millisecond) {
			select {
			case r := <-done:
				t.Fatalf("the composer ended at second %.0f: %v", s, r.err)
			default:
			}
			if time.Now().After(deadline) {
				t.Fatalf("at second %.0f the composer is stuck at %d ms", s, seen.Load())
			}
		}
	}
	live := <-done
	if live.err != nil {
		t.Fatal(live.err)
	}
	after := newMade(t)
	after.events = events
	late := compose(t, after.all(), bot.GalleryView)
	if fmt.Sprint(live.out.Result) != fmt.Sprint(late.Result) {
		t.Errorf("following: %+v\nafterwards: %+v", live.out.Result, late.Result)
	}
	if e := der(m.truth, readLines(t, m.folder)); e > 0.02 {
		t.Errorf("diarization error rate %.4f", e)
	}
}

// After a restart of the bot people come on new tracks, with one name each;
// what is missing between is silent, shown as such and counted.
func TestRestartWithAGap(t *testing.T) {
	m := newMade(t)
	const gapFrom, gapTo, end = 8.0, 11.0, 18.0
	net := network{delay: 30 * time.Millisecond, jitter: 10 * time.Millisecond}
	voice := func(spans ...[2]float64) []unit { return opusUnits(t, voicePCM(8, 150, spans)) }
	m.person(0, "x1", "Ada Lovelace")
	m.audio(0, "t1", "x1", voice([2]float64{1, 7}), net)
	m.video(0, "t2", "x1", "VP8", videoUnits(t, "VP8", 8, 320, 180, 60, 90), net)
	m.say(gapTo-0.5, journal.Entry{Session: &journal.Session{N: 2}})
	m.person(gapTo-0.3, "x9", "Ada Lovelace")
	m.say(gapTo+0.1, journal.Entry{Gap: &journal.Gap{
		From: epoch0.Add(sec(gapFrom)).UnixMicro(), To: epoch0.Add(sec(gapTo)).UnixMicro(), Reason: "bot_died"}})
	m.audio(gapTo, "t3", "x9", voice([2]float64{1, 5}), network{delay: 30 * time.Millisecond, rtp: 999})
	m.video(gapTo, "t4", "x9", "VP8", videoUnits(t, "VP8", 7, 320, 180, 60, 90), network{delay: 30 * time.Millisecond, rtp: 77})
	m.end(end)
	folder := m.all()
	tear(t, folder, "t2")
	o := compose(t, folder, bot.SpeakerView)
	if o.Result.DurationMS != 18000 || o.Result.LostMS != 3000 {
		t.Errorf("duration %d, lost %d ms; want 18000 and 3000", o.Result.DurationMS, o.Result.LostMS)
	}
	if len(o.Result.Participants) != 1 || o.Result.Participants[0].Name != "Ada Lovelace" {
		t.Errorf("participants %+v, want Ada Lovelace once", o.Result.Participants)
	}
	want := []line{{"Ada Lovelace", 1.03, 7.03}, {"Ada Lovelace", 12.03, 16.03}}
	if e := der(want, readLines(t, folder)); e > 0.01 {
		t.Errorf("diarization error rate %.4f: %v", e, readLines(t, folder))
	}
	pcm := pcmOf(t, out(folder, "output.flac"))
	for i := 9 * rate; i < 11*rate; i++ {
		if pcm[i] != 0 {
			t.Fatalf("the gap is not silent at %.3f s", float64(i)/rate)
		}
	}
	codes := timecodes(t, out(folder, "video.mp4"), "")
	if len(codes) != 18*fps {
		t.Errorf("%d frames, want %d", len(codes), 18*fps)
	}
	if c := codes[5*fps]; c < 145 || c > 152 {
		t.Errorf("frame %d is shown at 5 s, want about 149", c)
	}
	if c := codes[14*fps]; c < 85 || c > 92 {
		t.Errorf("frame %d is shown at 14 s, want about 89", c)
	}
	for i := gapFrom*fps + 1; i < gapTo*fps; i++ {
		if codes[int(i)] > 0 {
			t.Fatalf("a person is shown in the gap, at frame %d", int(i))
		}
	}
}

// tear cuts the last record of a track's last segment in two.
func tear(tb testing.TB, folder, track string) {
	tb.Helper()
	files, err := segment.List(folder, track)
	if err != nil || len(files) == 0 {
		tb.Fatalf("no segments of %s: %v", track, err)
	}
	st, err := os.Stat(files[len(files)-1])
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.Truncate(files[len(files)-1], st.Size()-7); err != nil {
		tb.Fatal(err)
	}
}
