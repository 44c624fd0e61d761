package stream

import (
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/clock"
	"steno/internal/record/tracks"
	"steno/lab/media"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

// hearing is a pair of ears and the service that they give what they hear to.
type hearing struct {
	*Ears
	t       *testing.T
	service *transcription.Server

	mu    sync.Mutex
	said  []Heard
	notes []string
	now   time.Time // the ears' clock: it goes on with the audio
}

func hears(t *testing.T, name, key string) *hearing {
	t.Helper()
	return hearsBy(t, EarsOptions{Service: name, Key: key}, transcription.Options{LiveEar: func(pcm []int16, rate int) string {
		if c := media.Recognise(pcm, rate); c != nil {
			return c.Text
		}
		return ""
	}})
}

func hearsBy(t *testing.T, o EarsOptions, by transcription.Options) *hearing {
	t.Helper()
	h := &hearing{t: t, now: time.Now()}
	by.Options, by.Service, by.Idle = service.Options{Polite: true}, o.Service, 5*time.Minute
	var err error
	if h.service, err = transcription.Start(by); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.service.Close)
	o.URL, o.Clock = h.service.Address(), clock.Func(func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now })
	o.Note = func(text string) { h.mu.Lock(); h.notes = append(h.notes, text); h.mu.Unlock() }
	o.Heard = func(x Heard) { h.mu.Lock(); h.said = append(h.said, x); h.mu.Unlock() }
	if h.Ears, err = NewEars(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// say plays clips on tracks, all at once, with some silence around them, and
// returns when they began. then is called in the middle.
func (h *hearing) say(clips map[string]string, then func()) time.Time {
	lines, most := map[string][][]byte{}, 0
	for track, name := range clips {
		lines[track] = append(make([][]byte, 10), spoken(name)...)
		most = max(most, len(lines[track])+40)
	}
	h.mu.Lock()
	began := h.now.Add(200 * time.Millisecond)
	h.mu.Unlock()
	for i := range most {
		if i == most/2 && then != nil {
			then()
		}
		for track, line := range lines {
			pcm := make([]byte, 2*960)
			if i < len(line) && line[i] != nil {
				pcm = line[i]
			}
			h.Hear(tracks.Sound{Track: track, Codec: "pcm", ClockRate: 48000, Channels: 1, RTP: uint32(i * 960), Payload: pcm})
		}
		h.wait(20 * time.Millisecond)
	}
	return began
}

// wait lets the clock go on when all is taken that was heard until now.
func (h *hearing) wait(d time.Duration) {
	h.until("what is heard is taken", func() bool { return len(h.heard) == 0 })
	h.mu.Lock()
	h.now = h.now.Add(d)
	h.mu.Unlock()
}

var (
	decoding sync.Mutex
	decoded  = map[string][][]byte{}
)

// spoken is a clip as packets of sound. It is decoded once: that takes longer than
// to speak it when the race detector looks on.
func spoken(name string) [][]byte {
	if name == "" {
		return nil
	}
	decoding.Lock()
	defer decoding.Unlock()
	if decoded[name] == nil {
		clips, _ := media.Clips()
		t := &track{codec: "opus"}
		for _, p := range clips[name].Packets {
			samples := t.opus(p)
			pcm := make([]int16, len(samples))
			for i, v := range samples {
				pcm[i] = int16(max(-32768, min(32767, v*32767)))
			}
			decoded[name] = append(decoded[name], bytesOf(pcm))
		}
	}
	return decoded[name]
}

func (h *hearing) heardOf(track string) (text string, from time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.said {
		if x.Track == track {
			if text += x.Text + " "; from.IsZero() {
				from = x.From
			}
		}
	}
	return strings.TrimSpace(text), from
}

func (h *hearing) until(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.t.Fatalf("never: %s; said %+v, notes %q", what, h.said, h.notes)
		}
	}
}

// Two people who talk at once are heard apart, at their times; who is silent has no
// connection; one that breaks is opened again, and nothing is heard twice.
func TestPeopleAreHeardApart(t *testing.T) {
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range EarServices {
		for _, c := range []struct {
			name string
			then func(h *hearing)
		}{{"as it should be", nil}, {"the connections break", func(h *hearing) { h.service.Cut() }}} {
			t.Run(name+", "+c.name, func(t *testing.T) {
				t.Parallel()
				h := hears(t, name, transcription.Key)
				var then func()
				if c.then != nil {
					then = func() {
						h.until("both are connected", func() bool { return h.service.Streaming() == 2 })
						c.then(h)
					}
				}
				began := h.say(map[string]string{"t1": "ada-1", "t2": "ben-1", "t3": ""}, then)
				h.wait(10 * time.Second)
				for track, want := range map[string]struct {
					text string
					from time.Time
				}{"t1": {clips["ada-1"].Text, began}, "t2": {clips["ben-1"].Text, began}} {
					h.until(want.text, func() bool { text, _ := h.heardOf(track); return text == want.text })
					_, from := h.heardOf(track)
					if off := from.Sub(want.from); off.Abs() > time.Second {
						t.Errorf("%s was heard %s after it began", track, off)
					}
				}
				most := 2
				if c.then != nil {
					most = 4
				}
				h.until("no connection while all are silent", func() bool { return h.service.Streaming() == 0 })
				if n := h.service.Sessions(); n < 2 || n > most {
					t.Errorf("%d connections", n)
				}
				if text, _ := h.heardOf("t3"); text != "" {
					t.Errorf("heard %q in silence", text)
				}
			})
		}
	}
}

// A sentence that goes on is told, and replaced by what it became.
func TestSentencesAreToldWhileTheyGoOn(t *testing.T) {
	for _, name := range EarServices {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hearsBy(t, EarsOptions{Service: name, Key: transcription.Key, Partial: true}, transcription.Options{Script: "one two three four five six seven eight nine ten eleven twelve thirteen"})
			h.say(map[string]string{"t1": "ada-1"}, nil)
			h.wait(10 * time.Second)
			h.until("it is told, and that it goes on no more", func() bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				n := len(h.said)
				return n > 0 && !h.said[n-1].Partial
			})
			h.mu.Lock()
			defer h.mu.Unlock()
			last := h.said[len(h.said)-1]
			if len(h.said) < 2 {
				t.Errorf("told %+v", h.said)
			}
			bare := func(text string) string { return strings.ToLower(strings.TrimRight(text, ".")) }
			for _, x := range h.said[:len(h.said)-1] {
				if !x.Partial || x.Text == "" || !strings.HasPrefix(bare(last.Text), bare(x.Text)) || x.From.Sub(last.From).Abs() > 100*time.Millisecond {
					t.Errorf("told %+v, and then %+v", x, last)
				}
			}
		})
	}
}

// A key that is refused is told once, and not tried for each word. The last words
// before the end are heard.
func TestRefusedAndLastWords(t *testing.T) {
	for _, name := range EarServices {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hears(t, name, "wrong")
			h.say(map[string]string{"t1": "ada-2", "t2": "ben-2"}, nil)
			h.wait(10 * time.Second)
			h.say(map[string]string{"t1": "ben-2"}, nil)
			h.until("the refusal is told", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.notes) == 1 })
			h.Close()
			h.Close()
			if h.mu.Lock(); len(h.notes) != 1 || !strings.Contains(h.notes[0], "refuses") || strings.Contains(h.notes[0], "wrong") || len(h.said) > 0 {
				t.Errorf("notes %q, said %+v", h.notes, h.said)
			}
			h.mu.Unlock()

			h = hears(t, name, transcription.Key)
			h.say(map[string]string{"t1": "ada-3"}, nil)
			h.Close()
			if text, _ := h.heardOf("t1"); text == "" {
				t.Error("the last words were lost")
			}
		})
	}
}
