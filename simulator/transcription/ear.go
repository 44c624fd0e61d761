package transcription

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Heard is what is in audio; times are seconds from its beginning.
type Heard struct {
	Duration float64
	Language string // ISO 639-1
	Words    []Said
}

// Said is a word.
type Said struct {
	Text       string
	Start, End float64
	Voice      int
}

// shaken moves the times of words a little, always in the same way for the same
// audio.
func (h Heard) shaken(seed uint64, jitter time.Duration) Heard {
	if h.Language == "" {
		h.Language = "en"
	}
	if jitter <= 0 {
		return h
	}
	rng := rand.New(rand.NewPCG(seed, 0x3a7))
	off := func() float64 { return (2*rng.Float64() - 1) * jitter.Seconds() }
	words := make([]Said, len(h.Words))
	for i, w := range h.Words {
		w.Start = round(min(max(w.Start+off(), 0), h.Duration))
		w.End = round(min(max(w.End+off(), w.Start+0.01), h.Duration))
		words[i] = w
	}
	h.Words = words
	return h
}

func round(s float64) float64 { return math.Round(s*1000) / 1000 }

// text is all words as a sentence.
func (h Heard) text() string {
	words := make([]string, len(h.Words))
	for i, w := range h.Words {
		words[i] = w.Text
	}
	return strings.Join(words, " ")
}

// parts are the words in groups that a pause or another voice ends.
func (h Heard) parts() (list [][]Said) {
	for i, w := range h.Words {
		if i == 0 || w.Start-h.Words[i-1].End > 0.8 || w.Voice != h.Words[i-1].Voice {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], w)
	}
	return list
}

// bare is a word as it is without its punctuation.
func bare(word string) string { return strings.ToLower(strings.Trim(word, ".,!?;:")) }

var errNoAudio = errors.New("the file is no audio")

// script is a text that is read wherever there is a voice.
type script []string

func reader(text string) script {
	if strings.TrimSpace(text) == "" {
		text = `Let us begin. I have looked at the numbers of last week, and they are better than we thought.
			Which of them do you mean? The first ones, I think. We should tell the others about it tomorrow.`
	}
	return strings.Fields(text)
}

// hear reads the script into the voices of an Ogg Opus file: packets of silence
// are small. Of WAV and FLAC files only the length is known, and all of it is
// voice.
func (s script) hear(audio []byte) (Heard, error) {
	voices, length, err := voiced(audio)
	if err != nil {
		return Heard{}, err
	}
	h := Heard{Duration: round(length)}
	n := 0
	for _, v := range voices {
		for at := v[0]; ; n++ {
			word := s[n%len(s)]
			end := at + 0.12 + 0.05*float64(len(word))
			if end > v[1] {
				break
			}
			h.Words = append(h.Words, Said{Text: word, Start: round(at), End: round(end)})
			at = end + 0.06
		}
	}
	return h, nil
}

// voiced returns where audio has a voice, and how long it is, in seconds.
func voiced(b []byte) (spans [][2]float64, length float64, err error) {
	switch {
	case len(b) > 27 && string(b[:4]) == "OggS":
		return opus(b)
	case len(b) > 44 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WAVE":
		length = float64(len(b)-44) / float64(max(binary.LittleEndian.Uint32(b[28:]), 1))
	case len(b) > 42 && string(b[:4]) == "fLaC":
		info := binary.BigEndian.Uint64(b[18:]) // 20 bits rate, 3 channels, 5 depth, 36 samples
		length = float64(info&(1<<36-1)) / float64(max(info>>44, 1))
	default:
		return nil, 0, errNoAudio
	}
	return [][2]float64{{0, length}}, length, nil
}

// opus walks through the packets of an Ogg Opus file.
func opus(b []byte) (spans [][2]float64, length float64, err error) {
	packets := 0
	size, at, last := 0, 0.0, 0.0
	for len(b) >= 27 {
		if string(b[:4]) != "OggS" || len(b) < 27+int(b[26]) {
			return nil, 0, errNoAudio
		}
		lacing := b[27 : 27+int(b[26])]
		body := b[27+len(lacing):]
		if g := binary.LittleEndian.Uint64(b[6:]); g != math.MaxUint64 {
			last = float64(g) / 48000
		}
		used, first := 0, 0
		for _, l := range lacing {
			if size == 0 {
				first = used
			}
			size += int(l)
			used += int(l)
			if l == 255 {
				continue
			}
			if used > len(body) {
				return nil, 0, errNoAudio
			}
			if packets++; packets == 1 && (size < 8 || string(body[first:first+8]) != "OpusHead") {
				return nil, 0, errNoAudio
			}
			if packets > 2 && size > 0 {
				spans, at = loud(spans, at, body[first], size)
			}
			size = 0
		}
		if used > len(body) {
			return nil, 0, errNoAudio
		}
		b = body[used:]
	}
	if packets < 3 {
		return nil, 0, errNoAudio
	}
	return spans, last, nil
}

// loud counts a packet in; toc is its first byte (RFC 6716 section 3.1).
func loud(spans [][2]float64, at float64, toc byte, size int) ([][2]float64, float64) {
	ms := []float64{10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20}[toc>>3]
	if toc&3 == 1 || toc&3 == 2 {
		ms *= 2
	}
	end := at + ms/1000
	if size > 12 {
		if n := len(spans); n > 0 && at-spans[n-1][1] < 0.2 {
			spans[n-1][1] = end
		} else {
			spans = append(spans, [2]float64{at, end})
		}
	}
	return spans, end
}
