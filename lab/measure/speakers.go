package measure

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
)

// Diarization compares who is said to have spoken with who did. Times are in
// seconds; there is no collar around boundaries.
type Diarization struct {
	// DER is (Missed + FalseAlarm + Confused) / Speech.
	DER        float64  `json:"der"`
	SpeechS    float64  `json:"speech_s"`
	MissedS    float64  `json:"missed_s"`
	FalseS     float64  `json:"false_s"`
	ConfusedS  float64  `json:"confused_s"`
	Confusion  float64  `json:"confusion"`   // Confused / Speech
	NamesRight bool     `json:"names_right"` // the set of speakers is that of the truth
	Names      []string `json:"names"`
	Expected   []string `json:"expected"`
}

// Turn is a stretch of speech of one person, in seconds.
type Turn struct {
	Who      string
	From, To float64
}

func (m *measurer) speakers(_ context.Context, r *Report) error {
	if m.rec.Diarization == "" {
		return nil
	}
	said, err := ReadTurns(m.rec.Diarization)
	if err != nil {
		return err
	}
	if r.Duration == 0 && len(said) > 0 { // nothing else to tell the length
		for _, t := range said {
			m.until(r, seconds(t.To))
		}
	}
	from, to := float64(m.o.FromUS-m.rec.EpochUS)/1e6, float64(m.end(r)-m.rec.EpochUS)/1e6
	r.Speakers = Compare(clip(m.trueTurns(), from, to), clip(said, from, to))
	return nil
}

// trueTurns are the turns of the truth with short pauses closed.
func (m *measurer) trueTurns() []Turn {
	byName := map[string][]Turn{}
	for _, u := range m.truth.Said {
		for _, a := range u.Activity {
			byName[u.Name] = append(byName[u.Name], Turn{u.Name, float64(a.FromUS-m.rec.EpochUS) / 1e6, float64(a.ToUS-m.rec.EpochUS) / 1e6})
		}
	}
	var out []Turn
	for _, list := range byName {
		out = append(out, closeGaps(list, m.o.MaxGap.Seconds())...)
	}
	return out
}

func closeGaps(list []Turn, gap float64) []Turn {
	sort.Slice(list, func(i, j int) bool { return list[i].From < list[j].From })
	var out []Turn
	for _, t := range list {
		if n := len(out); n > 0 && t.From-out[n-1].To < gap {
			out[n-1].To = max(out[n-1].To, t.To)
			continue
		}
		out = append(out, t)
	}
	return out
}

func clip(list []Turn, from, to float64) []Turn {
	var out []Turn
	for _, t := range list {
		t.From, t.To = max(t.From, from), min(t.To, to)
		if t.To > t.From {
			out = append(out, t)
		}
	}
	return out
}

// ReadTurns reads a diarization file: JSON lines with speaker, start_time and
// end_time in seconds.
func ReadTurns(file string) ([]Turn, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read diarization: %w", err)
	}
	defer f.Close()
	var turns []Turn
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var row struct {
			Speaker string   `json:"speaker"`
			Start   *float64 `json:"start_time"`
			End     *float64 `json:"end_time"`
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("read diarization: line %d: %w", n, err)
		}
		if row.Start == nil || row.End == nil || *row.End < *row.Start {
			return nil, fmt.Errorf("read diarization: line %d: no times, or an end before its start", n)
		}
		turns = append(turns, Turn{row.Speaker, *row.Start, *row.End})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read diarization: %w", err)
	}
	return turns, nil
}

// Compare computes the diarization error rate of turns against the truth.
// Names are compared as they are: a wrong name is confusion.
func Compare(truth, said []Turn) *Diarization {
	d := &Diarization{Expected: names(truth), Names: names(said)}
	d.NamesRight = slices.Equal(d.Names, d.Expected)
	var cuts []float64
	for _, t := range slices.Concat(truth, said) {
		cuts = append(cuts, t.From, t.To)
	}
	sort.Float64s(cuts)
	for i := 1; i < len(cuts); i++ {
		span := cuts[i] - cuts[i-1]
		if span <= 0 {
			continue
		}
		mid := cuts[i-1] + span/2
		is, hear := at(truth, mid), at(said, mid)
		right := 0
		for who := range hear {
			if is[who] {
				right++
			}
		}
		d.SpeechS += span * float64(len(is))
		d.MissedS += span * float64(max(0, len(is)-len(hear)))
		d.FalseS += span * float64(max(0, len(hear)-len(is)))
		d.ConfusedS += span * float64(min(len(is), len(hear))-right)
	}
	if d.SpeechS > 0 {
		d.DER = (d.MissedS + d.FalseS + d.ConfusedS) / d.SpeechS
		d.Confusion = d.ConfusedS / d.SpeechS
	}
	return d
}

func at(list []Turn, t float64) map[string]bool {
	set := map[string]bool{}
	for _, x := range list {
		if x.From <= t && t < x.To {
			set[x.Who] = true
		}
	}
	return set
}

func names(list []Turn) []string {
	set := map[string]bool{}
	for _, t := range list {
		set[t.Who] = true
	}
	out := make([]string, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}
