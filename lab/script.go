package lab

import (
	"fmt"
	"time"

	"steno/lab/media"
)

// cue is a turn with its time from the beginning of the script.
type cue struct {
	at   time.Duration
	clip *media.Clip
}

// packetTime is the length of an Opus packet.
const packetTime = 20 * time.Millisecond

func clipLength(c *media.Clip) time.Duration { return time.Duration(len(c.Packets)) * packetTime }

// cues lays the turns out in time, for each participant its own. Times are
// whole packets. length is that of one round of the script.
func (s *Scenario) cues() (byName map[string][]cue, length time.Duration, err error) {
	clips, err := media.Clips()
	if err != nil {
		return nil, 0, err
	}
	byName = map[string][]cue{}
	end := time.Duration(0)
	for i, t := range s.Turns {
		at := end + time.Duration(t.Pause)
		if t.At != nil {
			at = time.Duration(*t.At)
		}
		at = max(at.Round(packetTime), 0)
		clip := clips[t.Clip]
		if list := byName[t.Who]; len(list) > 0 {
			last := list[len(list)-1]
			if at < last.at+clipLength(last.clip) {
				return nil, 0, fmt.Errorf("turn %d: %s still speaks at %v", i+1, t.Who, at)
			}
		}
		byName[t.Who] = append(byName[t.Who], cue{at, clip})
		end = at + clipLength(clip)
		length = max(length, end)
	}
	if len(s.Turns) > 0 {
		length += max(time.Duration(s.Turns[0].Pause).Round(packetTime), 0)
	}
	return byName, length, nil
}

// Conversation is a ready-made scenario: n people (at most 6) who talk in
// turns for about the given time, with pauses of about half a second and some
// crosstalk. The door is open and the script begins with the first guest.
func Conversation(code string, n int, length time.Duration) Scenario {
	names := []string{"Ada Blue", "Ben Red", "Cora Green", "Dan Violet", "Eva Amber", "Finn Teal"}
	n = min(max(n, 1), len(names))
	s := Scenario{Code: code}
	for i := range n {
		s.People = append(s.People, Participant{Name: names[i], DTX: i%2 == 1})
	}
	clips, _ := media.Clips() // Open reports the error
	voices := media.Voices()
	// Somebody speaks twice in a row only when alone.
	pauses := []time.Duration{500, 700, -400, 900, 600, 800}
	at := time.Second
	for i := 0; at < length && len(clips) > 0; i++ {
		who := i % n
		clip := fmt.Sprintf("%s-%d", voices[who%len(voices)], (i/n+who/len(voices))%6+1)
		turn := Turn{Who: names[who], Clip: clip, Pause: Duration(pauses[i%len(pauses)] * time.Millisecond)}
		if i == 0 || n == 1 {
			turn.Pause = Duration(time.Second)
		}
		s.Turns = append(s.Turns, turn)
		at += time.Duration(turn.Pause) + clipLength(clips[clip])
	}
	return s
}
