package transcription

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/compose"
	"steno/internal/record/journal"
	"steno/internal/record/segment"
	"steno/lab"
	"steno/lab/media"
	"steno/test/internal/words"
)

// Of minutes of talk, in which every fourth speaks into the words of the one before,
// at least 97 words of a hundred of the mix go to those who said them, and all of
// people's own files. Sound, timeline and mix are made by the composer, of packets
// as a bot writes them down.
func TestWordsOfALongTalkGoToThoseWhoSaidThem(t *testing.T) {
	t.Parallel()
	said := longTalk(t, time.Now().Add(-time.Hour).UnixMicro(), 2*time.Minute)
	folder := t.TempDir()
	begin, end := said[0].StartUS-time.Second.Microseconds(), said[len(said)-1].EndUS+time.Second.Microseconds()
	writeDown(t, folder, said, begin, end)
	if _, err := compose.Run(t.Context(), compose.Options{Folder: folder, Mode: bot.AudioOnly}); err != nil {
		t.Fatal(err)
	}
	f := words.Check(t, words.Recording{Folder: filepath.Join(folder, compose.OutDir), Truth: lab.Truth{Said: said},
		Stretches: words.Stretches(nil, begin, end)})
	t.Logf("transcribed: %v", f)
}

// longTalk is who of three says what when.
func longTalk(t *testing.T, at int64, length time.Duration) (said []lab.Utterance) {
	t.Helper()
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	voices, turns := media.Voices(), map[string]int{}
	ms := func(from, to int64) int64 { return (from + rng.Int64N(to-from)) * 1000 }
	who := 0
	for end := at + length.Microseconds(); at < end; {
		who = (who + 1 + rng.IntN(len(voices)-1)) % len(voices)
		voice := voices[who]
		clip := clips[fmt.Sprintf("%s-%d", voice, turns[voice]%6+1)]
		turns[voice]++
		us := func(n int) int64 { return at + int64(n)*1e6/media.SampleRate }
		u := lab.Utterance{Person: voice, Name: "Person " + voice, Clip: clip.Name, StartUS: at, EndUS: us(clip.Samples()),
			FirstUS: us(clip.Speech().Start), LastUS: us(clip.Speech().End)}
		for _, a := range clip.Activity {
			u.Activity = append(u.Activity, lab.Span{FromUS: us(a.Start), ToUS: us(a.End)})
		}
		said = append(said, u)
		if at = u.LastUS; rng.IntN(4) == 0 {
			at -= ms(200, 1000)
		} else {
			at += ms(150, 900)
		}
	}
	return said
}

// writeDown makes a bot's folder of what was said: a track each, silent packets
// now and then, all arriving a little late.
func writeDown(t *testing.T, folder string, said []lab.Utterance, begin, end int64) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	clips, err := media.Clips()
	must(err)
	now := begin
	log, _, err := journal.Open(folder, clock.Func(func() time.Time { return time.UnixMicro(now).UTC() }))
	must(err)
	write := func(e journal.Entry) {
		_, err := log.Append(e)
		must(err)
	}
	write(journal.Entry{Epoch: &journal.Epoch{UnixMicro: begin}})
	rng := rand.New(rand.NewPCG(2, 2))
	for _, voice := range media.Voices() {
		write(journal.Entry{Person: &journal.Person{ID: voice, Name: "Person " + voice}})
		write(journal.Entry{Track: &journal.Track{ID: voice, Kind: "audio", Codec: "opus", ClockRate: media.SampleRate}})
		write(journal.Entry{Bind: &journal.Bind{Track: voice, Person: voice, Source: "roster"}})
		w, err := segment.Create(segment.Path(folder, voice, 1))
		must(err)
		packet := func(at int64, level byte, payload []byte) {
			w.Add(segment.Frame{Level: 1 + uint16(level), RTP: uint32((at - begin) * media.SampleRate / 1e6), Arrival: at + rng.Int64N(20_000), Payload: payload})
		}
		at := begin
		for _, u := range said {
			if u.Person != voice {
				continue
			}
			for ; at < u.StartUS-400_000; at += 400_000 {
				packet(at, 127, media.Silence)
			}
			clip := clips[u.Clip]
			for i, p := range clip.Packets {
				packet(u.StartUS+int64(i)*20_000, clip.Level[i], p)
			}
			at = u.EndUS
		}
		must(w.Close())
	}
	now = end
	write(journal.Entry{End: &journal.End{Code: bot.EndAPIRequest, Recorded: true}})
	must(log.Close())
}
