package lab

import "time"

// Truth is what really happened in a meeting. All times are wall-clock time in
// Unix microseconds, by the schedule on which packets carry their RTP
// timestamps; how far sending fell behind the schedule is in MaxLateUS.
type Truth struct {
	Code    string       `json:"code"`
	BeginUS int64        `json:"begin_us"` // the script's time zero; 0 if it has not begun
	EndUS   int64        `json:"end_us"`   // the meeting ended; 0 if it goes on
	People  []TruePerson `json:"people"`
	Said    []Utterance  `json:"said"`
	// Captions are the lines that the platform made, as they stand now.
	Captions []TrueCaption `json:"captions"`
	Video    []VideoRun    `json:"video"`
	Guests   []TrueGuest   `json:"guests"`
	// MaxLateUS is the longest that a packet left after its time.
	MaxLateUS int64 `json:"max_late_us"`
}

// TruePerson is a scripted participant as it was in the meeting.
type TruePerson struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Camera  int    `json:"camera"` // number in the timecode; 0: no camera
	JoinUS  int64  `json:"join_us"`
	LeaveUS int64  `json:"leave_us"` // 0: still there
}

// Utterance is a clip as it was sent. Spans are end exclusive.
type Utterance struct {
	Person  string `json:"person"` // ID
	Name    string `json:"name"`
	Clip    string `json:"clip"`
	StartUS int64  `json:"start_us"` // first sample that went into the clip's first packet
	EndUS   int64  `json:"end_us"`   // end of the clip, or of what was sent of it
	// FirstUS and LastUS enclose the sound: the first and the last sample of
	// speech.
	FirstUS int64 `json:"first_us"`
	LastUS  int64 `json:"last_us"`
	// Activity lists the stretches of sound (see media.Clip).
	Activity []Span `json:"activity"`
}

// TrueCaption is a line of the captions, whether or not a page showed it.
type TrueCaption struct {
	Person string `json:"person"` // ID
	Name   string `json:"name"`
	Text   string `json:"text"`
	FromUS int64  `json:"from_us"` // its first words came
	ToUS   int64  `json:"to_us"`   // its last change
}

// Span is a stretch of time in Unix microseconds.
type Span struct {
	FromUS int64 `json:"from_us"`
	ToUS   int64 `json:"to_us"`
}

// VideoRun is an unbroken stretch of camera video: frame n of the run is sent
// at StartUS + n/FPS seconds and is frame (First+n) mod Loop of the loop.
type VideoRun struct {
	Person  string `json:"person"`
	Camera  int    `json:"camera"`
	StartUS int64  `json:"start_us"`
	EndUS   int64  `json:"end_us"` // 0: goes on
	First   int    `json:"first"`
	FPS     int    `json:"fps"`
	Loop    int    `json:"loop"`
}

// FrameTime returns when the frame at a position of the loop was sent last
// before a moment, or false when it was not yet.
func (v VideoRun) FrameTime(position int, beforeUS int64) (us int64, ok bool) {
	frame := func(n int64) int64 { return v.StartUS + n*1e6/int64(v.FPS) }
	loop := int64(v.Loop)
	n := ((int64(position-v.First)%loop + loop) % loop)
	if frame(n) > beforeUS {
		return 0, false
	}
	rounds := (beforeUS - frame(n)) * int64(v.FPS) / (1e6 * loop)
	for rounds > 0 && frame(n+rounds*loop) > beforeUS {
		rounds--
	}
	return frame(n + rounds*loop), true
}

// TrueGuest is a guest (a bot) as the meeting saw it.
type TrueGuest struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	KnockUS  int64  `json:"knock_us"`
	InUS     int64  `json:"in_us"`    // admitted; 0: never
	MediaUS  int64  `json:"media_us"` // the connection for media stood; 0: never
	OutUS    int64  `json:"out_us"`
	Why      string `json:"why"` // left, gone, denied, removed, ended, no_response, cancelled
	Video    bool   `json:"video"`
	Frames   int64  `json:"frames"`    // video frames sent to it
	AudioPkt int64  `json:"audio_pkt"` // audio packets sent to it
}

func us(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
