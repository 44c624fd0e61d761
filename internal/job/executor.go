package job

import (
	"context"
	"errors"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// executor runs River's statements. It reports those whose failure leaves
// something behind, and keeps River from pausing for minutes because the
// database was away for one.
type executor struct {
	riverdriver.Executor
	doubt func() // jobs may have been taken that nobody runs
}

// JobGetAvailable takes jobs. When its answer is lost, they may have been taken
// nevertheless.
func (e executor) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) ([]*rivertype.JobRow, error) {
	rows, err := e.Executor.JobGetAvailable(ctx, p)
	if err != nil {
		e.doubt()
	}
	return rows, err
}

// Begin opens a transaction, as River does to stand for election. A candidate
// that gets an error pauses longer each time; one that was not elected comes
// again in five seconds, or when it hears that the leader has gone.
func (e executor) Begin(ctx context.Context) (riverdriver.ExecutorTx, error) {
	tx, err := e.Executor.Begin(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		err = notElected{err}
	}
	return tx, err
}

// notElected counts as the answer that somebody else leads.
type notElected struct{ error }

func (e notElected) Is(target error) bool { return target == rivertype.ErrNotFound } //nolint:errorlint // a sentinel
func (e notElected) Unwrap() error        { return e.error }

// LeaderResign gives the leadership up. What cannot be done now is done by time:
// it runs out.
func (e executor) LeaderResign(ctx context.Context, p *riverdriver.LeaderResignParams) (bool, error) {
	resigned, err := e.Executor.LeaderResign(ctx, p)
	if err != nil && !errors.Is(err, context.Canceled) {
		return false, nil
	}
	return resigned, err
}
