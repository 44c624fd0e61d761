package tracks

import (
	"testing"
	"time"

	"steno/internal/record/segment"
)

// What arrives in a pause is not written, also if it comes late; what belongs
// before or after it is, video from the next keyframe on.
func TestNothingOfAPauseIsOnDisk(t *testing.T) {
	folder := t.TempDir()
	r, _ := startRecorder(t, folder)
	audio, video := &receiver{format: control{Mime: "audio/opus", Source: "encoded"}}, &receiver{format: control{Mime: "video/VP8", Source: "encoded"}}
	take := func(rc *receiver, ms int64, key bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.take(rc, sample{arrival: ms * 1000, rtp: uint32(ms), key: key, level: 20, payload: []byte{byte(ms / 10)}})
	}
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	take(audio, 100, false)
	take(video, 100, true)
	take(video, 130, false)
	r.Pause(at(200), true)
	r.Pause(at(250), true)  // again: nothing new
	take(audio, 190, false) // on its way when the pause began
	take(audio, 200, false)
	take(audio, 300, false)
	take(video, 310, true)
	r.Pause(at(400), false)
	take(audio, 390, false) // said in the pause, came after it
	take(audio, 400, false)
	take(video, 410, false) // hangs on what is missing
	take(video, 440, true)
	take(video, 470, false)
	r.Pause(time.Time{}, true) // a later visit of a paused bot
	take(audio, 500, false)
	r.Pause(at(600), false)
	take(audio, 610, false)
	if a := r.Activity(); a.AudioFrames != 8 || a.VideoFrames != 6 || !a.LastFrame.Equal(at(610)) {
		t.Errorf("the activity forgets what is not written: %+v", a)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	arrivals := func(track string) (list []int64) {
		files, err := segment.List(folder, track)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			sr, err := segment.Open(f)
			if err != nil {
				t.Fatal(err)
			}
			for {
				fr, err := sr.Next()
				if err != nil {
					break
				}
				list = append(list, fr.Arrival/1000)
			}
			sr.Close()
		}
		return list
	}
	for track, want := range map[string][]int64{"t1": {100, 190, 400, 610}, "t2": {100, 130, 440, 470}} {
		got := arrivals(track)
		if len(got) != len(want) {
			t.Fatalf("%s: frames of %v, want %v", track, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: frames of %v, want %v", track, got, want)
			}
		}
	}
}
