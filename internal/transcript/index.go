package transcript

import "context"

// Indexed is an utterance as search knows it.
type Indexed struct {
	Speaker    string  // as in the transcript; Nobody if it is not known
	Language   string  // ISO 639-1, empty if not known
	Start, End float64 // seconds of the recording
	Text       string
}

// Index is what was said, to be found again. It belongs to one transaction, in
// which the transcript itself is stored or deleted: what is put is found as soon
// as that has been committed, and what is forgotten no longer.
type Index interface {
	// Put takes in the utterances of a bot's transcript, in order of time, in place
	// of those of an earlier one.
	Put(ctx context.Context, team, bot string, said []Indexed) error
	// Forget removes all of a bot. One of which nothing is known is no error.
	Forget(ctx context.Context, team, bot string) error
}
