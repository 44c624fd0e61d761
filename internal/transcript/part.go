package transcript

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Part is a chunk of a source on its way through a service. All of it is stored
// before anything acts on it, so that nothing is sent twice.
type Part struct {
	Channel int    `json:"channel"`
	N       int    `json:"n"`
	Tag     string `json:"tag"` // see Request
	Clock   Clock  `json:"clock"`
	Upload  string `json:"upload,omitempty"` // where its audio is at the service
	ID      string `json:"id,omitempty"`     // of the job at the service
	Done    bool   `json:"done,omitempty"`   // what was heard is stored, too
	Anew    int    `json:"anew,omitempty"`   // how often its job was given up
	// Began is when it was first tried: patience with it counts from there.
	Began time.Time `json:"-"`
}

// String names the part within its recording.
func (p Part) String() string { return fmt.Sprintf("%d-%d", p.Channel, p.N) }

// In is the part's name among those of all transcriptions.
func (p Part) In(transcription string) string { return transcription + "." + p.String() }

// PartIn reads what In wrote.
func PartIn(name string) (transcription string, p Part, err error) {
	transcription, rest, _ := strings.Cut(name, ".")
	_, err = fmt.Sscanf(rest, "%d-%d", &p.Channel, &p.N)
	return transcription, p, err
}

// ErrLost is the error of storing a Part of a transcription that somebody else
// has taken over meanwhile.
var ErrLost = errors.New("the transcription is in other hands")
