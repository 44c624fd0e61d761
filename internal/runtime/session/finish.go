package session

import (
	"context"
	"fmt"

	"steno/internal/bot"
	"steno/internal/record/compose"
	"steno/internal/record/journal"
)

// finish makes the artifacts and writes the last entries.
func (s *session) finish(ctx context.Context) error {
	var end journal.End
	s.diary.look(func(m *memory) { end = *m.end })
	dropBallast(s.opt.Folder)
	if err := DropProfile(s.opt.Folder); err != nil {
		s.log.Error("a copy of a signed-in profile is left", "error", err)
	}
	status, message := outcome(end.Code, end.Recorded), end.Message
	if end.Recorded && status == bot.Completed {
		out, err := s.compose(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && s.scarce():
			return fmt.Errorf("%w: %w", ErrUnfinished, err)
		case err != nil:
			s.log.Error("no artifacts", "error", err)
			status, end.Code, message = bot.Failed, bot.EndInternalError, "the recording could not be composed"
		default:
			s.deliver(out)
		}
	}
	if status == bot.Failed {
		s.diary.state(bot.RecordingFailed, message)
	}
	s.diary.write(journal.Entry{Done: &journal.Done{Status: status, Code: end.Code}})
	s.log.Info("bot is done", "status", status, "code", end.Code)
	return s.diary.failure()
}

// compose waits for the composer and returns what it made.
func (s *session) compose(ctx context.Context) (compose.Output, error) {
	unwatch := context.AfterFunc(ctx, s.composer.stop)
	defer unwatch()
	if err := s.composer.wait(); err != nil {
		return compose.Output{}, err
	}
	return compose.ReadOutput(s.opt.Folder)
}

// deliver notes the artifacts that are not in the journal yet.
func (s *session) deliver(out compose.Output) {
	var known map[string]bool
	var summed bool
	s.diary.look(func(m *memory) {
		summed = m.result != nil
		known = make(map[string]bool, len(m.files))
		for path := range m.files {
			known[path] = true
		}
	})
	s.diary.state(bot.RecordingDone, "")
	for _, a := range out.Artifacts {
		if !known[a.Path] {
			s.diary.write(journal.Entry{Artifact: &a})
		}
	}
	if !summed {
		s.diary.write(journal.Entry{Result: &out.Result})
	}
}

// scarce reports whether a failure may well come from want of disk space.
func (s *session) scarce() bool {
	free, size, err := freeSpace(s.opt.Folder)
	return err == nil && free < minFree(s.limits.MinFree, size)
}

// minFree is the space to be kept free on a disk of that size.
func minFree(wanted, size int64) int64 { return min(wanted, size/8) }
