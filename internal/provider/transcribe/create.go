package transcribe

import (
	"context"
	"encoding/json"
	"slices"

	"steno/internal/transcript"
)

// Create makes a job, but not a second one: where it is open whether an earlier
// call made one (again), or whether this one did, it looks first. find returns
// an empty id if there is none.
func Create(ctx context.Context, d *Door, again bool, create, find func() (string, error)) (transcript.Submission, error) {
	for try := 1; ; try++ {
		if again {
			id, err := find()
			if err != nil || id != "" {
				return transcript.Submission{ID: id}, err
			}
		}
		id, err := create()
		e := transcript.AsError(err)
		if e == nil || e.Kind != transcript.Transient {
			return transcript.Submission{ID: id}, err
		}
		if try == tries {
			return transcript.Submission{}, err
		}
		again = true
		if err := d.Wait(ctx); err != nil {
			return transcript.Submission{}, err
		}
	}
}

// Calls reports whether a job is to call back: not where nobody wants it, or the
// caller's own options say, under one of the names, whether and where to.
func Calls(r transcript.Request, names ...string) bool {
	custom := map[string]json.RawMessage{}
	_ = json.Unmarshal(r.Custom, &custom) // what is no object is refused when it is sent
	return r.Callback != nil && !slices.ContainsFunc(names, func(n string) bool { _, set := custom[n]; return set })
}

// Deleted takes what is gone for deleted.
func Deleted(err error) error {
	if e := transcript.AsError(err); e != nil && e.Kind == transcript.Gone {
		return nil
	}
	return err
}
