package compose

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"steno/internal/record/journal"
	"steno/internal/record/mp4"
	"steno/internal/record/speakers"
)

// finish puts all artifacts in place, the manifest last.
func (c *composer) finish() (Output, error) {
	us, _ := c.story.timeline().rec(c.at)
	samples := us * rate / 1_000_000
	if err := c.sound.write(never); err != nil {
		return Output{}, err
	}
	turns := c.sound.turns(samples)
	people := c.story.participants(func(p *person) bool {
		return len(turns[p]) > 0 || c.sound.hasFile(p) || p.name != "" || c.filmed(p)
	})
	out := Output{Result: c.result(us, people, turns), EndSeq: c.story.endSeq}
	if err := c.fresh(); err != nil {
		return out, err
	}
	// What can be made while the encoders finish is made meanwhile.
	steps := []func() ([]journal.Artifact, error){
		func() ([]journal.Artifact, error) { return c.diarization(people, turns) },
		func() ([]journal.Artifact, error) { return c.voices(people, samples) },
		func() ([]journal.Artifact, error) { return c.chat(people) },
		func() ([]journal.Artifact, error) { return c.captions(us, people) },
		func() ([]journal.Artifact, error) { return c.breaks(us) },
		func() ([]journal.Artifact, error) { return c.mixed(samples) },
		func() ([]journal.Artifact, error) { return c.video() },
	}
	for _, step := range steps {
		list, err := step()
		if err != nil {
			return out, err
		}
		out.Artifacts = append(out.Artifacts, list...)
	}
	err := c.manifest(out)
	if err == nil && c.film != nil {
		for n := range (c.film.tick + c.chunk - 1) / c.chunk {
			for _, name := range finishedChunks(c.work, n) {
				_ = os.Remove(name) // only room on the disk
			}
		}
	}
	return out, err
}

// manifest writes what came out, which makes it final.
func (c *composer) manifest(out Output) error {
	b, err := json.MarshalIndent(out, "", "\t")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return c.put(filepath.Base(Manifest), func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// filmed reports whether a person had a video track.
func (c *composer) filmed(p *person) bool {
	for _, t := range c.story.tracks {
		if t.Kind == "video" && t.unknown[0] == p {
			return true
		}
	}
	return false
}

// fresh empties the out folder of what an earlier composer finished.
func (c *composer) fresh() error {
	dir := filepath.Join(c.Folder, OutDir)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("compose: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "participants"), 0o700); err != nil {
		return fmt.Errorf("compose: %w", err)
	}
	return nil
}

func (c *composer) result(us int64, people []*participant, turns map[*person][]speakers.Turn) journal.Result {
	r := journal.Result{DurationMS: us / 1000, Participants: []journal.Speaker{}, Speakers: []journal.Speaker{}}
	for _, p := range people {
		s := journal.Speaker{N: p.n, Name: p.name, DisplayName: p.display, Picture: p.picture}
		for _, t := range turns[p.person] {
			s.TalkMS += (t.To - t.From) * 1000 / rate
		}
		r.Participants = append(r.Participants, s)
		if s.TalkMS > 0 {
			r.Speakers = append(r.Speakers, s)
		}
	}
	gaps := append([]span(nil), c.story.timeline().within(c.story.gaps, us)...)
	sort.Slice(gaps, func(i, j int) bool { return gaps[i].from < gaps[j].from })
	last := int64(0)
	for _, g := range gaps {
		if g.to > last {
			r.LostMS += (g.to - max(g.from, last)) / 1000
			last = g.to
		}
	}
	return r
}

// diarization writes who spoke when.
func (c *composer) diarization(people []*participant, turns map[*person][]speakers.Turn) ([]journal.Artifact, error) {
	type line struct {
		Speaker string  `json:"speaker"`
		Start   float64 `json:"start_time"`
		End     float64 `json:"end_time"`
	}
	var lines []line
	seconds := func(n int64) float64 { return float64(n*1000/rate) / 1000 }
	for _, p := range people {
		for _, t := range turns[p.person] {
			lines = append(lines, line{p.name, seconds(t.From), seconds(t.To)})
		}
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].Start < lines[j].Start })
	return c.artifact(KindDiarization, "diarization.jsonl", "", jsonLines(lines))
}

// breaks writes the moments, in seconds, at which the recording does not go on
// where it stopped, if there are any: where a pause was cut out, and where a gap
// begins and ends.
func (c *composer) breaks(us int64) ([]journal.Artifact, error) {
	type line struct {
		At float64 `json:"at"`
	}
	clock := c.story.timeline()
	var at []int64
	for _, p := range c.story.pauses {
		cut, _ := clock.rec(p.from)
		at = append(at, cut)
	}
	for _, g := range clock.within(c.story.gaps, us) {
		at = append(at, g.from, g.to)
	}
	slices.Sort(at)
	var lines []line
	for _, t := range slices.Compact(at) {
		if t > 0 && t < us {
			lines = append(lines, line{float64(t/1000) / 1000})
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	return c.artifact(KindBreaks, "breaks.jsonl", "", jsonLines(lines))
}

// chat writes the messages, if there were any (digest section 7). Those of the
// bot have no sender_id (C38).
func (c *composer) chat(people []*participant) ([]journal.Artifact, error) {
	type message struct {
		ID         string    `json:"message_id"`
		SenderName string    `json:"sender_name"`
		SenderID   *int      `json:"sender_id"`
		Text       string    `json:"text"`
		Timestamp  time.Time `json:"timestamp"`
	}
	if len(c.story.chats) == 0 {
		return nil, nil
	}
	list := []message{}
	for _, m := range c.story.chats {
		one := message{ID: m.ID, SenderName: m.Sender, Text: m.Text, Timestamp: m.SentAt}
		if !m.Self {
			one.SenderID = only(people, m.Sender)
		}
		list = append(list, one)
	}
	return c.artifact(KindChat, "chat_messages.json", "", func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(list)
	})
}

// captions writes the lines that the platform itself showed of what was said, on
// the recording's clock, if there were any. us is the length of the recording.
// What was said in a pause is left out.
func (c *composer) captions(us int64, people []*participant) ([]journal.Artifact, error) {
	type line struct {
		Speaker  string  `json:"speaker"`
		Start    float64 `json:"start_time"`
		End      float64 `json:"end_time"`
		Text     string  `json:"text"`
		Language string  `json:"language,omitempty"`
	}
	var lines []line
	clock := c.story.timeline()
	for _, id := range c.story.captionIDs {
		said := c.story.captions[id]
		for _, s := range clock.within([]span{{said.From, max(said.To, said.From+1)}}, us) {
			if said.Text = strings.TrimSpace(said.Text); said.Text != "" {
				lines = append(lines, line{c.captioned(said, people), float64(s.from/1000) / 1000, float64(s.to/1000) / 1000, said.Text, said.Language})
			}
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].Start < lines[j].Start })
	return c.artifact(KindCaptions, "captions.jsonl", "", jsonLines(lines))
}

// captioned is the name of whoever said a line: the participant's, so that it is
// the same in all files, else the one that the captions showed.
func (c *composer) captioned(said journal.Caption, people []*participant) string {
	for _, p := range people {
		if said.Person != "" && c.story.byID[said.Person] == p.person {
			return p.name
		}
	}
	return said.Name
}

// only is the number of the one participant of a name, nil if nobody or several
// have it.
func only(people []*participant, name string) (n *int) {
	for _, p := range people {
		if p.name != name {
			continue
		}
		if n != nil {
			return nil
		}
		n = &p.n
	}
	return n
}

// voices finishes the people's own files.
func (c *composer) voices(people []*participant, samples int64) ([]journal.Artifact, error) {
	stale := c.sound.misattributed()
	var list []journal.Artifact
	for _, p := range people {
		if p.mix {
			continue // nobody's own
		}
		f := c.sound.files[p.person]
		if stale[p.person] {
			var err error
			if f, err = c.sound.rewrite(p.person, c.at); err != nil {
				return nil, err
			}
		}
		var path string
		var err error
		if f != nil {
			path, err = f.path, f.finish(samples)
		} else if raw := c.sound.raws[p.person]; raw != nil {
			path, err = raw.path, raw.finish(samples)
		} else {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("finish participant file: %w", err)
		}
		name := VoiceFile(p.n, p.name)
		a, err := c.adopt(KindParticipantAudio, path, name, p.name)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// VoiceFile is the name of a participant's own file, below OutDir.
func VoiceFile(n int, name string) string {
	return fmt.Sprintf("participants/%d-%s.opus", n, safe(name))
}

// safe makes a file name of a person's: letters, digits, dots and dashes.
func safe(name string) string {
	s := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, name)
	s = strings.Trim(s, "._")
	for len(s) > 80 {
		r := []rune(s)
		s = string(r[:len(r)-1])
	}
	if s == "" {
		return "participant"
	}
	return s
}

// mixed finishes the mix.
func (c *composer) mixed(samples int64) ([]journal.Artifact, error) {
	if err := c.sound.mix.finish(samples); err != nil {
		return nil, err
	}
	a, err := c.adopt(KindAudio, c.sound.mix.temp[0], "output.flac", "")
	return []journal.Artifact{a}, err
}

// video joins the chunks and the sound.
func (c *composer) video() ([]journal.Artifact, error) {
	if c.film == nil {
		return nil, nil
	}
	temp, err := c.join("video.mp4.tmp", c.film.tick*tickUS)
	if err != nil {
		return nil, err
	}
	a, err := c.adopt(KindVideo, temp, "video.mp4", "")
	return []journal.Artifact{a}, err
}

// join makes a file of the chunks and so much of the sound, µs; nothing is
// encoded again.
func (c *composer) join(name string, us int64) (string, error) {
	files, err := chunkFiles(c.work, (c.film.tick+c.chunk-1)/c.chunk)
	if err != nil {
		return "", err
	}
	temp := filepath.Join(c.work, name)
	err = mp4.Join(temp, files, c.sound.mix.temp[1], time.Duration(us)*time.Microsecond)
	var mixed *mp4.MixedError
	if errors.As(err, &mixed) {
		// The encoder was replaced while this was recorded: what the old one made, the
		// next composer makes anew.
		for _, piece := range mixed.Pieces {
			err = errors.Join(err, os.Remove(piece))
		}
	}
	return temp, err
}

// artifact writes a file below out.
func (c *composer) artifact(kind, name, who string, write func(io.Writer) error) ([]journal.Artifact, error) {
	if err := c.put(name, write); err != nil {
		return nil, err
	}
	a, err := c.describe(kind, name, who)
	return []journal.Artifact{a}, err
}

// put writes a file below out, which is there whole or not at all.
func (c *composer) put(name string, write func(io.Writer) error) error {
	path := filepath.Join(c.Folder, OutDir, name)
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w := bufio.NewWriter(f)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if serr := f.Sync(); err == nil {
		err = serr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// adopt moves a finished file below out.
func (c *composer) adopt(kind, from, name, who string) (journal.Artifact, error) {
	if err := os.Rename(from, filepath.Join(c.Folder, OutDir, name)); err != nil {
		return journal.Artifact{}, fmt.Errorf("finish %s: %w", name, err)
	}
	return c.describe(kind, name, who)
}

func (c *composer) describe(kind, name, who string) (journal.Artifact, error) {
	f, err := os.Open(filepath.Join(c.Folder, OutDir, name))
	if err != nil {
		return journal.Artifact{}, fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return journal.Artifact{}, fmt.Errorf("read %s: %w", name, err)
	}
	return journal.Artifact{
		Kind: kind, Path: filepath.Join(OutDir, name), Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil)), Name: who,
	}, nil
}

// jsonLines writes a JSON value a line.
func jsonLines[T any](lines []T) func(io.Writer) error {
	return func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for _, l := range lines {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		return nil
	}
}
