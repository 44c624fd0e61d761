package session

import (
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/journal"
)

// Bury ends a bot for whom no process can be made to do it: it writes the last
// entries of a failure, where they are missing. It returns ErrBusy while a
// process works on the folder.
func Bury(folder string, clk clock.Clock, message string) error {
	held, err := lock(folder)
	if err != nil {
		return err
	}
	defer held.Close()
	dropBallast(folder)
	w, entries, err := journal.Open(folder, clk)
	if err != nil {
		return err
	}
	defer w.Close()
	m := recall(entries)
	var last []journal.Entry
	if m.end == nil {
		last = append(last, journal.Entry{End: &journal.End{Code: bot.EndInternalError, Message: message, Recorded: m.epoch != 0}})
	}
	if m.done == nil {
		last = append(last,
			journal.Entry{State: &journal.State{Code: bot.RecordingFailed, Message: message}},
			journal.Entry{Done: &journal.Done{Status: bot.Failed, Code: bot.EndInternalError}})
	}
	for _, e := range last {
		if _, err := w.Append(e); err != nil {
			return err
		}
	}
	return nil
}
