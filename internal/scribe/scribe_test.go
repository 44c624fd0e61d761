package scribe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/provider/transcribe"
	"steno/internal/provider/transcribe/all"
	"steno/internal/record/compose"
	"steno/internal/record/ogg/oggtest"
	"steno/internal/transcript"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

// hands is a clock that moves when somebody sleeps.
type hands struct {
	mu    sync.Mutex
	now   time.Time
	slept func() // called with each sleep; may be nil
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) Sleep(ctx context.Context, d time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(max(d, 0))
	if h.slept != nil {
		h.slept()
	}
	return ctx.Err()
}

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// broken is when the recording does not go on where it stopped, in the middle of
// what Ada says.
const broken = 55

// meeting is a folder as steno record leaves it: Ada and Bob talk, Eve listens.
func meeting(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "participants"), 0o755); err != nil {
		t.Fatal(err)
	}
	var timeline strings.Builder
	for i, p := range []struct {
		name  string
		voice [][2]time.Duration
	}{
		{"Ada Lovelace", [][2]time.Duration{{sec(2), sec(12)}, {sec(40), sec(70)}, {sec(100), sec(130)}}},
		{"Bob & Co/Ltd", [][2]time.Duration{{sec(11), sec(20)}, {sec(80), sec(95)}}},
		{"Eve", nil},
	} {
		file := filepath.Join(dir, compose.VoiceFile(i+1, p.name))
		if err := os.WriteFile(file, oggtest.File(t, 140*time.Second, p.voice...), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, v := range p.voice {
			fmt.Fprintf(&timeline, "{\"speaker\":%q,\"start_time\":%g,\"end_time\":%g}\n", p.name, v[0].Seconds(), v[1].Seconds())
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "diarization.jsonl"), []byte(timeline.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "breaks.jsonl"), fmt.Appendf(nil, "{\"at\":%d}\n", broken), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// chunks are cut so short that the meeting makes four.
const (
	longest = 40 * time.Second
	chunks  = 4
)

func options(t *testing.T, dir string, sim *transcription.Server, name string) (Options, *hands) {
	t.Helper()
	clk := &hands{now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
	client, err := all.New(name, transcribe.Options{URL: sim.Address(), Clock: clk, Sleep: clk.Sleep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	voices, m, err := Folder(os.DirFS(dir), 0)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Head: transcript.Head{BotID: "b", Provider: name, CreatedAt: clk.now}, Voices: voices, Meeting: m, Service: client, Key: transcription.Key,
		Rules: transcript.Rules{Longest: longest}, Work: filepath.Join(dir, "work"), Out: dir, Clock: clk, Sleep: clk.Sleep,
	}, clk
}

func simulator(t *testing.T, o transcription.Options) *transcription.Server {
	t.Helper()
	o.SlowFor = time.Millisecond
	sim, err := transcription.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

// said checks the transcript in a folder against who spoke when.
func said(t *testing.T, dir string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "output_transcription.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Result struct {
			Total      float64 `json:"total_duration"`
			Utterances []struct {
				Speaker    string
				Start, End float64
			}
		}
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if d := out.Result.Total - 140; d > 0.1 || d < -0.1 {
		t.Errorf("the meeting lasts %g s", out.Result.Total)
	}
	turns, err := timeline(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	found := map[transcript.Turn]bool{}
	for _, u := range out.Result.Utterances {
		if u.Start < broken-0.5 && u.End > broken+1 {
			t.Errorf("the utterance from %g to %g reaches over the break", u.Start, u.End)
		}
		ok := false
		for _, turn := range turns {
			if turn.Speaker == u.Speaker && u.Start >= turn.From.Seconds()-0.15 && u.End <= turn.To.Seconds()+0.15 {
				ok, found[turn] = true, true
			}
		}
		if !ok {
			t.Errorf("%s did not speak from %g to %g", u.Speaker, u.Start, u.End)
		}
	}
	if len(found) != len(turns) {
		t.Errorf("of %d turns %d are in the transcript", len(turns), len(found))
	}
	raw, err := os.ReadFile(filepath.Join(dir, "raw_transcription.json"))
	if err != nil || strings.Count(string(raw), `"source"`) < chunks || !json.Valid(raw) {
		t.Errorf("%v in the raw transcription %s", err, raw)
	}
	for _, name := range []string{"transcript.vtt", "transcript.srt", "transcript.txt"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(b), "Ada Lovelace") {
			t.Errorf("%s: %v %q", name, err, b)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "work")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was under way is still there: %v", err)
	}
}

func TestARecordingIsTranscribedByEveryService(t *testing.T) {
	for _, name := range all.Names {
		for _, polite := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s polite %v", name, polite), func(t *testing.T) {
				o := transcription.Options{Service: name, Options: service.Options{Polite: polite, Seed: 3}}
				if !polite {
					o.Faults = service.Faults{service.ServerError: .1, service.AfterEffect: .1, service.HangUp: .05, service.JobStuck: 0, service.JobFails: .2}
				}
				sim := simulator(t, o)
				dir := meeting(t)
				opts, _ := options(t, dir, sim, name)
				if _, err := Run(t.Context(), opts); err != nil {
					t.Fatal(err)
				}
				said(t, dir)
				if polite && sim.Jobs() != chunks {
					t.Errorf("%d jobs for %d chunks", sim.Jobs(), chunks)
				}
				if name == "gladia" || name == "assemblyai" {
					if deleted := sim.Calls("delete"); deleted < chunks {
						t.Errorf("%d of %d jobs were deleted at the service", deleted, chunks)
					}
				}
			})
		}
	}
}

// Ended at any moment at which it waits, and started again, it makes no job a
// second time.
func TestARunThatWasCutOffGoesOnWithItsJobs(t *testing.T) {
	for _, name := range []string{"gladia", "assemblyai"} {
		t.Run(name, func(t *testing.T) {
			sim := simulator(t, transcription.Options{Service: name, Options: service.Options{Polite: true}})
			dir := meeting(t)
			runs := 0
			for ; ; runs++ {
				// The next call of this kind is carried out, its answer is lost, and that
				// is the end of the run.
				for _, method := range []string{"upload", "create", "get"} {
					sim.Inject(service.Injection{Method: method, Kind: service.AfterEffect})
				}
				opts, clk := options(t, dir, sim, name)
				opts.AtOnce = 1
				ctx, cancel := context.WithCancel(t.Context())
				sleeps := 0
				clk.slept = func() {
					if sleeps++; sleeps > runs {
						cancel()
					}
				}
				_, err := Run(ctx, opts)
				cancel()
				if err == nil {
					break
				}
				if runs > 40 {
					t.Fatal(err)
				}
			}
			said(t, dir)
			if sim.Jobs() != chunks {
				t.Errorf("%d jobs for %d chunks after %d runs", sim.Jobs(), chunks, runs)
			}
			if runs < 3 {
				t.Errorf("only %d runs were cut off", runs)
			}
		})
	}
}

// deaf are callbacks that never come; what a service is given of them is noted.
type deaf struct {
	url   string
	clock *hands
	at    map[string]bool
}

func (d deaf) At(p transcript.Part) transcript.Callback {
	d.at[p.String()] = true
	return transcript.Callback{URL: d.url, Token: "token"}
}

func (d deaf) Wait(ctx context.Context, _ transcript.Part, pause time.Duration) (bool, error) {
	return false, d.clock.Sleep(ctx, pause)
}

// Where the call of a service does not come, or it refuses the address, it is asked,
// less often where it should have called.
func TestWithoutTheCallOfAServiceItIsAsked(t *testing.T) {
	asked := map[string]int{}
	for name, url := range map[string]string{"called nowhere": "", "calls that are lost": "http://127.0.0.1:1/", "an address that is refused": "http://steno:8080/"} {
		dir := meeting(t)
		clk := &hands{now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)}
		sim := simulator(t, transcription.Options{Service: "gladia", Work: 10 * time.Minute, Options: service.Options{Polite: true, Clock: clk}})
		opts, _ := options(t, dir, sim, "gladia")
		opts.Clock, opts.Sleep, opts.AtOnce = clk, clk.Sleep, 1
		told := deaf{url, clk, map[string]bool{}}
		if url != "" {
			opts.Callbacks = told
		}
		if _, err := Run(t.Context(), opts); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		said(t, dir)
		if asked[name] = sim.Calls("get"); sim.Jobs() != chunks || sim.Calls("upload") != chunks || url != "" && len(told.at) != chunks {
			t.Errorf("%s: %d jobs and %d uploads, %d addresses of %d chunks", name, sim.Jobs(), sim.Calls("upload"), len(told.at), chunks)
		}
	}
	if n := asked["called nowhere"]; asked["calls that are lost"] > n*2/3 || asked["an address that is refused"] < n*2/3 {
		t.Errorf("asked %v", asked)
	}
	dir := meeting(t)
	sim := simulator(t, transcription.Options{Service: "gladia", Options: service.Options{Polite: true}})
	sim.Inject(service.Injection{Method: "job", Kind: service.JobStuck, Times: -1})
	opts, clk := options(t, dir, sim, "gladia")
	begin := clk.now
	opts.Callbacks, opts.Patience, opts.AtOnce = deaf{"http://127.0.0.1:1/", clk, map[string]bool{}}, 10*time.Minute, 1
	if _, err := Run(t.Context(), opts); !errors.Is(err, ErrTooLong) || clk.now.Sub(begin) < 9*time.Minute {
		t.Errorf("given up after %s: %v", clk.now.Sub(begin), err)
	}
}

func TestWhatDoesNotPassEndsTheRun(t *testing.T) {
	sim := simulator(t, transcription.Options{Service: "gladia", Options: service.Options{Polite: true}})
	dir := meeting(t)
	opts, _ := options(t, dir, sim, "gladia")
	opts.Key = "wrong"
	_, err := Run(t.Context(), opts)
	if e := transcript.AsError(err); e == nil || e.Kind != transcript.WrongKey {
		t.Errorf("with a wrong key the error is %v", err)
	}
	opts.Key = transcription.Key
	sim.Inject(service.Injection{Method: "job", Kind: service.JobStuck})
	if _, err = Run(t.Context(), opts); !errors.Is(err, ErrTooLong) {
		t.Errorf("with a job that never ends the error is %v", err)
	}
	opts.Work = filepath.Join(dir, "another")
	sim.Inject(service.Injection{Method: "job", Kind: service.JobFails, Times: -1})
	_, err = Run(t.Context(), opts)
	if e := transcript.AsError(err); e == nil || e.Kind != transcript.JobFailed {
		t.Errorf("with jobs that always fail the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "output_transcription.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a transcript was written: %v", err)
	}
}

// Where only the mix is there, its words go to those who spoke by the timeline.
func TestAMixIsTranscribedByTheTimeline(t *testing.T) {
	dir := meeting(t)
	if err := os.RemoveAll(filepath.Join(dir, "participants")); err != nil {
		t.Fatal(err)
	}
	noise := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "anoisesrc=a=0.3:r=16000:d=140:seed=1", filepath.Join(dir, "output.flac"))
	if out, err := noise.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v %s", err, out)
	}
	sim := simulator(t, transcription.Options{Service: "gladia", Options: service.Options{Polite: true}})
	opts, _ := options(t, dir, sim, "gladia")
	if len(opts.Voices) != 0 {
		t.Fatalf("%d voices without a file", len(opts.Voices))
	}
	mix, err := Mix(t.Context(), "", dir, filepath.Join(opts.Work, "mix.opus"), opts.Meeting.Turns)
	if err != nil {
		t.Fatal(err)
	}
	opts.Voices, opts.Meeting.Length = []Voice{mix}, mix.Source.Length
	if _, err := Run(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "transcript.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var speakers []string
	for _, paragraph := range strings.Split(string(b), "\n\n") {
		name, _, _ := strings.Cut(paragraph[len("[00:00:00] "):], ":")
		speakers = append(speakers, name)
	}
	if got := strings.Join(speakers, ", "); got != "Ada Lovelace, Bob & Co/Ltd, Ada Lovelace, Bob & Co/Ltd, Ada Lovelace" {
		t.Errorf("the speakers are %s:\n%s", got, b)
	}
}

func TestFoldersThatAreNoRecordingAreRefused(t *testing.T) {
	voices, _, err := Folder(os.DirFS(t.TempDir()), 0)
	if err != nil || len(voices) != 0 {
		t.Errorf("%v, %v", voices, err)
	}
	dir := t.TempDir()
	if _, err := Mix(t.Context(), "", dir, filepath.Join(dir, "mix.opus"), nil); !errors.Is(err, ErrNoAudio) {
		t.Errorf("of an empty folder the error is %v", err)
	}
}

// A service that has nothing to call about is not given the audio a second time when it
// refuses it.
func TestARefusalIsNoRefusalOfCallbacks(t *testing.T) {
	for name, method := range map[string]string{"openai": "transcriptions", "gladia": "upload"} {
		sim := simulator(t, transcription.Options{Service: name, Options: service.Options{Polite: true}})
		opts, clk := options(t, meeting(t), sim, name)
		opts.Callbacks, opts.AtOnce, opts.Custom = deaf{"http://127.0.0.1:1/", clk, map[string]bool{}}, 1, json.RawMessage(`{"no_such_option": true}`)
		_, err := Run(t.Context(), opts)
		if e := transcript.AsError(err); e == nil || e.Kind != transcript.RefusedRequest || sim.Calls(method) != 1 {
			t.Errorf("%s: %v after %v", name, err, sim.AllCalls())
		}
	}
}

// A call is taken with the token that its part was given, also after the secret key was
// rotated; with any other nothing is touched.
func TestOnlyWhoHasATokenCalls(t *testing.T) {
	var told []string
	door := Door{URL: "https://steno.example/push/transcription", Keys: [][]byte{[]byte("old")}, Nudge: func() {}, Called: func(_ context.Context, of string, p transcript.Part) error {
		told = append(told, p.In(of))
		return nil
	}}
	one, other := door.at("a.1-2"), door.at("a.12-0")
	door.Keys = [][]byte{[]byte("new"), []byte("old")}
	anew := door.at("a.1-2")
	if one.URL != door.URL+"/a.1-2" || one.Token == other.Token || one.Token == anew.Token {
		t.Errorf("%+v, %+v, %+v", one, other, anew)
	}
	for _, c := range []struct {
		name, token string
		ok          bool
	}{{"a.1-2", one.Token, true}, {"a.1-2", anew.Token, true}, {"a.12-0", other.Token, true}, {"a.1-2", other.Token, false}, {"a.1-2", "", false}, {"", "", false}, {"", one.Token, false}, {"a.1-2 ", one.Token, false}} {
		if ok, err := door.Receive(t.Context(), c.name, c.token); ok != c.ok || err != nil {
			t.Errorf("%q with %q: %v, %v", c.name, c.token, ok, err)
		}
	}
	if fmt.Sprint(told) != "[a.1-2 a.1-2 a.12-0]" {
		t.Errorf("told of %v", told)
	}
}
