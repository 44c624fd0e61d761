// Package calendar is the room of calendars: connections, series, events, the
// engine that keeps them equal to what Google and Microsoft have, and the rules
// that put bots on meetings.
//
// It knows no SQL and no HTTP. Services are called through Provider, and never
// inside of a transaction.
package calendar
