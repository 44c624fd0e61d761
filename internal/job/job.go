// Package job is the queue of background work. It hides River: the rest of the
// program inserts jobs in its own transactions and registers workers, and knows
// no other word of it.
//
// Jobs are at-least-once. A worker must be idempotent: a job whose process died
// is run again, on the same host or another.
package job

import (
	"time"

	"github.com/riverqueue/river"
)

// Args are the arguments of a job: a small struct that becomes JSON, and the
// name of its kind.
type Args interface {
	Kind() string
}

// Opts says how a job is queued. The zero value is right for most.
type Opts struct {
	// Queue is one of the queues below; empty means Default.
	Queue string
	// At is the earliest time to run; zero means now.
	At time.Time
	// MaxAttempts bounds the retries after errors; 0 means 25.
	MaxAttempts int
	// Unique drops the job when one with the same kind and arguments is queued
	// or running.
	Unique bool
}

// The queues. Bots and calendars have workers of their own, so that launches
// never wait behind other work, and other work never behind a slow calendar
// service.
const (
	Default   = "default"
	Bots      = "bots"
	Calendars = "calendars"
)

func (o Opts) river() *river.InsertOpts {
	out := &river.InsertOpts{Queue: o.Queue, MaxAttempts: o.MaxAttempts, ScheduledAt: o.At}
	if out.Queue == "" {
		out.Queue = Default
	}
	if o.Unique {
		out.UniqueOpts = river.UniqueOpts{ByArgs: true}
	}
	return out
}
