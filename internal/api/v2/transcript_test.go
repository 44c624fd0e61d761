package v2_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v2 "steno/internal/api/v2"
	"steno/internal/bot"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// listener is a client of a bot's live transcript.
type listener struct {
	t    *testing.T
	resp *http.Response
	r    *bufio.Reader
	last string // id of the last utterance
}

func (s *stand) listen(t *testing.T, id, last string) *listener {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v2/bots/"+id+"/transcript/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(v2.KeyHeader, s.key)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("status %d, %s", resp.StatusCode, got)
	}
	return &listener{t: t, resp: resp, r: bufio.NewReader(resp.Body), last: last}
}

// next returns the next event as "name data"; "" when the server has ended the
// stream.
func (l *listener) next() string {
	l.t.Helper()
	name, data := "", ""
	for {
		line, err := l.r.ReadString('\n')
		if err == io.EOF {
			return ""
		}
		if err != nil {
			l.t.Fatal(err)
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "event":
			name = value
		case "data":
			data = value
		case "id":
			l.last = value
		case "":
			if name != "" {
				return name + " " + data
			}
		}
	}
}

func said(seq int64, speaker, text string) bot.Utterance {
	return bot.Utterance{Seq: seq, Speaker: speaker, N: 1, Text: text, Language: "en", Start: time.Duration(seq) * time.Second, End: time.Duration(seq)*time.Second + 1500*time.Millisecond}
}

// A client hears what was said before it came and what is said then; one that was
// cut off goes on where it was, at another server, too. Nothing is lost or comes
// twice, and the end is told.
func TestTranscriptIsStreamed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		id := s.create(t, minimal[:len(minimal)-1]+`,"live_transcript":{"webhook":true}}`)
		if _, err := s.bots.Launch(t.Context(), id, "host"); err != nil {
			t.Fatal(err)
		}
		seq := int64(0)
		say := func(texts ...string) {
			t.Helper()
			p := bot.Progress{}
			for _, text := range texts {
				seq += 3
				p.Utterances = append(p.Utterances, said(seq, "Ada", text))
			}
			p.Seq = seq
			for range 2 { // a report may come twice
				if err := s.bots.Apply(t.Context(), id, p); err != nil {
					t.Fatal(err)
				}
			}
		}
		say("one", "two")
		first := s.listen(t, id, "")
		if got := first.next(); got != `utterance {"id":3,"speaker":"Ada","speaker_id":1,"text":"one","language":"en","start":3,"end":4.5}` {
			t.Errorf("first: %s", got)
		}
		var heard []string
		listen := func(l *listener, n int) {
			t.Helper()
			for range n {
				_, text, _ := strings.Cut(l.next(), `"text":"`)
				text, _, _ = strings.Cut(text, `"`)
				heard = append(heard, text)
			}
		}
		listen(first, 1)
		say("three")
		listen(first, 1)
		first.resp.Body.Close() // the connection is cut
		say("four", "five")
		second := s.listen(t, id, first.last)
		listen(second, 2)
		say("six")
		at := s.now.Add(time.Minute)
		err := s.bots.Apply(t.Context(), id, bot.Progress{
			Seq: seq + 3, Utterances: []bot.Utterance{said(seq+3, "Ada", "seven")},
			Transitions: []bot.Transition{{Status: bot.Recording, At: at}}, Done: &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: at},
		})
		if err != nil {
			t.Fatal(err)
		}
		listen(second, 2)
		if got := fmt.Sprint(heard); got != "[two three four five six seven]" {
			t.Errorf("heard %s", got)
		}
		if got := second.next(); got != `end {"bot_id":"`+id+`","status":"completed"}` {
			t.Errorf("end: %s", got)
		}
		if got := second.next(); got != "" {
			t.Errorf("after the end: %s", got)
		}
		if got := s.listen(t, id, second.last).next(); !strings.HasPrefix(got, "end ") {
			t.Errorf("to one who has all: %s", got)
		}

		if r := s.call(t, s.key, "DELETE", "/v2/bots/"+id+"/delete-data", ""); r.status != http.StatusOK {
			t.Fatalf("delete: %d %s", r.status, r.body)
		}
		if got := s.listen(t, id, "").next(); !strings.HasPrefix(got, "end ") {
			t.Errorf("after the data were deleted: %s", got)
		}
	})
}

// What is being said is told whenever it has changed, to those whose bots tell of it.
func TestWhatIsBeingSaidIsStreamed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		id := s.create(t, minimal[:len(minimal)-1]+`,"live_transcript":{"partial":true}}`)
		if _, err := s.bots.Launch(t.Context(), id, "host"); err != nil {
			t.Fatal(err)
		}
		seq := int64(0)
		report := func(p bot.Progress) {
			t.Helper()
			seq++
			p.Seq = seq
			if err := s.bots.Apply(t.Context(), id, p); err != nil {
				t.Fatal(err)
			}
		}
		l := s.listen(t, id, "")
		want := func(events ...string) {
			t.Helper()
			for _, e := range events {
				if got := l.next(); got != e {
					t.Errorf("got %s, want %s", got, e)
				}
			}
		}
		report(bot.Progress{Partial: []bot.Utterance{said(1, "Ada", "we sh")}})
		want(`partial {"utterances":[{"speaker":"Ada","speaker_id":1,"text":"we sh","language":"en","start":1,"end":2.5}]}`)
		report(bot.Progress{}) // which changes nothing
		report(bot.Progress{Partial: []bot.Utterance{}, Utterances: []bot.Utterance{said(3, "Ada", "We should.")}})
		want(`utterance {"id":3,"speaker":"Ada","speaker_id":1,"text":"We should.","language":"en","start":3,"end":4.5}`, `partial {"utterances":[]}`)
		report(bot.Progress{Partial: []bot.Utterance{said(4, "Ada", "But")}})
		l.next()

		late := s.listen(t, id, "3")
		if got := late.next(); !strings.Contains(got, `"But"`) {
			t.Errorf("to one who came later: %s", got)
		}
		report(bot.Progress{Done: &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: s.now}})
		want(`end {"bot_id":"` + id + `","status":"completed"}`)
		if r := s.call(t, s.key, "DELETE", "/v2/bots/"+id+"/delete-data", ""); r.status != http.StatusOK {
			t.Fatalf("delete: %d %s", r.status, r.body)
		}
		var kept int
		if err := db.Read(t.Context(), func(q store.Querier) error {
			return q.QueryRow(t.Context(), "SELECT COUNT(*) FROM bot_partials").Scan(&kept)
		}); err != nil || kept != 0 {
			t.Errorf("%d lists are kept behind the bot's data, %v", kept, err)
		}
	})
}

// What is no stream is refused in the surface's words.
func TestStreamsThatThereAreNot(t *testing.T) {
	t.Parallel()
	s := newStand(t, storetest.SQLite(t))
	without := s.create(t, minimal)
	with := s.create(t, minimal[:len(minimal)-1]+`,"live_transcript":{}}`)
	for _, c := range []struct {
		name, id, last string
		status         int
		code           string
	}{
		{"no such bot", "00000000-0000-0000-0000-000000000000", "", 404, bot.CodeNotFound},
		{"no id", "x", "", 400, bot.CodeValidation},
		{"no live transcript", without, "", 409, bot.CodeNoLive},
		{"an id that is none", with, "abc", 400, bot.CodeValidation},
		{"an id below all", with, "-1", 400, bot.CodeValidation},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v2/bots/"+c.id+"/transcript/stream", nil)
		r.Header.Set(v2.KeyHeader, s.key)
		r.Header.Set("Last-Event-ID", c.last)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(body), c.code) {
			t.Errorf("%s: %d %s", c.name, resp.StatusCode, body)
		}
	}
	for _, live := range []string{`{"provider":"gladia"}`, `{"provider":"deepgram"}`, `{"webhook":"yes"}`, `[]`, `{"provider":"deepgram","api_key":"` + strings.Repeat("k", 4097) + `"}`} {
		for _, path := range []string{"/v2/bots", "/v2/bots/scheduled"} {
			body := minimal[:len(minimal)-1] + `,"join_at":"2026-03-01T14:00:00Z","live_transcript":` + live + `}`
			if r := s.call(t, s.key, "POST", path, body); r.status != http.StatusBadRequest {
				t.Errorf("%s %.60s: %d %s", path, live, r.status, r.body)
			}
		}
	}
	made := s.create(t, minimal[:len(minimal)-1]+`,"live_transcript":{"provider":"assemblyai","api_key":"canary-key"}}`)
	if r := s.call(t, s.key, "GET", "/v2/bots/"+made, ""); strings.Contains(r.body, "canary") {
		t.Errorf("a key is returned: %s", r.body)
	}
}
