package scribe

import (
	"testing"
	"testing/fstest"
	"time"
)

// Captions are shown a while after they were said: what was heard of a person tells
// when that was.
func TestCaptionsAreWhereTheyWereSaid(t *testing.T) {
	dir := fstest.MapFS{
		"diarization.jsonl": {Data: []byte(`{"speaker":"Ada","start_time":1,"end_time":4}
{"speaker":"Ben","start_time":3.5,"end_time":12}
{"speaker":"Ada","start_time":13,"end_time":40}
`)},
		"captions.jsonl": {Data: []byte(`{"speaker":"Ada","start_time":2.5,"end_time":5.5,"text":"good morning"}
{"speaker":"Ben","start_time":5,"end_time":9,"text":"one two"}
{"speaker":"Ben","start_time":9,"end_time":14,"text":"three four"}
{"speaker":"Ada","start_time":30,"end_time":32,"text":"the captions came on late"}
{"speaker":"Cora","start_time":20,"end_time":22,"text":"nobody heard me"}
{"speaker":"Ben","start_time":60,"end_time":62,"text":"nor me"}
`)},
	}
	voices, err := CaptionVoices(dir)
	if err != nil {
		t.Fatal(err)
	}
	type at struct{ from, to time.Duration }
	got := map[string]at{}
	for _, v := range voices {
		for _, w := range v.Said.Words {
			got[w.Text] = at{w.Start, w.End}
		}
	}
	sec := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	for word, want := range map[string]at{
		"good":   {sec(1), sec(1) + sec(3)*4/11},
		"one":    {sec(3.5), sec(5.5)},
		"four":   {sec(7.5) + sec(4.5)*5/9, sec(12)},
		"the":    {sec(28.5), sec(28.5) + sec(2)*3/21},
		"nobody": {sec(20), sec(20) + sec(2)*6/13},
		"nor":    {sec(60), sec(60) + sec(2)*3/5},
	} {
		if d := got[word].from - want.from; d < -time.Millisecond || d > time.Millisecond {
			t.Errorf("%q is said from %s, want %s", word, got[word].from, want.from)
		}
		if d := got[word].to - want.to; d < -time.Millisecond || d > time.Millisecond {
			t.Errorf("%q is said to %s, want %s", word, got[word].to, want.to)
		}
	}
}
