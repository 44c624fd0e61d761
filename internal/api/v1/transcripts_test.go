package v1_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/transcript"
)

// inMemory are stored files.
type inMemory map[string]string

func (m inMemory) Read(_ context.Context, key string) (io.ReadCloser, error) {
	if text, ok := m[key]; ok {
		return io.NopCloser(strings.NewReader(text)), nil
	}
	return nil, errors.New("no such file")
}

const said = `{"bot_id":"b","provider":"gladia","created_at":"2026-03-01T12:00:00.000Z","result":{"utterances":[
	{"text":"Good morning.","language":"en","start":1.5,"end":2.5,"confidence":0.9,"channel":0,"speaker":"Ada","words":[
		{"word":"Good","start":1.5,"end":1.9,"confidence":0.9},{"word":"morning.","start":2,"end":2.5,"confidence":0.9}]},
	{"text":"Bonjour.","language":"fr","start":3,"end":3.5,"confidence":0.9,"channel":1,"speaker":"Grace","words":[{"word":"Bonjour.","start":3,"end":3.5,"confidence":0.9}]}],
	"languages":["en","fr"],"total_utterances":2,"total_duration":1800}}`

// transcribed ends the orders that are open with a transcript.
func (s *stand) transcribed(t *testing.T, wanted int) []bot.TranscriptionJob {
	t.Helper()
	orders := store.Transcriptions{DB: s.db, Vault: opener{}}
	jobs, err := orders.Take(t.Context(), "host", s.now.Add(time.Hour), s.now.Add(2*time.Hour), 10)
	if err != nil || len(jobs) != wanted {
		t.Fatalf("%d orders, not %d: %v", len(jobs), wanted, err)
	}
	for _, j := range jobs {
		key := j.BotID + "/output_transcription.json"
		s.bots.Files = inMemory{key: said}
		if err := orders.PutPart(t.Context(), "host", j.ID, transcript.Part{Tag: "t", ID: "job-1", Done: true}); err != nil {
			t.Fatal(err)
		}
		err := s.bots.EndTranscription(t.Context(), j.TranscriptionOrder, bot.TranscriptionEnd{Artifacts: []bot.StoredArtifact{{Kind: bot.KindTranscription, Key: key}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return jobs
}

// opener hands out keys as they are.
type opener struct{}

func (opener) OpenBot(_, _, _, sealed string) (string, error) { return sealed, nil }

// What was said is told whole at the end, and is in the data of the meeting; a
// second transcript is told by a message of its own, to whom its request names.
func TestATranscriptIsToldInTheWordsOfV1(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newTeller(t, db)
		s.setURL(t, "/account")
		id := s.join(t, `{"bot_name":"N","meeting_url":"https://zoom.us/j/1","speech_to_text":"Default"}`)
		s.finish(t, id)
		if list := s.deliver(t, 4); strings.Contains(fmt.Sprint(list), "complete") {
			t.Errorf("the end is told before there is a transcript: %v", list)
		}
		s.transcribed(t, 1)
		complete := only(t, s.deliver(t, 1), "complete")
		want := `"transcript":[{"speaker":"Ada","offset":1.5,"start_time":1.5,"end_time":2.5,"words":[{"start":1.5,"end":1.9,"word":"Good"},{"start":2,"end":2.5,"word":"morning."}]},` +
			`{"speaker":"Grace","offset":3,"start_time":3,"end_time":3.5,"words":[{"start":3,"end":3.5,"word":"Bonjour."}]}],"speakers":["Ada"]`
		if !strings.Contains(complete.body, want) {
			t.Errorf("%s\nwithout\n%s", complete.body, want)
		}
		if again, err := s.bots.FinalMessage(t.Context(), s.team.ID, id, false, false); err != nil || string(again) != complete.body {
			t.Errorf("told again: %v %s", err, again)
		}
		data := s.call(t, "GET", "/bots/meeting_data?bot_id="+id, "").body
		want = `"transcripts":[{"id":1,"bot_id":1,"speaker":"Ada","start_time":1.5,"end_time":2.5,"lang":"en","user_id":null,"words":[` +
			`{"id":1,"bot_id":1,"text":"Good","start_time":1.5,"end_time":1.9,"user_id":null},{"id":2,"bot_id":1,"text":"morning.","start_time":2,"end_time":2.5,"user_id":null}]},` +
			`{"id":2,"bot_id":1,"speaker":"Grace","start_time":3,"end_time":3.5,"lang":"fr","user_id":null,"words":[{"id":3,"bot_id":1,"text":"Bonjour.","start_time":3,"end_time":3.5,"user_id":null}]}]`
		if !strings.Contains(data, want) {
			t.Errorf("%s\nwithout\n%s", data, want)
		}
		if none := s.call(t, "GET", "/bots/meeting_data?include_transcripts=false&bot_id="+id, "").body; !strings.Contains(none, `"transcripts":[]`) {
			t.Errorf("transcripts that were not asked for: %s", none)
		}
		for _, to := range []string{"/account", "/other"} {
			body := `{"bot_uuid":"` + id + `","speech_to_text":{"provider":"Gladia","api_key":"canary"}`
			if to == "/other" {
				body += `,"webhook_url":"` + s.sink.URL + to + `"`
			}
			if r := s.call(t, "POST", "/bots/retranscribe", body+"}"); r.status != 202 || r.body != "" {
				t.Fatalf("%d %s", r.status, r.body)
			}
			if r := s.call(t, "POST", "/bots/retranscribe", body+"}"); r.status != 409 {
				t.Errorf("a second order while the first is open: %d %s", r.status, r.body)
			}
			jobs := s.transcribed(t, 1)
			if jobs[0].Provider != "gladia" || !jobs[0].OwnKey || strings.Contains(jobs[0].Key, "canary") {
				t.Errorf("the order is %+v", jobs[0])
			}
			if h := s.deliver(t, 1)[0]; h.path != to || h.key != s.key || h.body != `{"event":"transcription_complete","data":{"bot_id":"`+id+`"}}` {
				t.Errorf("%+v", h)
			}
		}
	})
}

func TestARetranscriptionIsRefusedWithAReason(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	ask := func(id, rest string) string { return `{"bot_uuid":"` + w.ids[id] + `"` + rest + `}` }
	w.refuse(t, 400, "ValidationError", "POST", "/bots/retranscribe", ask("done", `,"webhook_url":"http://169.254.1.1"`))
	w.refuse(t, 404, "BotNotFound", "POST", "/bots/retranscribe", `{"bot_uuid":"7f8b1c1e-0f5e-4b7e-9a51-2f3f5f1c9a10"}`)
	w.refuse(t, 409, "BotStatus", "POST", "/bots/retranscribe", ask("bot", ""))
	no := false
	if _, err := w.quota.SetLimits(t.Context(), w.team.ID, quota.Change{BYOK: &no}); err != nil {
		t.Fatal(err)
	}
	w.refuse(t, 400, "ByokTranscriptionNotEnabledOnPlan", "POST", "/bots/retranscribe", ask("done", `,"speech_to_text":{"provider":"Gladia","api_key":"canary"}`))
	ok[any](t, w.stand, "POST", "/bots/"+w.ids["done"]+"/delete_data", "")
	w.refuse(t, 422, "RecordingNotAvailable", "POST", "/bots/retranscribe", ask("done", ""))
	w.bots.Services = nil
	w.refuse(t, 422, "TranscriptionNotAvailable", "POST", "/bots/retranscribe", ask("done", ""))
}
