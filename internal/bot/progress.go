package bot

import "time"

// Progress is what a bot's journal said since the last report. It is applied
// in one transaction together with the webhooks and jobs that it causes, and
// only once: Seq is the journal sequence number of the last entry covered, and
// a Progress whose Seq is not above the stored one changes nothing.
type Progress struct {
	Seq         int64
	Transitions []Transition
	People      []Participant // complete list as known now; nil: unchanged
	JoinedAt    *time.Time    // the first moment in the call
	ExitedAt    *time.Time
	Artifacts   []StoredArtifact // newly uploaded ones
	Chats       []ChatMessage    // of others, in their order
	Utterances  []Utterance      // that ended, in their order; of bots with a live transcript
	Partial     []Utterance      // all that go on, of bots that tell of them; nil: unchanged
	Result      *Result
	Done        *Done
}

// Transition is one step of a bot's status.
type Transition struct {
	Status  Status
	At      time.Time
	Message string
	Code    EndCode // of MeetingError: what it is; not stored
}

// Participant is somebody in the meeting, as the API shows them. N is the
// sequence number 1, 2, 3 within the meeting.
type Participant struct {
	N           int    `json:"n"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Picture     string `json:"picture,omitempty"`
	TalkMS      int64  `json:"talk_ms,omitempty"` // how long they spoke; 0 for those who did not
}

// StoredArtifact is a file of the recording that is in the object store.
type StoredArtifact struct {
	Kind   string // one of package artifact's kinds
	Name   string // tells per-participant files apart; else empty
	Key    string // storage key
	Bytes  int64
	SHA256 string // hex
	// StoredAt is filled in by lists of screenshots.
	StoredAt time.Time
}

// Result sums up a recording.
type Result struct {
	Duration     time.Duration
	Participants []Participant
	Speakers     []Participant // those who spoke
}

// Done ends a bot: Status is Completed or Failed, Code says why.
type Done struct {
	Status  Status
	Code    EndCode
	Message string
	At      time.Time
	// StreamedIn and StreamedOut are how much audio was streamed in all.
	StreamedIn, StreamedOut time.Duration
}
