package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/bot"
)

// What is said is told as it is said to those who asked for it, once, and kept for
// those who listen.
func TestUtterancesAreToldAndKept(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.listen(t, "red")
		for _, c := range []struct {
			name       string
			live       *bot.LiveTranscriptRequest
			kept, told int
		}{
			{"not asked for", nil, 0, 0},
			{"kept", &bot.LiveTranscriptRequest{}, 2, 0},
			{"kept and told", &bot.LiveTranscriptRequest{Webhook: true}, 2, 2},
		} {
			id := h.launched(t, "red", bot.Request{LiveTranscript: c.live})
			p := bot.Progress{Seq: 9, Utterances: []bot.Utterance{
				{Seq: 7, Speaker: "Ada", N: 2, Text: "<b>hi</b>", Language: "en", Start: 1500 * time.Millisecond, End: 2 * time.Second},
				{Seq: 9, Speaker: "Unknown", Text: "ho", Start: 3 * time.Second, End: 3 * time.Second},
			}}
			for range 2 { // a report may come twice
				if err := h.Apply(t.Context(), id, p); err != nil {
					t.Fatal(err)
				}
			}
			var told []string
			for _, body := range h.sent(t, "payload") {
				if strings.Contains(body, bot.EventTranscript) && strings.Contains(body, id) {
					told = append(told, body)
				}
			}
			if c.told > 0 && len(told) == c.told {
				data := func(utterance string) string {
					return fmt.Sprintf(`{"event":"bot.transcript","data":{"bot_id":"%s","event_id":null,"utterance":%s,"sent_at":"2026-03-01T12:00:00.000Z"},"extra":null}`, id, utterance)
				}
				if want := data(`{"id":7,"speaker":"Ada","speaker_id":2,"text":"<b>hi</b>","language":"en","start":1.5,"end":2}`); told[0] != want {
					t.Errorf("%s: told\n%s\nwant\n%s", c.name, told[0], want)
				}
				if want := data(`{"id":9,"speaker":"Unknown","speaker_id":null,"text":"ho","language":null,"start":3,"end":3}`); told[1] != want {
					t.Errorf("%s: told\n%s\nwant\n%s", c.name, told[1], want)
				}
			}
			talk, err := h.Talk(t.Context(), "red", id, 0)
			if err != nil || len(talk.Said) != c.kept || len(told) != c.told || talk.Over != "" {
				t.Errorf("%s: kept %d, told %d, over %q, %v", c.name, len(talk.Said), len(told), talk.Over, err)
			}
			if after, err := h.Talk(t.Context(), "red", id, 7); err != nil || len(after.Said) != max(0, c.kept-1) {
				t.Errorf("%s: after the first: %+v, %v", c.name, after, err)
			}
			if _, err := h.Talk(t.Context(), "blue", id, 0); err == nil {
				t.Errorf("%s: another team hears it", c.name)
			}
		}
	})
}

// What is being said is there for those who asked for it until something else is,
// or nothing; when the bot has ended there is none.
func TestWhatIsBeingSaid(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		one := []bot.Utterance{{Seq: 4, Speaker: "Ada", N: 1, Text: "we", Start: time.Second, End: 2 * time.Second}}
		two := []bot.Utterance{{Seq: 6, Speaker: "Ada", N: 1, Text: "we should", Start: time.Second, End: 3 * time.Second}, {Seq: 5, Speaker: "Ben", Text: "no", Start: 2 * time.Second}}
		for _, c := range []struct {
			live *bot.LiveTranscriptRequest
			told bool
		}{{nil, false}, {&bot.LiveTranscriptRequest{}, false}, {&bot.LiveTranscriptRequest{Partial: true}, true}} {
			id := h.launched(t, "red", bot.Request{LiveTranscript: c.live})
			for i, step := range []struct{ p, want []bot.Utterance }{{one, one}, {nil, one}, {two, two}, {[]bot.Utterance{}, []bot.Utterance{}}, {two, two}} {
				if err := h.Apply(t.Context(), id, bot.Progress{Seq: int64(10 + i), Partial: step.p}); err != nil {
					t.Fatal(err)
				}
				if !c.told {
					step.want = nil
				}
				talk, err := h.Talk(t.Context(), "red", id, 0)
				if diff := cmp.Diff(step.want, talk.Partial); err != nil || diff != "" {
					t.Errorf("%+v, step %d: %v %s", c.live, i, err, diff)
				}
			}
			done := bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: h.Clock.Now()}
			if err := h.Apply(t.Context(), id, bot.Progress{Seq: 20, Done: &done}); err != nil {
				t.Fatal(err)
			}
			if talk, err := h.Talk(t.Context(), "red", id, 0); err != nil || talk.Partial != nil || talk.Over == "" {
				t.Errorf("%+v: when it has ended: %+v, %v", c.live, talk, err)
			}
		}
	})
}
