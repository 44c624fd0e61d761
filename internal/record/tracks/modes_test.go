package tracks

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

// Whoever offers: no video is received at all, and the audio is complete.
func TestAudioOnlyReceivesNoVideo(t *testing.T) {
	c := makeClip(t, 3, 440)
	for name, negotiate := range map[string]string{
		"the other side offers": "answer()",
		"the page offers":       "offer(1)",
		"the page offers in the old way": `(async () => {
			await pc.setLocalDescription(await pc.createOffer({offerToReceiveAudio: true, offerToReceiveVideo: true}));
			await gathered();
			await pc.setRemoteDescription(await post('/offered', pc.localDescription));
		})()`,
		"the page writes its own answer": `(async () => {
			await pc.setRemoteDescription(await post('/offer', {}));
			const a = await pc.createAnswer();
			await pc.setLocalDescription({type: 'answer', sdp: a.sdp.replace(/a=inactive/g, 'a=recvonly')});
			await gathered();
			await post('/answer', pc.localDescription);
		})()`,
	} {
		t.Run(name, func(t *testing.T) {
			m := startMeeting(t, Options{AudioOnly: true})
			ann := m.join("ann")
			m.eval(negotiate, nil)
			m.connected()
			<-m.send(ann, c)
			until(t, "all audio", func() bool { return m.r.Activity().AudioFrames >= int64(len(c.opus)) })
			if s := m.stats(); s.VideoBytes != 0 || s.FramesDecoded != 0 {
				t.Errorf("video came: %+v", s)
			}
			if a := m.r.Activity(); a.VideoFrames != 0 || a.NeedsScreen {
				t.Errorf("activity %+v", a)
			}
			infos := m.r.Tracks()
			if len(infos) != 1 || infos[0].Kind != "audio" {
				t.Fatalf("tracks %+v, want one of audio", infos)
			}
			m.r.Close()
			same(t, "audio", recorded(t, m.folder, infos[0].ID), c.opus, 960)
		})
	}
}

// An SFU negotiates again and again, and a page may look at the same receiver
// each time; every receiver is tapped once and nothing is lost in between.
func TestTapOutlivesRenegotiation(t *testing.T) {
	m := startMeeting(t, Options{})
	c := makeClip(t, 6, 440)
	ann := m.join("ann")
	m.eval("answer()", nil)
	m.connected()
	done := m.send(ann, c)
	until(t, "ann's frames", func() bool { return m.r.Activity().AudioFrames > 20 })
	bob := m.join("bob")
	m.eval("answer()", nil)
	bobDone := m.send(bob, c)
	for range 3 {
		m.eval("answer()", nil)
		// What some SFUs make the browser do.
		m.eval(`pc.getReceivers().forEach(receiver => pc.dispatchEvent(new RTCTrackEvent('track',
			{receiver, track: receiver.track, streams: [], transceiver: pc.getTransceivers().find(t => t.receiver === receiver)})))`, nil)
	}
	<-done
	<-bobDone
	until(t, "all frames", func() bool {
		a := m.r.Activity()
		return a.AudioFrames >= int64(2*len(c.opus)) && a.VideoFrames >= int64(2*len(c.vp8))
	})
	m.r.Close()
	var audio, video []segment.Frame
	for _, i := range m.r.Tracks() {
		if i.MediaID == "ann-audio" {
			audio = append(audio, recorded(t, m.folder, i.ID)...)
		}
		if i.MediaID == "ann-video" {
			video = append(video, recorded(t, m.folder, i.ID)...)
		}
	}
	same(t, "ann's audio", audio, c.opus, 960)
	same(t, "ann's video", video, c.vp8, 3000)
}

// A receiver that hands out nothing encoded: its audio is taken decoded, and
// the video is reported as lost to this engine.
func TestFallsBackToDecodedAudio(t *testing.T) {
	cases := map[string]string{
		"browser without transforms": `delete window.RTCRtpScriptTransform`,
		"transform that stays silent": `window.RTCRtpScriptTransform = new Proxy(RTCRtpScriptTransform, {
			construct: (target, [worker, options]) => new target(
				options.passOn ? worker : new Worker(URL.createObjectURL(new Blob(['onrtctransform = () => {}']))), options)})`,
	}
	for name, script := range cases {
		t.Run(name, func(t *testing.T) {
			m := startMeeting(t, Options{Fallback: time.Second}, script)
			ann := m.join("ann")
			m.eval("answer()", nil)
			m.connected()
			c := makeClip(t, 12, 1000)
			started := time.Now()
			m.send(ann, c)
			until(t, "decoded sound", func() bool {
				return !m.r.Activity().LastSound.IsZero() && m.r.Activity().AudioFrames > 200
			})
			until(t, "the screen engine to be asked for", func() bool { return m.r.Activity().NeedsScreen })
			m.r.Close()
			track := m.trackOf("ann-audio")
			if track.Source != "decoded" || track.Codec != "pcm" {
				t.Fatalf("track %+v", track)
			}
			checkDecoded(t, m.folder, track.ID, started)
		})
	}
}

// checkDecoded finds the tone of 1 kHz in the samples, on a clock that is that
// of the arrivals.
func checkDecoded(t *testing.T, folder, track string, started time.Time) {
	t.Helper()
	entries, err := journal.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	var e journal.Track
	var notes []string
	for _, x := range entries {
		if x.Track != nil && x.Track.ID == track {
			e = *x.Track
		}
		if x.Note != nil {
			notes = append(notes, x.Note.Text)
		}
	}
	if e.Source != "decoded" || e.Codec != "pcm" || e.ClockRate < 8000 || e.Channels < 1 {
		t.Fatalf("journal has %+v", e)
	}
	if !strings.Contains(strings.Join(notes, "\n"), "ann-audio") {
		t.Errorf("no note of the rung taken: %q", notes)
	}
	frames := recorded(t, folder, track)
	first, last := frames[0], frames[len(frames)-1]
	span := float64(last.RTP-first.RTP) / float64(e.ClockRate)
	real := float64(last.Arrival-first.Arrival) / 1e6
	if math.Abs(span-real) > 0.3 {
		t.Errorf("samples span %.2f s, their arrival %.2f s", span, real)
	}
	if at := time.UnixMicro(first.Arrival); at.Before(started.Add(-time.Second)) || at.After(time.Now()) {
		t.Errorf("first arrival %s", at)
	}
	var pcm bytes.Buffer
	for _, f := range frames[len(frames)/2:] {
		pcm.Write(f.Payload)
	}
	if hz := crossings(pcm.Bytes(), e.Channels, e.ClockRate); hz < 950 || hz > 1050 {
		t.Errorf("tone of %.0f Hz recorded, want 1000", hz)
	}
}

// crossings measures the frequency of a tone in the first channel.
func crossings(pcm []byte, channels, rate int) float64 {
	var n, up int
	var before int16
	for i := 0; i+2*channels <= len(pcm); i += 2 * channels {
		v := int16(binary.LittleEndian.Uint16(pcm[i:]))
		if before < 0 && v >= 0 {
			up++
		}
		before = v
		n++
	}
	return float64(up) * float64(rate) / float64(n)
}

// End-to-end encryption in the page itself: it gets its frames, and what the
// page decodes is recorded.
func TestPageThatTakesItsFramesGetsThem(t *testing.T) {
	m := startMeeting(t, Options{})
	ann := m.join("ann")
	m.eval(`(() => {
		window.pageFrames = 0;
		const w = new Worker(URL.createObjectURL(new Blob([
			'onrtctransform = async e => { const r = e.transformer.readable.getReader(), w = e.transformer.writable.getWriter(); for (;;) { const {value, done} = await r.read(); if (done) return; postMessage(1); w.write(value) } }'])));
		w.onmessage = () => window.pageFrames++;
		pc.addEventListener('track', e => { if (e.track.kind === 'audio') e.receiver.transform = new RTCRtpScriptTransform(w, {}) });
	})()`, nil)
	m.eval("answer()", nil)
	m.connected()
	m.send(ann, makeClip(t, 10, 1000))
	until(t, "decoded sound", func() bool {
		a := m.r.Activity()
		return !a.LastSound.IsZero() && a.AudioFrames > 50
	})
	var frames int
	m.eval("pageFrames", &frames)
	if frames == 0 {
		t.Error("the page got no frames")
	}
	if track := m.trackOf("ann-audio"); track.Source != "decoded" {
		t.Errorf("track %+v", track)
	}
}

// The page must not notice that nothing is played.
func TestQuietPlaybackLooksLikePlayback(t *testing.T) {
	m := startMeeting(t, Options{})
	ann := m.join("ann")
	m.eval("answer()", nil)
	m.connected()
	m.send(ann, makeClip(t, 6, 440))
	until(t, "frames", func() bool { return m.r.Activity().VideoFrames > 10 })
	var got struct {
		Same, Playing bool
		Tracks, Late  int
		Width         int
	}
	m.eval(`(async () => {
		const audio = document.querySelector('audio'), video = document.querySelector('video');
		const own = new MediaStream(audio.srcObject.getTracks());
		const both = document.createElement('video');
		both.srcObject = own;
		own.addTrack(video.srcObject.getVideoTracks()[0]);
		await audio.play();
		await both.play();
		while (!video.videoWidth || !both.videoWidth) await new Promise(r => setTimeout(r, 50));
		return {same: both.srcObject === own, playing: !audio.paused && !both.paused && audio.readyState === 4,
			tracks: audio.srcObject.getAudioTracks().length, late: both.srcObject.getTracks().length, width: video.videoWidth};
	})()`, &got)
	if !got.Same || !got.Playing || got.Tracks != 1 || got.Late != 2 || got.Width != 640 {
		t.Errorf("the page sees %+v", got)
	}
}
