package tracks

// quiet is the audio level, in dB below full scale, from which on nobody
// speaks. Speech is at 15 to 45, a room without speech beyond 55.
const quiet = 50

// loud tells whether an audio frame may be somebody's voice. It errs towards
// yes: a bot that takes talk for silence leaves too early.
func loud(codec string, s sample) bool {
	if s.level > 0 {
		return int(s.level-1) < quiet
	}
	if codec == "opus" {
		return opusLoud(s.payload)
	}
	return true
}

// opusLoud judges an Opus packet without decoding it (RFC 6716, 3.1 and
// 4.2.3). The speech layer says itself whether it holds a voice; its flags are
// the first bits of the frame. A packet of the music layer is judged by its
// size: of silence it needs a few bytes only.
func opusLoud(p []byte) bool {
	if len(p) < 4 {
		return false // discontinuous transmission
	}
	const (
		firstMusicConfig = 16
		oneFrame         = 0
		equalFrames      = 1
		fewBytes         = 20
	)
	toc := p[0]
	config, count := toc>>3, toc&3
	if config >= firstMusicConfig || (count != oneFrame && count != equalFrames) {
		return len(p) > fewBytes
	}
	// 10 and 20 ms have one flag, 40 ms two, 60 ms three; hybrid frames are
	// of 10 or 20 ms.
	flags := 1
	if config < 12 {
		flags = max(1, int(config%4))
	}
	return p[1]>>(8-flags) != 0
}
