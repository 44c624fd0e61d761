package tracks

// maxDrift is how far decoded audio may be from its arrival, in microseconds,
// before its clock is set anew.
const maxDrift = 80_000

// anchor makes RTP timestamps for decoded audio, which has none. Chunks that
// follow each other are counted, so that they join without a click; the count
// is set to the arrival whenever it drifts away, because a starved decoder
// leaves out time without a word.
type anchor struct {
	rate    int
	started bool
	next    int64 // of the chunk to come, in samples of Unix time
}

// stamp returns the timestamp of a chunk of that many samples.
func (a *anchor) stamp(arrival int64, samples int) uint32 {
	now := int64(float64(arrival) / 1e6 * float64(a.rate))
	drift := (now - a.next) * 1_000_000 / int64(a.rate)
	if !a.started || drift > maxDrift || drift < -maxDrift {
		a.started, a.next = true, now
	}
	at := a.next
	a.next += int64(samples)
	return uint32(at)
}
