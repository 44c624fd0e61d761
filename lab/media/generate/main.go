// Command generate makes the sounds of the lab: it lets espeak-ng speak the
// sentences below, trims them, encodes them with ffmpeg (libopus) and writes
// ../clips/*.ogg with a manifest of when speech is heard, measured in the
// source. Run it from the folder of package media: go generate.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"steno/lab/media"
)

const (
	rate      = media.SampleRate
	frame     = rate / 200 // 5 ms
	threshold = 0.004      // of full scale, root mean square of a frame: -48 dBFS
	maxGap    = rate / 10
	tail      = rate * 60 / 1000 // silence after the last sound, so that the encoder has let it out
)

type voice struct {
	name      string
	args      []string
	sentences []string
}

// The sentences have no commas: a pause in the middle would make the truth
// about who speaks depend on how long a pause may be.
var voices = []voice{
	{"ada", []string{"-v", "en-us+f3", "-p", "70", "-s", "150"}, []string{
		"Good morning everybody and welcome to our weekly planning meeting.",
		"The first point today is the budget for the second quarter of the year.",
		"I believe that we should move the release to the end of next month.",
		"Could you please share the numbers that you collected on Friday afternoon.",
		"Thank you very much and let us write that down as a decision.",
		"Seven customers have asked for the same report since the beginning of March.",
	}},
	{"ben", []string{"-v", "en-gb", "-p", "25", "-s", "140"}, []string{
		"The numbers from last week look better than I had expected them to be.",
		"We still have eleven open problems in the list of the storage team.",
		"My suggestion would be to repeat the measurement on a larger machine.",
		"Yes I agree with that and I can prepare the document until Tuesday.",
		"The second server was restarted four times without losing any data.",
		"There is one more question about the contract with our new supplier.",
	}},
	{"cora", []string{"-v", "en-gb-scotland+f5", "-p", "45", "-s", "175"}, []string{
		"Our visitors liked the new design although they found the colours too bright.",
		"I talked to the people in the harbour office and they want to help us.",
		"Please remember that the workshop begins half an hour earlier on Thursday.",
		"That sounds reasonable to me as long as we test it with real users first.",
		"The photographs will be ready before the end of this week.",
		"Nobody has answered my letter yet so I will call them again tomorrow morning.",
	}},
}

func main() {
	log.SetFlags(0)
	var clips []media.Clip
	for _, v := range voices {
		for i, text := range v.sentences {
			name := fmt.Sprintf("%s-%d", v.name, i+1)
			wav := run("espeak-ng", append(v.args, "--stdout", text)...)
			clips = append(clips, clip(name, v.name, text, pcm(wav)))
		}
	}
	beep := run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=f=1000:d=0.2:r=48000", "-af", "volume=4", "-f", "wav", "-")
	clips = append(clips, clip("beep", "beep", "", pcm(beep)))
	out, err := json.MarshalIndent(clips, "", " ")
	check(err)
	check(os.WriteFile("clips/manifest.json", append(out, '\n'), 0o644))
}

// pcm converts a WAV file to mono samples at 48 kHz, loudest sample at half of
// full scale.
func pcm(wav []byte) []float64 {
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", "-", "-f", "s16le", "-ac", "1", "-ar", fmt.Sprint(rate), "-")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(wav), os.Stderr
	raw, err := cmd.Output()
	check(err)
	samples := make([]float64, len(raw)/2)
	peak := 0.0
	for i := range samples {
		samples[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
		peak = math.Max(peak, math.Abs(samples[i]))
	}
	for i := range samples {
		samples[i] *= 0.5 / peak
	}
	return samples
}

func clip(name, voice, text string, src []float64) media.Clip {
	act := activity(src)
	start, end := act[0].Start, act[len(act)-1].End
	src = append([]float64{}, src[start:min(end, len(src))]...)
	src = append(src, make([]float64, tail)...)
	file := name + ".ogg"
	data := encode(src, filepath.Join("clips", file))
	packets, err := media.OggPackets(data)
	check(err)
	delay, err := media.PreSkip(data)
	check(err)
	for i := range act {
		act[i].Start -= start
		act[i].End -= start
	}
	return media.Clip{
		Name: name, Voice: voice, Text: text, File: file, Activity: act,
		Levels: base64.StdEncoding.EncodeToString(levels(src, len(packets), delay)),
	}
}

func activity(src []float64) []media.Interval {
	var act []media.Interval
	for at := 0; at+frame <= len(src); at += frame {
		if rms(src[at:at+frame]) < threshold {
			continue
		}
		if n := len(act); n > 0 && at-act[n-1].End < maxGap {
			act[n-1].End = at + frame
			continue
		}
		act = append(act, media.Interval{Start: at, End: at + frame})
	}
	return act
}

func levels(src []float64, packets, delay int) []byte {
	out := make([]byte, packets)
	for i := range out {
		from := min(max(i*media.PacketSamples-delay, 0), len(src))
		to := min(max((i+1)*media.PacketSamples-delay, 0), len(src))
		out[i] = 127
		if r := rms(src[from:to]); r > 0 {
			out[i] = byte(min(127, math.Round(-20*math.Log10(r))))
		}
	}
	return out
}

func rms(s []float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range s {
		sum += x * x
	}
	return math.Sqrt(sum / float64(len(s)))
}

func encode(src []float64, path string) []byte {
	raw := make([]byte, 2*len(src))
	for i, x := range src {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(int16(x*32767)))
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ac", "1", "-ar", fmt.Sprint(rate), "-i", "-",
		"-c:a", "libopus", "-b:a", "24k", "-vbr", "on", "-application", "voip", "-frame_duration", "20",
		"-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact", path)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(raw), os.Stderr
	check(cmd.Run())
	data, err := os.ReadFile(path)
	check(err)
	return data
}

func run(name string, args ...string) []byte {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		log.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
