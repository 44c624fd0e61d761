package tracks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/browser"
	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

// meeting is a page in a real browser, a recorder and the other side.
type meeting struct {
	*peer
	b      *browser.Browser
	r      *Recorder
	folder string
}

func startMeeting(t *testing.T, o Options, scripts ...string) *meeting {
	t.Helper()
	m := &meeting{peer: newPeer(t), folder: t.TempDir()}
	w, _, err := journal.Open(m.folder, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	o.Folder, o.Journal, o.Clock = m.folder, w, clock.System{}
	if m.r, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.r.Close()
		w.Close()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if m.b, err = browser.Launch(ctx, browser.Options{Dir: t.TempDir(), Loopback: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.b.Close() })
	for _, s := range append(scripts, m.r.Script()) {
		if err := m.b.AddScript(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.b.Navigate(ctx, m.http.URL); err != nil {
		t.Fatal(err)
	}
	return m
}

// eval runs JavaScript in the page.
func (m *meeting) eval(expression string, out any) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 30*time.Second)
	defer cancel()
	if err := m.b.Eval(ctx, expression, out); err != nil {
		m.t.Fatalf("%v\n%s", err, strings.Join(m.b.Console(), "\n"))
	}
}

type pageStats struct{ FramesDecoded, KeyFramesDecoded, PLI, VideoBytes, AudioPackets, Concealed int }

func (m *meeting) stats() (s pageStats) {
	m.eval("stats()", &s)
	return s
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// recorded reads a track's frames in the order of their timestamps.
func recorded(t *testing.T, folder, track string) []segment.Frame {
	t.Helper()
	files, err := segment.List(folder, track)
	if err != nil {
		t.Fatal(err)
	}
	var frames []segment.Frame
	for _, f := range files {
		r, err := segment.Open(f)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			continue // made, but nothing in it yet
		}
		if err != nil {
			t.Fatal(err)
		}
		for {
			fr, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, fr)
		}
		r.Close()
	}
	slices.SortStableFunc(frames, func(a, b segment.Frame) int { return int(int32(a.RTP - b.RTP)) })
	return frames
}

// trackOf finds the track of a sender's media.
func (m *meeting) trackOf(mediaID string) TrackInfo {
	m.t.Helper()
	for _, i := range m.r.Tracks() {
		if i.MediaID == mediaID {
			return i
		}
	}
	m.t.Fatalf("no track of %s among %+v", mediaID, m.r.Tracks())
	return TrackInfo{}
}

// same checks that what was recorded is what was sent, byte for byte, and that
// the timestamps advance by step.
func same(t *testing.T, name string, got []segment.Frame, sent [][]byte, step uint32) {
	t.Helper()
	if len(got) != len(sent) {
		t.Errorf("%s: %d frames recorded, %d sent", name, len(got), len(sent))
		return
	}
	for i, f := range got {
		if !bytes.Equal(f.Payload, sent[i]) {
			t.Fatalf("%s: frame %d differs from what was sent", name, i)
		}
		// Rounding of 1/30 s may cost one tick of the 90 kHz clock.
		if i > 0 && f.RTP-got[i-1].RTP-step+1 > 2 {
			t.Fatalf("%s: frame %d is %d ticks after the last, want %d", name, i, f.RTP-got[i-1].RTP, step)
		}
	}
}

func TestWhatIsSentIsRecordedExactly(t *testing.T) {
	var first int64
	m := startMeeting(t, Options{FirstFrame: func(at int64) { first = at }})
	ann, bob := m.join("ann"), m.join("bob")
	clips := map[string]clip{"ann": makeClip(t, 6, 440), "bob": makeClip(t, 6, 660)}
	m.eval("answer()", nil)
	m.connected()
	before := time.Now()
	a, b := m.send(ann, clips["ann"]), m.send(bob, clips["bob"])
	<-a
	<-b
	until(t, "all frames", func() bool {
		act := m.r.Activity()
		return act.AudioFrames >= int64(2*len(clips["ann"].opus)) && act.VideoFrames >= int64(2*len(clips["ann"].vp8))
	})
	stats := m.stats()
	if stats.FramesDecoded > 20 || stats.FramesDecoded == 0 || stats.FramesDecoded != stats.KeyFramesDecoded {
		t.Errorf("%d frames decoded, %d of them keyframes; want a few keyframes", stats.FramesDecoded, stats.KeyFramesDecoded)
	}
	act := m.r.Activity()
	if act.Lost != 0 || act.Dropped != 0 || act.NeedsScreen || act.Connected != 1 {
		t.Errorf("activity %+v", act)
	}
	if act.LastSound.Before(before) || time.Since(act.LastFrame) > 20*time.Second {
		t.Errorf("a steady tone is not heard: %+v", act)
	}
	if err := m.r.Close(); err != nil {
		t.Fatal(err)
	}
	if first < before.UnixMicro()-1e6 || first > time.Now().UnixMicro() {
		t.Errorf("first frame at %d, sent after %d", first, before.UnixMicro())
	}
	for name, c := range clips {
		audio, video := m.trackOf(name+"-audio"), m.trackOf(name+"-video")
		if audio.StreamID != name || audio.Codec != "opus" || video.Codec != "VP8" || video.Kind != "video" || !audio.Ended {
			t.Errorf("%s: tracks %+v, %+v", name, audio, video)
		}
		got := recorded(t, m.folder, audio.ID)
		same(t, name+" audio", got, c.opus, 960)
		same(t, name+" video", recorded(t, m.folder, video.ID), c.vp8, 3000)
		checkArrivals(t, got, before)
		if files, _ := segment.List(m.folder, audio.ID); len(files) < 2 {
			t.Errorf("6 s of audio are in %d files, want one for every 4 s at most", len(files))
		}
	}
	checkJournal(t, m.folder)
}

// checkArrivals checks that the arrival is wall time, as exact as a loaded
// machine lets it be.
func checkArrivals(t *testing.T, frames []segment.Frame, from time.Time) {
	t.Helper()
	if len(frames) == 0 {
		return
	}
	for i, f := range frames {
		due := from.Add(time.Duration(i) * 20 * time.Millisecond)
		if d := time.UnixMicro(f.Arrival).Sub(due); d < -time.Second || d > 10*time.Second {
			t.Fatalf("frame %d arrived %s after it was due", i, d)
		}
	}
}

func checkJournal(t *testing.T, folder string) {
	t.Helper()
	entries, err := journal.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	var begun, ended []string
	pulses := 0
	for _, e := range entries {
		switch {
		case e.Track != nil && e.Track.Ended:
			ended = append(ended, e.Track.ID)
		case e.Track != nil:
			begun = append(begun, e.Track.ID)
			if e.Track.Source != "encoded" || e.Track.ClockRate == 0 || e.Track.MediaID == "" {
				t.Errorf("journal has track %+v", *e.Track)
			}
		case e.Pulse != nil:
			pulses++
			if e.Pulse.Bytes == 0 || e.Pulse.AudioFrames == 0 {
				t.Errorf("pulse %+v", *e.Pulse)
			}
		}
	}
	slices.Sort(ended)
	if want := []string{"t1", "t2", "t3", "t4"}; !slices.Equal(begun, want) || !slices.Equal(ended, want) {
		t.Errorf("tracks begun %v, ended %v, want %v", begun, ended, want)
	}
	if pulses == 0 {
		t.Error("no pulse in 6 s of media")
	}
}
