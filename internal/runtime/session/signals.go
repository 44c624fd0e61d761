package session

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals returns what a bot process gives as Options.Leave: SIGTERM and SIGINT
// make the bot leave the meeting and finish, for as long as the process lives.
func Signals() <-chan string {
	leave := make(chan string)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for range signals {
			leave <- "signal"
		}
	}()
	return leave
}
