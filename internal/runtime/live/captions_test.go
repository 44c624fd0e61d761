package live

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/runtime/session"
	"steno/lab"
	"steno/lab/media"
	simulator "steno/simulator/service"
	"steno/simulator/transcription"
)

// What people say is told live by the meeting's own captions: each sentence once,
// by who said it. A bot that is killed in the middle of one keeps what it had, and
// goes on.
func TestCaptionsAreToldLive(t *testing.T) {
	t.Parallel()
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) { s.Turns = nil })
	h.start()
	h.launch(func(s *bot.Spec) {
		s.Captions, s.LiveTranscript = true, &bot.LiveTranscript{Provider: bot.LiveCaptions, Partial: true}
	})
	var said []string
	say := func(who, clip string) string {
		t.Helper()
		if err := h.room.Say(who, clip); err != nil {
			t.Fatal(err)
		}
		said = append(said, who+": "+clips[clip].Text)
		return clips[clip].Text
	}
	h.untilState(bot.Recording)
	h.untilCaptions("Testing.")
	first := say("Ada Blue", "ada-1")
	h.untilCaption(say("Ben Red", "ben-1")) // at the same time
	h.untilCaption(first)

	begun := clips["ben-2"].Text[:12]
	say("Ben Red", "ben-2")
	said = said[:len(said)-1] // only its beginning
	h.until("the beginning of a sentence is on disk", func() bool { return strings.Contains(h.captionsOnDisk(), begun) })
	h.kill(session.ReadPID(h.folder()), unix.SIGKILL)
	kept := h.captionsOnDisk()
	kept = kept[strings.LastIndex(kept, begun):]
	kept, _, _ = strings.Cut(kept, "\n")
	h.untilGaps(1)
	h.untilCaptions("Back again.")
	h.untilCaption(say("Cora Green", "cora-1"))

	l := h.finish(bot.EndAPIRequest)
	if n := len(l.Partial); n == 0 || len(l.Partial[n-1]) > 0 {
		t.Errorf("what was being said: %+v", l.Partial)
	}
	for _, list := range l.Partial {
		for _, u := range list {
			if u.Speaker == "Ben Red" && strings.Contains(u.Text, begun) {
				begun = ""
			}
		}
	}
	if begun != "" {
		t.Errorf("%q was not told while it was said: %+v", begun, l.Partial)
	}
	text := ""
	for i, u := range l.Said {
		t.Logf("%d %s–%s %s (%d): %s", u.Seq, u.Start, u.End, u.Speaker, u.N, u.Text)
		text += u.Speaker + ": " + u.Text + "\n"
		if i > 0 && u.Seq <= l.Said[i-1].Seq || u.N == 0 || u.Language != "" || u.End < u.Start || u.Start <= 0 {
			t.Errorf("utterance: %+v", u)
		}
	}
	for _, want := range append(said, "Ben Red: "+kept) {
		who, sentence, _ := strings.Cut(want, ": ")
		if strings.Count(text, sentence) != 1 {
			t.Errorf("%q was told %d times", sentence, strings.Count(text, sentence))
		}
		if !slices.ContainsFunc(l.Said, func(u bot.Utterance) bool { return u.Speaker == who && strings.Contains(u.Text, sentence) }) {
			t.Errorf("%q is not told of %s", sentence, who)
		}
	}
}

// untilCaptions waits until the bot reads the page's captions.
func (h *host) untilCaptions(word string) {
	h.t.Helper()
	h.until("captions are read", func() bool {
		h.room.Caption("Cora Green", word)
		time.Sleep(300 * time.Millisecond)
		return strings.Contains(h.captionsOnDisk(), word)
	})
}

// untilCaption waits until something has been told live.
func (h *host) untilCaption(text string) {
	h.t.Helper()
	h.until(text, func() bool {
		return slices.ContainsFunc(h.book.Life(botID).Said, func(u bot.Utterance) bool { return strings.Contains(u.Text, text) })
	})
}

// captionsOnDisk are all entries of captions, a line each.
func (h *host) captionsOnDisk() string {
	var b strings.Builder
	for _, e := range h.journal() {
		if e.Caption != nil {
			b.WriteString(e.Caption.Text + "\n")
		}
	}
	return b.String()
}

// A streaming service hears each person apart. Its key reaches the bot's process, also
// the one that takes over, and stands in no file.
func TestServiceHearsPeopleLive(t *testing.T) {
	t.Parallel()
	const key = "key-of-the-service"
	service, err := transcription.Start(transcription.Options{
		Options: simulator.Options{Polite: true}, Service: "deepgram", Keys: []string{key}, Idle: time.Minute,
		LiveEar: func(pcm []int16, rate int) string {
			if c := media.Recognise(pcm, rate); c != nil {
				return c.Text
			}
			return ""
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) { s.Turns, s.Tracks = nil, lab.TracksOwn }) // which carry silence
	h.access = bot.LiveAccess{Key: key, URL: service.Address()}
	h.start()
	h.launch(func(s *bot.Spec) { s.LiveTranscript = &bot.LiveTranscript{Provider: bot.LiveDeepgram} })
	h.untilState(bot.Recording)
	h.untilRecorded(time.Second)
	said := func(who, clip string) {
		t.Helper()
		if err := h.room.Say(who, clip); err != nil {
			t.Fatal(err)
		}
		h.untilCaption(clips[clip].Text)
		l := h.book.Life(botID).Said
		if u := l[len(l)-1]; u.Speaker != who || u.N == 0 || u.Language != "en" || u.Start <= 0 || u.End <= u.Start {
			t.Errorf("utterance: %+v", u)
		}
	}
	said("Ada Blue", "ada-1")
	h.kill(session.ReadPID(h.folder()), unix.SIGKILL)
	h.untilGaps(1)
	h.untilRecorded(time.Second)
	said("Ben Red", "ben-1")
	for _, pattern := range []string{"bots/*/*", "bots/*/*/*"} {
		files, _ := filepath.Glob(filepath.Join(h.data, pattern))
		for _, f := range files {
			if b, _ := os.ReadFile(f); strings.Contains(string(b), key) {
				t.Errorf("the key stands in %s", f)
			}
		}
	}
	h.finish(bot.EndAPIRequest)
}
