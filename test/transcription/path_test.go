package transcription

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/simulator/transcription"
)

// The whole way of a bot with a transcript: it waits for it in the status
// transcribing, its end is told once with everything, and its data are deleted
// at the service as well.
func TestABotWaitsForItsTranscript(t *testing.T) {
	t.Parallel()
	sim := simulator(t, transcription.Options{Options: polite(), Work: 2 * time.Second})
	h := open(t, sim)
	people := conversation(5 * time.Minute)
	id := h.send(nil)
	if status, tr := h.status(id); status != "queued" || tr != "not-started" {
		t.Errorf("at first %s, %s", status, tr)
	}
	h.record(id, people, 5*time.Minute)
	h.eventually("the service works", 20*time.Second, func() bool {
		status, tr := h.status(id)
		if status != "transcribing" && status != "completed" {
			t.Errorf("meanwhile %s, %s", status, tr)
		}
		return tr == "processing"
	})
	if err := h.Leave(t.Context(), id); err != nil {
		t.Errorf("leave while it is transcribed: %v", err)
	}
	d := h.ended(id, "completed", 30*time.Second)
	if h.said(d, people) < 100 {
		t.Error("hardly a word")
	}
	if d.TranscriptionProvider == nil || *d.TranscriptionProvider != "gladia" || len(d.TranscriptionIDs) != 3 || sim.Jobs() != 3 {
		t.Errorf("provider %v, ids %v, %d jobs", d.TranscriptionProvider, d.TranscriptionIDs, sim.Jobs())
	}
	if d.Tokens == nil || d.Tokens.Transcription != 0.021 || d.Tokens.Recording != 0.084 || d.Tokens.BYOK != 0 {
		t.Errorf("tokens %+v", d.Tokens)
	}
	if _, tr := h.status(id); tr != "done" {
		t.Errorf("in the end %s", tr)
	}
	var spoken struct {
		Result struct {
			Utterances []struct {
				Text, Speaker string
				Start         float64
			}
		}
	}
	if err := json.Unmarshal(h.get(*d.Transcription), &spoken); err != nil {
		t.Fatal(err)
	}
	last := spoken.Result.Utterances[len(spoken.Result.Utterances)-1]
	hits := h.search(last.Text)
	if i := slices.IndexFunc(hits, func(f found) bool { return f.Text == last.Text && f.Start == last.Start }); i < 0 || hits[i].BotID != id || hits[i].Speaker != last.Speaker {
		t.Errorf("%+v is not among what is found: %+v", last, hits)
	}
	h.eventually("the end is told", 10*time.Second, func() bool { return h.body(id, "bot.completed") != nil })
	h.eventually("all is told", 10*time.Second, func() bool { return len(h.heard(id)) == 9 })
	list := h.heard(id)
	for _, m := range []string{"recording_succeeded", "transcribing", "completed"} {
		if !slices.Contains(list, "bot.status_change "+m) {
			t.Errorf("told %v", list)
		}
	}
	var told details
	if err := json.Unmarshal(h.body(id, "bot.completed"), &told); err != nil || told.Transcription == nil || told.RawTranscription == nil || fmt.Sprint(told.TranscriptionIDs) != fmt.Sprint(d.TranscriptionIDs) {
		t.Errorf("%v, told %+v", err, told)
	}
	found := func() (n int) {
		var list []json.RawMessage
		if err := h.Do(t.Context(), http.MethodGet, "/v2/transcripts/search?q=numbers", nil, &list); err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if found() == 0 {
		t.Error("what was said is not found")
	}
	if err := h.Do(t.Context(), http.MethodDelete, "/v2/bots/"+id+"/delete-data", nil, nil); err != nil {
		t.Fatal(err)
	}
	h.eventually("all is deleted at the service", 20*time.Second, func() bool { return sim.Calls("delete") == 3 && len(h.details(id).TranscriptionIDs) == 0 })
	if hits := h.search(last.Text); len(hits) > 0 {
		t.Errorf("found after the deletion: %+v", hits)
	}
	if d := h.details(id); d.Transcription != nil || d.RawTranscription != nil || d.TranscriptFiles != nil || !d.ArtifactsDeleted {
		t.Errorf("after the deletion %+v", d)
	}
	if n := found(); n != 0 {
		t.Errorf("%d utterances are found after the deletion", n)
	}
	if keys, err := h.objects.Attributes(t.Context(), id+"/output_transcription.json"); err == nil {
		t.Errorf("%s is still stored", keys.Key)
	}
}

// What is a bot's own: its key, which is never shown, and its options, which go
// to the service as they are.
func TestABotBringsItsOwnKeyAndOptions(t *testing.T) {
	t.Parallel()
	const own = "canary-own-key"
	sim := simulator(t, transcription.Options{Options: polite(), Keys: []string{own}}) // the operator's is refused
	h := open(t, sim)
	people := conversation(time.Minute)
	config := map[string]any{"api_key": own, "custom_params": map[string]any{"custom_metadata": map[string]any{"a": "b"}}}
	id, keeps := h.send(config), h.send(config)
	for _, id := range []string{id, keeps} {
		h.record(id, people, time.Minute)
		d := h.ended(id, "completed", 30*time.Second)
		h.said(d, people)
		if d.Tokens == nil || d.Tokens.BYOK != 0.001 || d.Tokens.Transcription != 0 {
			t.Errorf("tokens %+v", d.Tokens)
		}
	}
	if err := h.Do(t.Context(), http.MethodDelete, "/v2/bots/"+keeps+"/delete-data?delete_from_provider=false", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.Do(t.Context(), http.MethodDelete, "/v2/bots/"+id+"/delete-data", nil, nil); err != nil {
		t.Fatal(err)
	}
	h.eventually("one is deleted at the service", 20*time.Second, func() bool { return len(h.details(id).TranscriptionIDs) == 0 })
	if n := len(h.details(keeps).TranscriptionIDs); n == 0 || sim.Calls("delete") != n {
		t.Errorf("%d jobs of the other, %d deleted", n, sim.Calls("delete"))
	}
	wrong := h.send(map[string]any{"custom_params": map[string]any{"no_such_option": 1}, "api_key": own})
	h.record(wrong, people, time.Minute)
	if d := h.ended(wrong, "failed", 30*time.Second); !strings.Contains(*d.ErrorMessage, "no_such_option should not exist") {
		t.Errorf("with an unknown option: %s", *d.ErrorMessage)
	}
	if strings.Contains(h.Log(), own) {
		t.Error("the key is in the log")
	}
}

// The platform's own captions need no service, and cost nothing.
func TestCaptionsAreATranscriptWithoutAService(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	people := []person{{"Ada Lovelace", [][2]time.Duration{{sec(2), sec(6)}}}, {"Grace Hopper", [][2]time.Duration{{sec(5), sec(9)}}}}
	with, without := h.send(nil), h.send(nil)
	captions := `{"speaker":"Ada Lovelace","start_time":2,"end_time":6,"text":"Good morning. Shall we begin?","language":"en-GB"}
{"speaker":"Grace Hopper","start_time":5,"end_time":9,"text":"I am here, too.","language":"en-GB"}
`
	if err := h.objects.PutBytes(t.Context(), with+"/captions.jsonl", []byte(captions), "application/jsonl"); err != nil {
		t.Fatal(err)
	}
	h.record(with, people, 10*time.Second, captionsOf(with))
	h.record(without, people, 10*time.Second)
	d := h.ended(with, "completed", 20*time.Second)
	h.said(d, people)
	if text := string(h.get(d.TranscriptFiles.TXT)); text != "[00:00:02] Ada Lovelace: Good morning. Shall we begin?\n\n[00:00:05] Grace Hopper: I am here, too.\n" {
		t.Errorf("%q", text)
	}
	if *d.TranscriptionProvider != "captions" || d.TranscriptionIDs != nil || d.Tokens.Transcription != 0 {
		t.Errorf("%s %v %+v", *d.TranscriptionProvider, d.TranscriptionIDs, d.Tokens)
	}
	if d := h.ended(without, "completed", 20*time.Second); d.Transcription != nil {
		t.Error("a transcript of nothing")
	}
	if _, tr := h.status(without); tr != "not-applicable" || slices.Contains(h.heard(without), "bot.status_change transcribing") {
		t.Errorf("%s, %v", tr, h.heard(without))
	}
	_, err := h.CreateBot(t.Context(), map[string]any{"bot_name": "N", "meeting_url": "https://meet.google.com/abc-defg-hij", "transcription_enabled": true,
		"transcription_config": map[string]any{"provider": "deepgram"}})
	if err == nil || !strings.Contains(err.Error(), "400 FST_ERR_VALIDATION") {
		t.Errorf("a service without a key: %v", err)
	}
}

// Who deletes a bot's data while it is transcribed gets its end at once, and
// nothing stays behind.
func TestDataDeletedWhileTranscribedAreGone(t *testing.T) {
	t.Parallel()
	sim := simulator(t, transcription.Options{Options: polite(), Work: time.Minute})
	h := open(t, sim)
	people := conversation(time.Minute)
	id := h.send(nil)
	h.record(id, people, time.Minute)
	h.eventually("the service has it", 20*time.Second, func() bool { return sim.Jobs() == speakers(people) })
	if err := h.Do(t.Context(), http.MethodDelete, "/v2/bots/"+id+"/delete-data", nil, nil); err != nil {
		t.Fatal(err)
	}
	if d := h.ended(id, "completed", time.Second); d.Transcription != nil || d.Audio != nil || !d.ArtifactsDeleted {
		t.Errorf("%+v", d)
	}
	h.eventually("the jobs are deleted at the service", 20*time.Second, func() bool { return sim.Calls("delete") == speakers(people) })
	if _, tr := h.status(id); tr != "not-applicable" {
		t.Errorf("the transcript is %s", tr)
	}
}
