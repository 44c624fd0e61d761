package transcript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var head = Head{BotID: "b1", Provider: "gladia", CreatedAt: time.Date(2026, 11, 25, 9, 0, 0, 5e6, time.UTC)}

func word(text string, from, to time.Duration) Word {
	return Word{Text: text, Start: from, End: to, Confidence: 0.75, Language: "en", Voice: -1}
}

// two people, one of whom has a name that is not easy to write.
func small() []Track {
	return []Track{
		{Source: Source{Channel: 0, Speaker: "Ada Lovelace"}, Chunks: heard(
			Heard{Clock: Clock{{0, 10 * time.Second, 20 * time.Second}}, Words: []Word{word("Good", 100*ms, 300*ms), word("morning.", 350*ms, 800*ms)}})},
		{Source: Source{Channel: 1, Speaker: "<b>Bob\n& Co"}, Chunks: heard(
			Heard{Clock: Clock{{0, 11 * time.Second, 20 * time.Second}}, Words: []Word{word("a", 1*time.Second, 1100*ms), word("-->", 1200*ms, 1300*ms), word("b\n\nc", 1400*ms, 1500*ms)}})},
	}
}

func write(t *testing.T, make func(io.Writer) Sink, tracks []Track) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := Merge(tracks, Meeting{Length: 30 * time.Second}, make(&b)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTranscriptionIsWrittenAsTheContractHasIt(t *testing.T) {
	got := write(t, func(w io.Writer) Sink { return NewProcessed(w, head) }, small())
	want := `{"bot_id":"b1","provider":"gladia","created_at":"2026-11-25T09:00:00.005Z","result":{
		"utterances":[
			{"text":"Good morning.","language":"en","start":10.1,"end":10.8,"confidence":0.75,"channel":0,"speaker":"Ada Lovelace","words":[
				{"word":"Good","start":10.1,"end":10.3,"confidence":0.75},{"word":"morning.","start":10.35,"end":10.8,"confidence":0.75}]},
			{"text":"a --> b\n\nc","language":"en","start":12,"end":12.5,"confidence":0.75,"channel":1,"speaker":"<b>Bob\n& Co","words":[
				{"word":"a","start":12,"end":12.1,"confidence":0.75},{"word":"-->","start":12.2,"end":12.3,"confidence":0.75},{"word":"b\n\nc","start":12.4,"end":12.5,"confidence":0.75}]}],
		"languages":["en"],"total_utterances":2,"total_duration":30}}`
	same(t, got, want)
	none := write(t, func(w io.Writer) Sink { return NewProcessed(w, head) }, nil)
	same(t, none, `{"bot_id":"b1","provider":"gladia","created_at":"2026-11-25T09:00:00.005Z","result":{"utterances":[],"languages":[],"total_utterances":0,"total_duration":30}}`)
}

func same(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%v in\n%s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b, a); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestRawTranscriptionHoldsEachAnswerAsItCame(t *testing.T) {
	var b bytes.Buffer
	r := NewRaw(&b, head)
	for _, c := range []struct {
		s   Source
		raw string
	}{{Source{Speaker: "Ada", Channel: 2}, `{"metadata":{"audio_duration":4.5},"transcription":{"utterances":[{"speaker":0}]},"strange":[1]}`}, {Source{}, ` { } `}} {
		if err := r.Put(c.s, Clock{{0, time.Second, 3 * time.Second}}, json.RawMessage(c.raw)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Put(Source{}, nil, json.RawMessage(`[]`)); err == nil {
		t.Error("an answer that is no object was taken")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, b.String(), `{"bot_id":"b1","created_at":"2026-11-25T09:00:00.005Z","transcriptions":[
		{"source":{"channel":2,"speaker":"Ada","pieces":[{"at":0,"from":1,"to":3}]},"metadata":{"audio_duration":4.5},"transcription":{"utterances":[{"speaker":0}]},"strange":[1]},
		{"source":{"channel":0,"speaker":null,"pieces":[{"at":0,"from":1,"to":3}]}}]}`)
}

func TestAnswersOfOtherServicesAreToldInTheFormOfTheContract(t *testing.T) {
	hello, yes := word("Hello.", 0, 400*ms), word("Yes.", 2*time.Second, 2200*ms)
	yes.Voice = 1
	raw, err := RawOf(Result{Words: []Word{hello, yes}, Languages: []string{"en"}, Duration: 3 * time.Second}, 500*ms, json.RawMessage(`{"id":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, string(raw), `{"metadata":{"audio_duration":3,"number_of_distinct_channels":1,"billing_time":3,"transcription_time":0.5},
		"transcription":{"full_transcript":"Hello. Yes.","languages":["en"],"utterances":[
			{"text":"Hello.","language":"en","start":0,"end":0.4,"confidence":0.75,"channel":0,"speaker":0,"words":[{"word":"Hello.","start":0,"end":0.4,"confidence":0.75}]},
			{"text":"Yes.","language":"en","start":2,"end":2.2,"confidence":0.75,"channel":0,"speaker":1,"words":[{"word":"Yes.","start":2,"end":2.2,"confidence":0.75}]}]},
		"payload":{"id":"x"}}`)
}

func TestSubtitlesCannotBeBrokenByWhatIsSaid(t *testing.T) {
	for name, tc := range map[string]struct {
		make func(io.Writer) Sink
		want string
	}{
		"WebVTT": {NewVTT, "WEBVTT\n\n00:00:10.100 --> 00:00:10.800\n<v Ada Lovelace>Good morning.</v>\n\n00:00:12.000 --> 00:00:12.500\n<v &lt;b&gt;Bob &amp; Co>a --&gt; b c</v>\n"},
		"SRT":    {NewSRT, "1\n00:00:10,100 --> 00:00:10,800\nAda Lovelace: Good morning.\n\n2\n00:00:12,000 --> 00:00:12,500\n<b>Bob & Co: a --> b c\n\n"},
		"text":   {NewText, "[00:00:10] Ada Lovelace: Good morning.\n\n[00:00:12] <b>Bob & Co: a --> b c\n"},
	} {
		if got := write(t, tc.make, small()); got != tc.want {
			t.Errorf("%s:\n%q\nwant\n%q", name, got, tc.want)
		}
	}
	if got := write(t, NewVTT, nil); got != "WEBVTT\n" {
		t.Errorf("an empty WebVTT is %q", got)
	}
}

func TestLongUtterancesAreShownInParts(t *testing.T) {
	h := Heard{}
	for i := range 60 {
		at := time.Duration(i) * 400 * ms
		h.Words = append(h.Words, word(fmt.Sprintf("word%02d", i), at, at+300*ms))
	}
	got := write(t, NewVTT, []Track{{Source: Source{Speaker: "Ada"}, Chunks: heard(h)}})
	if n := strings.Count(got, "-->"); n < 5 {
		t.Errorf("%d cues for 24 seconds of talk:\n%s", n, got)
	}
	for i := range 60 {
		if strings.Count(got, fmt.Sprintf("word%02d", i)) != 1 {
			t.Errorf("word %d is not shown once", i)
		}
	}
}

func TestWordsOfScriptsWithoutSpacesAreNotTornApart(t *testing.T) {
	u := Utterance{Words: []Word{{Text: "今日は"}, {Text: "元気"}, {Text: "です。"}, {Text: "OK?"}, {Text: "はい"}}}
	if got := u.Text(); got != "今日は元気です。 OK? はい" {
		t.Errorf("the text is %q", got)
	}
}

// A meeting of four hours in which eight people talk all the time is written in
// all forms within 100 MB.
func TestMemoryOfALongMeetingIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	var tracks []Track
	for who := range 8 {
		tracks = append(tracks, Track{Source: Source{Channel: who, Speaker: fmt.Sprint("Person ", who)}, Chunks: func(yield func(Heard, error) bool) {
			rng := rand.New(rand.NewPCG(uint64(who), 3))
			for hour := range 4 {
				h := Heard{Clock: Clock{{0, time.Duration(hour) * time.Hour, time.Duration(hour+1) * time.Hour}}}
				for at := time.Duration(0); at < time.Hour-time.Second; at += time.Duration(300+rng.IntN(200)) * ms {
					h.Words = append(h.Words, word(fmt.Sprint("word", at), at, at+250*ms))
				}
				if !yield(h, nil) {
					return
				}
			}
		}})
	}
	var most uint64
	n := 0
	watch := watcher(func() {
		if n++; n%100 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	})
	total, err := Merge(tracks, Meeting{Length: 4 * time.Hour}, watch, NewProcessed(io.Discard, head), NewVTT(io.Discard), NewSRT(io.Discard), NewText(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d utterances, at most %d MB", total.Utterances, most>>20)
	if most > 100<<20 {
		t.Errorf("it took %d MB", most>>20)
	}
}

type watcher func()

func (w watcher) Put(Utterance) error { w(); return nil }

func (w watcher) Close(Totals) error { return nil }
