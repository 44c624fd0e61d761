package stream

import "steno/internal/record/tracks"

// intake is where the recording hands over its audio. Nothing of it blocks.
type intake struct {
	heard chan tracks.Sound
	pause chan bool
}

func newIntake() intake {
	return intake{heard: make(chan tracks.Sound, waiting), pause: make(chan bool, 1)}
}

// Hear takes a frame of audio as it is recorded.
func (i intake) Hear(f tracks.Sound) {
	select {
	case i.heard <- f:
	default: // the machine is starved: the recording goes first
	}
}

// Pause has nothing taken, or lets it go on. What is said in a pause is not sent,
// and no silence in its place.
func (i intake) Pause(on bool) {
	for {
		select {
		case i.pause <- on:
			return
		case <-i.pause: // an older wish
		}
	}
}
