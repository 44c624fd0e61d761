package demo

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"steno/internal/record/journal"
	"steno/lab/measure"
	"steno/lab/media"
)

// findings is what the demo knows at its end.
type findings struct {
	show     *show
	details  Details
	truth    *measure.Report
	turns    []measure.Turn
	epoch    time.Time
	gaps     []Span
	voices   map[string]string // name → file name in Out
	messages [3]int            // verified, repeated, refused
	cpu      time.Duration
	memory   int64
}

// report measures the recording against the truth, prints the table and
// writes the page.
func (s *show) report(ctx context.Context, d Details, voices map[string]string) error {
	s.say("comparing the recording with what was really said and shown")
	f := findings{show: s, details: d, voices: voices}
	f.read()
	f.messages[0], f.messages[1], f.messages[2] = s.hooks.Counts()
	f.cpu, f.memory = s.meter.Total()
	var err error
	if f.truth, err = measure.Measure(ctx, f.recording(), s.meeting.Truth(), measure.Options{}); err != nil {
		return err
	}
	if f.turns, err = measure.ReadTurns(filepath.Join(s.Out, "diarization.jsonl")); err != nil {
		return err
	}
	slices.SortFunc(s.said, func(a, b Utterance) int { return cmp.Compare(a.ID, b.ID) }) // webhooks may overtake each other
	if err := f.transcript(); err != nil {
		return err
	}
	fmt.Fprintln(s.w)
	facts := f.facts()
	s.table(facts)
	if err := f.page(facts); err != nil {
		return err
	}
	fmt.Fprintf(s.w, "\n  files and player: %s\n", filepath.Join(s.Out, "index.html"))
	return f.check()
}

// read takes the epoch and the gaps from the journal as last seen.
func (f *findings) read() {
	for _, e := range f.show.journal {
		switch {
		case e.Epoch != nil && f.epoch.IsZero():
			f.epoch = time.UnixMicro(e.Epoch.UnixMicro)
		case e.Gap != nil:
			from, to := time.UnixMicro(e.Gap.From), time.UnixMicro(e.Gap.To)
			f.gaps = append(f.gaps, Span{from.Sub(f.epoch), to.Sub(f.epoch), fmt.Sprintf("kill -9, back after %.1f s", to.Sub(from).Seconds())})
		}
	}
}

func (f *findings) recording() measure.Recording {
	rec := measure.Recording{EpochUS: f.epoch.UnixMicro(), People: map[string]string{}}
	path := func(name string) string {
		if _, err := os.Stat(filepath.Join(f.show.Out, name)); err != nil {
			return ""
		}
		return filepath.Join(f.show.Out, name)
	}
	rec.Video, rec.Audio, rec.Diarization = path(videoFile), path(audioFile), path(turnsFile)
	for name, file := range f.voices {
		rec.People[name] = filepath.Join(f.show.Out, file)
	}
	return rec
}

// facts is the table.
func (f *findings) facts() []Fact {
	var facts []Fact
	add := func(name, format string, args ...any) {
		facts = append(facts, Fact{name, fmt.Sprintf(format, args...)})
	}
	talk := map[string]float64{}
	for _, t := range f.turns {
		talk[t.Who] += t.To - t.From
	}
	for _, p := range f.details.Participants {
		add(p.Name, "spoke %.1f s", talk[p.Name])
	}
	add("recorded", "%s", stamp(f.truth.Duration))
	if v := f.truth.Video; v != nil && v.AV != nil {
		add("A/V offset", "%+.0f ms (at most %.0f ms)", v.AV.MedianMS, v.AV.MaxMS)
		add("picture", "%.0f frames/s, %.1f %% of the time frozen", v.FPS, 100*v.FrozenRatio)
	}
	if m := f.truth.Mix; m != nil {
		add("audio offset", "%+.0f ms", m.OffsetMS)
		add("speech lost", "%.1f of %.1f s", m.LostS, m.SpeechS)
	}
	for _, g := range f.gaps {
		add("gap after kill -9", "%.1f s until the bot was back", (g.To - g.From).Seconds())
	}
	if d := f.truth.Speakers; d != nil {
		add("speaker errors (DER, with the gap)", "%.2f %%, of that wrong speaker %.2f %%", 100*d.DER, 100*d.Confusion)
	}
	right, words := f.words()
	add("transcript, by the meeting's captions", "%d utterances, %d words, %d of them by who said them", len(f.show.said), words, right)
	minutes := f.truth.Duration.Minutes()
	add("processor", "%.0f s in all, %.1f s per recorded minute (%.0f %% of a core)", f.cpu.Seconds(), f.cpu.Seconds()/minutes, f.cpu.Seconds()/minutes/0.6)
	add("memory", "%d MB at most (bot, browser, composer and encoders)", f.memory>>20)
	add("webhooks", "%d verified, %d repeated, %d refused", f.messages[0], f.messages[1], f.messages[2])
	return append(facts, f.show.visit.facts()...)
}

// transcript writes what was said, as text.
func (f *findings) transcript() error {
	var b strings.Builder
	for _, u := range f.show.said {
		fmt.Fprintf(&b, "[%s] %s: %s\n", stamp(u.start()), u.Speaker, u.Text)
	}
	return os.WriteFile(filepath.Join(f.show.Out, textFile), []byte(b.String()), 0o600)
}

// words counts the words of the transcript, and those that the person really said
// who is named.
func (f *findings) words() (right, all int) {
	really := map[string]string{}
	clips, err := media.Clips()
	if err != nil {
		return 0, 0
	}
	for _, u := range f.show.meeting.Truth().Said {
		really[u.Name] += " " + clips[u.Clip].Text
	}
	for _, u := range f.show.said {
		n := len(strings.Fields(u.Text))
		if all += n; strings.Contains(really[u.Speaker], u.Text) {
			right += n
		}
	}
	return right, all
}

// page writes the player.
func (f *findings) page(facts []Fact) error {
	p := Player{
		Title:    "Three people, one bot, one kill -9",
		Subtitle: "Recorded by Steno from one API call. In the middle the bot was killed; it came back into the same recording.",
		Audio:    audioFile, Duration: f.truth.Duration, Gaps: f.gaps, Facts: facts,
	}
	if f.details.Video != nil {
		p.Video = videoFile
	}
	for _, person := range f.details.Participants {
		v := Voice{Name: person.Name, File: f.voices[person.Name]}
		for _, t := range f.turns {
			if t.Who == person.Name {
				from, to := time.Duration(t.From*float64(time.Second)), time.Duration(t.To*float64(time.Second))
				v.Turns = append(v.Turns, Span{from, to, fmt.Sprintf("%s, %s to %s", person.Name, stamp(from), stamp(to))})
			}
		}
		p.People = append(p.People, v)
	}
	for _, u := range f.show.said {
		p.Said = append(p.Said, Line{u.start(), u.Speaker, u.Text})
	}
	files, err := os.ReadDir(f.show.Out)
	if err != nil {
		return err
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil && info.Mode().IsRegular() && file.Name() != pageFile {
			p.Files = append(p.Files, Fact{file.Name(), size(info.Size())})
		}
	}
	out, err := os.Create(filepath.Join(f.show.Out, pageFile))
	if err != nil {
		return err
	}
	if err := p.Write(out); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// check makes the demo fail when what it shows is not true.
func (f *findings) check() error {
	switch {
	case len(f.details.Participants) != 3:
		return fmt.Errorf("%d participants were named, there were 3", len(f.details.Participants))
	case f.truth.Speakers == nil || f.truth.Speakers.Confusion > 0:
		return fmt.Errorf("somebody was named as speaking who did not")
	case len(f.show.said) == 0:
		return fmt.Errorf("nothing was told of what was said")
	case f.messages[0] < 4 || f.messages[2] > 0:
		return fmt.Errorf("%d webhooks were verified and %d refused", f.messages[0], f.messages[2])
	}
	return nil
}

func size(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%d kB", (n+999)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// look reads the bot's journal while its folder is there.
func (s *show) look() {
	if entries, err := journal.Read(s.stage.BotFolder(s.bot)); err == nil && len(entries) >= len(s.journal) {
		s.journal = entries
	}
}
