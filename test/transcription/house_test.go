// Package transcription tests how the real program has recordings transcribed: a
// server process and a simulated service, between them what a bot's host would
// do. No browser takes part: the recordings are made here.
package transcription

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/demo"
	"steno/internal/app"
	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/config"
	"steno/internal/record/compose"
	"steno/internal/record/ogg/oggtest"
	"steno/internal/scribe"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
	"steno/simulator/transcription"
	"steno/test/contract"
	"steno/test/internal/testbin"
)

// binary is the program under test: the one that the build made, else one
// built here.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		file, remove, err := testbin.Find()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer remove()
		binary = file
		defer storetest.Stop()
		return m.Run()
	}())
}

// house is a server that hands its bots to nobody, a service and a receiver of
// webhooks; the test is the host of the bots.
type house struct {
	*demo.Stage
	t       testing.TB
	sim     *transcription.Server
	data    string
	db      *store.DB
	bots    *bot.Service
	objects *blob.Store
	hooks   *demo.Receiver

	reference *contract.Watch
	mu        sync.Mutex
	events    []demo.Event
	ends      map[string]time.Time // when bot.completed came, by bot
}

func simulator(t testing.TB, o transcription.Options) *transcription.Server {
	t.Helper()
	if o.Service == "" {
		o.Service = "gladia"
	}
	sim, err := transcription.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

func polite() service.Options {
	return service.Options{Polite: true, SlowFor: 10 * time.Second}
}

// open starts a house whose operator has a key of the service.
func open(t testing.TB, sim *transcription.Server, env ...string) *house {
	t.Helper()
	return openOn(t, store.Options{DataDir: t.TempDir()}, sim, env...)
}

// openOn is open on a database of one's own.
func openOn(t testing.TB, database store.Options, sim *transcription.Server, env ...string) *house {
	t.Helper()
	return openTo(t, database, sim, false, env...)
}

// openTo is openOn; reached says whether services know the server's address.
func openTo(t testing.TB, database store.Options, sim *transcription.Server, reached bool, env ...string) *house {
	t.Helper()
	h := &house{t: t, sim: sim, data: database.DataDir, ends: map[string]time.Time{}, reference: &contract.Watch{Failed: t.Errorf}}
	var err error
	if h.hooks, err = demo.NewReceiver(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.hooks.Close() })
	if sim != nil {
		env = append([]string{"STENO_GLADIA_URL=" + sim.Address(), "STENO_GLADIA_KEY=" + transcription.Key}, env...)
	}
	if database.DatabaseURL != "" {
		env = append(env, "STENO_DATABASE_URL="+database.DatabaseURL)
	}
	h.Stage, err = demo.NewStage(t.Context(), demo.StageOptions{
		Binary: binary, Data: h.data, Args: []string{"--roles", "api,worker"}, Pushed: reached,
		Env: append([]string{"STENO_ALLOW_PRIVATE_TARGETS=127.0.0.0/8", "STENO_LOG_LEVEL=warn"}, env...),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.HTTP = &http.Client{Transport: h.reference.Transport(http.DefaultTransport)}
	secret, err := h.Command(t.Context(), "webhook", "add", h.hooks.URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.hooks.Trust(secret); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", h.Log())
		}
	})
	in, err := app.Open(t.Context(), config.Storage{Data: h.data, DatabaseURL: database.DatabaseURL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	h.db = in.DB
	h.bots = &bot.Service{
		Store: store.Bots{DB: in.DB, Vault: in.Vault, Quota: app.NewQuotaRoom(in.Quota, in.DB)}, Clock: in.Clock, Signer: nowhere{}, Services: scribe.Services{},
	}
	if h.objects, err = blob.Open(t.Context(), filepath.Join(h.data, "objects")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.objects.Close() })
	go h.listen(t.Context())
	return h
}

// nowhere signs URLs of what the test itself ends, which nobody reads.
type nowhere struct{}

func (nowhere) URL(_ context.Context, key string) (string, error) {
	return "https://files.example/" + key, nil
}

func (h *house) listen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-h.hooks.Events():
			h.reference.Message(e.Type, e.Text)
			h.mu.Lock()
			h.events = append(h.events, e)
			var d struct {
				BotID string `json:"bot_id"`
			}
			if e.Type == "bot.completed" && json.Unmarshal(e.Body, &d) == nil {
				h.ends[d.BotID] = time.Now()
			}
			h.mu.Unlock()
		}
	}
}

// heard are the messages about a bot: their events, with the code of a status.
func (h *house) heard(id string) (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		var d struct {
			BotID  string `json:"bot_id"`
			Status struct {
				Code string `json:"code"`
			} `json:"status"`
		}
		if json.Unmarshal(e.Body, &d) == nil && d.BotID == id {
			list = append(list, strings.TrimSuffix(e.Type+" "+d.Status.Code, " "))
		}
	}
	return list
}

func (h *house) body(id, event string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Type == event && bytes.Contains(e.Body, []byte(id)) {
			return e.Body
		}
	}
	return nil
}

func (h *house) eventually(what string, in time.Duration, done func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(in); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within %s: %s", in, what)
		}
	}
}

// person is somebody in a meeting.
type person struct {
	name  string
	voice [][2]time.Duration
}

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// conversation has three people talk, now and then into each other, with long
// pauses between.
func conversation(length time.Duration) []person {
	people := []person{{name: "Ada Lovelace"}, {name: "Grace Hopper"}, {name: "Alan Turing"}}
	rng := rand.New(rand.NewPCG(5, 5))
	for at := sec(3); at < length-sec(20); {
		p := &people[rng.IntN(len(people))]
		to := at + sec(1+9*rng.Float64())
		if n := len(p.voice); n == 0 || at-p.voice[n-1][1] > sec(1) {
			p.voice = append(p.voice, [2]time.Duration{at, to})
		}
		at = to + sec(5*rng.Float64()-1)
	}
	return people
}

// speakers is how many say something.
func speakers(people []person) (n int) {
	for _, p := range people {
		n += min(len(p.voice), 1)
	}
	return n
}

// details are what the API shows of a bot that matters here.
type details struct {
	Status                string   `json:"status"`
	ErrorCode             *string  `json:"error_code"`
	ErrorMessage          *string  `json:"error_message"`
	ArtifactsDeleted      bool     `json:"artifacts_deleted"`
	Video                 *string  `json:"video"`
	Audio                 *string  `json:"audio"`
	Transcription         *string  `json:"transcription"`
	RawTranscription      *string  `json:"raw_transcription"`
	TranscriptionIDs      []string `json:"transcription_ids"`
	TranscriptionProvider *string  `json:"transcription_provider"`
	TranscriptFiles       *struct {
		VTT, SRT, TXT string
	} `json:"transcript_files"`
	Tokens *struct {
		Recording     float64 `json:"recording"`
		Transcription float64 `json:"transcription"`
		BYOK          float64 `json:"byok_transcription"`
	} `json:"tokens"`
}

func (h *house) details(id string) (d details) {
	h.t.Helper()
	if err := h.Do(h.t.Context(), http.MethodGet, "/v2/bots/"+id, nil, &d); err != nil {
		h.t.Fatal(err)
	}
	return d
}

// status returns status and transcription_status.
func (h *house) status(id string) (status, transcription string) {
	h.t.Helper()
	var d struct {
		Status        string `json:"status"`
		Transcription string `json:"transcription_status"`
	}
	if err := h.Do(h.t.Context(), http.MethodGet, "/v2/bots/"+id+"/status", nil, &d); err != nil {
		h.t.Fatal(err)
	}
	return d.Status, d.Transcription
}

// send asks for a bot with a transcript.
func (h *house) send(config map[string]any) string {
	h.t.Helper()
	body := map[string]any{"bot_name": "N", "meeting_url": "https://meet.google.com/abc-defg-hij", "transcription_enabled": true}
	if config != nil {
		body["transcription_config"] = config
	}
	id, err := h.CreateBot(h.t.Context(), body)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// record does what a host does when a bot has left its meeting: the recording is
// stored, and the end is reported. more are further files of the recording.
func (h *house) record(id string, people []person, length time.Duration, more ...bot.StoredArtifact) {
	h.t.Helper()
	stored := append([]bot.StoredArtifact{}, more...)
	put := func(kind, name, file string, content []byte) {
		key := id + "/" + file
		if err := h.objects.PutBytes(h.t.Context(), key, content, "application/octet-stream"); err != nil {
			h.t.Fatal(err)
		}
		stored = append(stored, bot.StoredArtifact{Kind: kind, Name: name, Key: key, Bytes: int64(len(content))})
	}
	var timeline bytes.Buffer
	result := &bot.Result{Duration: length}
	for i, p := range people {
		one := bot.Participant{N: i + 1, Name: p.name}
		for _, v := range p.voice {
			fmt.Fprintf(&timeline, "{\"speaker\":%q,\"start_time\":%g,\"end_time\":%g}\n", p.name, v[0].Seconds(), v[1].Seconds())
			one.TalkMS += (v[1] - v[0]).Milliseconds()
		}
		result.Participants = append(result.Participants, one)
		if one.TalkMS > 0 {
			result.Speakers = append(result.Speakers, one)
		}
		put(bot.KindParticipantAudio, p.name, compose.VoiceFile(i+1, p.name), oggtest.File(h.t, length, p.voice...))
	}
	put(bot.KindDiarization, "", "diarization.jsonl", timeline.Bytes())
	put(bot.KindAudio, "", "output.flac", []byte("fLaC"))
	put(bot.KindVideo, "", "video.mp4", []byte("mp4"))
	if _, err := h.bots.Launch(h.t.Context(), id, "the test"); err != nil {
		h.t.Fatal(err)
	}
	now := time.Now()
	joined := now.Add(-length)
	err := h.bots.Apply(h.t.Context(), id, bot.Progress{
		Seq: 1, JoinedAt: &joined, ExitedAt: &now, Artifacts: stored, Result: result,
		Transitions: []bot.Transition{{Status: bot.JoiningCall, At: joined}, {Status: bot.InCall, At: joined}, {Status: bot.Recording, At: joined}, {Status: bot.CallEnded, At: now}, {Status: bot.RecordingDone, At: now}},
		Done:        &bot.Done{Status: bot.Completed, Code: bot.EndMeetingEnded, At: now},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) get(url string) []byte {
	h.t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %d %v %s", url, resp.StatusCode, err, b)
	}
	return b
}

// found is what a search finds.
type found struct {
	BotID   string `json:"bot_id"`
	Speaker string
	Text    string
	Start   float64 `json:"start_time"`
}

// search finds what was said as these words, as far as a query may go.
func (h *house) search(text string) (hits []found) {
	h.t.Helper()
	words := strings.Fields(text)
	if err := h.Do(h.t.Context(), http.MethodGet, "/v2/transcripts/search?limit=100&q="+url.QueryEscape(`"`+strings.Join(words[:min(len(words), 8)], " ")+`"`), nil, &hits); err != nil {
		h.t.Fatal(err)
	}
	return hits
}

// ended waits for the last status.
func (h *house) ended(id, status string, in time.Duration) details {
	h.t.Helper()
	h.eventually("the bot is "+status, in, func() bool {
		now, _ := h.status(id)
		return now == "completed" || now == "failed"
	})
	d := h.details(id)
	if d.Status != status {
		code, message := "", ""
		if d.ErrorCode != nil {
			code, message = *d.ErrorCode, *d.ErrorMessage
		}
		h.t.Fatalf("the bot is %s: %s, %s", d.Status, code, message)
	}
	return d
}

// said checks a transcript against who spoke when, and returns how many words it
// has.
func (h *house) said(d details, people []person) (words int) {
	h.t.Helper()
	if d.Transcription == nil || d.RawTranscription == nil || d.TranscriptFiles == nil {
		h.t.Fatalf("files of the transcript are missing: %+v", d)
	}
	var out struct {
		Result struct {
			Utterances []struct {
				Speaker string
				Words   []struct{ Start, End float64 }
			}
		}
	}
	if err := json.Unmarshal(h.get(*d.Transcription), &out); err != nil {
		h.t.Fatal(err)
	}
	const off = 0.15
	spoke := map[string]time.Duration{}
	for _, u := range out.Result.Utterances {
		i := slices.IndexFunc(people, func(p person) bool { return p.name == u.Speaker })
		if i < 0 {
			h.t.Fatalf("nobody is called %q", u.Speaker)
		}
		for _, w := range u.Words {
			words++
			if !slices.ContainsFunc(people[i].voice, func(v [2]time.Duration) bool {
				return w.Start >= v[0].Seconds()-off && w.End <= v[1].Seconds()+off
			}) {
				h.t.Errorf("%s is silent from %g to %g", u.Speaker, w.Start, w.End)
			}
			spoke[u.Speaker] += sec(w.End - w.Start)
		}
	}
	for _, p := range people {
		sum := time.Duration(0)
		for _, v := range p.voice {
			sum += v[1] - v[0]
		}
		if spoke[p.name] < sum/2 {
			h.t.Errorf("%s spoke for %s, of which %s are words", p.name, sum, spoke[p.name])
		}
	}
	for form, begin := range map[string]string{d.TranscriptFiles.VTT: "WEBVTT\n", d.TranscriptFiles.SRT: "1\n", d.TranscriptFiles.TXT: "[00:00:"} {
		if text := string(h.get(form)); !strings.HasPrefix(text, begin) || !strings.Contains(text, people[0].name) {
			h.t.Errorf("%.60q does not begin with %q or names nobody", text, begin)
		}
	}
	if raw := h.get(*d.RawTranscription); !json.Valid(raw) || !bytes.Contains(raw, []byte(`"source"`)) {
		h.t.Errorf("the raw transcription is %.80s", raw)
	}
	return words
}

// team is that of a bot.
func (h *house) team(id string) (team string) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(q store.Querier) error {
		return q.QueryRow(h.t.Context(), "SELECT team_id FROM bots WHERE id = $1", id).Scan(&team)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return team
}

func (h *house) count(query, id string) (n int) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(q store.Querier) error { return q.QueryRow(h.t.Context(), query, id).Scan(&n) })
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}
