package e2e

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"steno/demo"
	"steno/lab"
	"steno/lab/measure"
)

// One meeting, three bots, one for each mode: sound and picture are where they
// belong, nothing is lost, and nobody is named wrongly.
func TestOneCallGivesARecordingThatMatchesTheTruth(t *testing.T) {
	h := open(t)
	sc := lab.Conversation("abc-defg-hij", 3, 30*time.Second)
	sc.Door, sc.Wait = lab.DoorAuto, lab.Duration(time.Second)
	m := h.meet(sc)
	bots := map[string]string{}
	seen := map[string]*watched{}
	for _, mode := range []string{"speaker_view", "gallery_view", "audio_only"} {
		bots[mode] = h.send(m, map[string]any{"recording_mode": mode, "bot_name": "Steno " + mode, "extra": map[string]any{"mode": mode}})
		seen[mode] = h.watch(bots[mode])
	}
	if err := m.WaitAllSaid(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.End()
	for mode, id := range bots {
		t.Run(mode, func(t *testing.T) {
			h.t = t
			d := h.final(id, "bot.completed")
			wantStatuses(t, h.heard(id), "queued", "joining_call", "in_waiting_room", "in_call_not_recording", "in_call_recording", "call_ended", "recording_succeeded", "completed")
			rec := h.download(d, seen[mode].epoch())
			r, err := measure.Measure(t.Context(), rec, m.Truth(), measure.Options{})
			if err != nil {
				t.Fatal(err)
			}
			wantSound(t, r)
			wantNames(t, d)
			if mode == "audio_only" {
				if d.Video != nil {
					t.Error("an audio-only bot has a video")
				}
				wantNoVideoSent(t, m, "Steno audio_only")
				return
			}
			wantPicture(t, r)
		})
	}
}

func wantSound(t *testing.T, r *measure.Report) {
	t.Helper()
	if r.Mix == nil || r.Mix.Found < r.Mix.Utterances {
		t.Fatalf("the mix lacks utterances: %+v", r.Mix)
	}
	if math.Abs(r.Mix.OffsetMS) > 80 || math.Max(math.Abs(r.Mix.MinMS), math.Abs(r.Mix.MaxMS)) > 80 {
		t.Errorf("audio offset %.0f ms (%.0f to %.0f), want at most 80", r.Mix.OffsetMS, r.Mix.MinMS, r.Mix.MaxMS)
	}
	if len(r.People) != 3 || len(r.Missing)+len(r.Strange) > 0 {
		t.Errorf("%d people have their own file; missing %v, strange %v", len(r.People), r.Missing, r.Strange)
	}
	for _, p := range r.People {
		if math.Abs(p.OffsetMS) > 80 || p.LostS > 0.2 {
			t.Errorf("%s: offset %.0f ms, %.2f s lost", p.Name, p.OffsetMS, p.LostS)
		}
	}
	if s := r.Speakers; s == nil || s.DER > 0.05 || s.Confusion > 0 {
		t.Errorf("speakers: %+v, want DER ≤ 5 %% and no confusion", s)
	} else {
		t.Logf("audio %+.0f ms, DER %.2f %%", r.Mix.OffsetMS, 100*s.DER)
	}
}

func wantPicture(t *testing.T, r *measure.Report) {
	t.Helper()
	v := r.Video
	if v == nil || v.AV == nil || v.Coded == 0 {
		t.Fatalf("no picture that can be read: %+v", v)
	}
	if math.Abs(v.AV.MedianMS) > 80 || v.AV.MaxMS > 80 {
		t.Errorf("A/V offset %.0f ms, at most %.0f ms; want 80", v.AV.MedianMS, v.AV.MaxMS)
	}
	if v.FrozenRatio > 0.05 {
		t.Errorf("the picture stands still for %.0f %% of the time", 100*v.FrozenRatio)
	}
	t.Logf("A/V %+.0f ms (at most %.0f), drift %.1f ms, frozen %.1f %%", v.AV.MedianMS, v.AV.MaxMS, v.AV.DriftMS, 100*v.FrozenRatio)
}

func wantNames(t *testing.T, d demo.Details) {
	t.Helper()
	var speakers []string
	for _, s := range d.Speakers {
		speakers = append(speakers, s.Name)
	}
	slices.Sort(speakers)
	if want := []string{"Ada Blue", "Ben Red", "Cora Green"}; !slices.Equal(speakers, want) {
		t.Errorf("speakers %v, want %v", speakers, want)
	}
}

func wantNoVideoSent(t *testing.T, m *lab.Meeting, name string) {
	t.Helper()
	for _, g := range m.Truth().Guests {
		if g.Name == name && (g.Video || g.Frames > 0) {
			t.Errorf("%d video frames were sent to the audio-only bot", g.Frames)
		}
	}
}

func wantStatuses(t *testing.T, heard []string, want ...string) {
	t.Helper()
	var got []string
	for _, e := range heard {
		if e != "bot.completed" && e != "bot.failed" {
			got = append(got, e)
		}
	}
	slices.Sort(got) // webhooks promise no order
	sorted := slices.Sorted(slices.Values(want))
	if !slices.Equal(got, sorted) {
		t.Errorf("status webhooks %v, want each of %v once", got, want)
	}
}

func statusCode(body json.RawMessage) string {
	var data struct {
		Status struct {
			Code string `json:"code"`
		} `json:"status"`
	}
	_ = json.Unmarshal(body, &data)
	return data.Status.Code
}
