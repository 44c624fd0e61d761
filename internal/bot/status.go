// Package bot is the room of meeting bots: what a bot is, which states it goes
// through, what its end means. It knows no SQL, no HTTP and no browser.
package bot

import "slices"

// Status is a bot status code of API v2 (digest 5.1).
type Status string

// The status codes.
const (
	Queued           Status = "queued"
	PickupDelayed    Status = "pickup_delayed"
	JoiningCall      Status = "joining_call"
	InWaitingRoom    Status = "in_waiting_room"
	InWaitingForHost Status = "in_waiting_for_host"
	InCall           Status = "in_call_not_recording"
	Recording        Status = "in_call_recording"
	Paused           Status = "recording_paused"
	Resumed          Status = "recording_resumed"
	CallEnded        Status = "call_ended"
	RecordingDone    Status = "recording_succeeded"
	RecordingFailed  Status = "recording_failed"
	Transcribing     Status = "transcribing"
	Completed        Status = "completed"
	Failed           Status = "failed"

	// Signals: they explain an imminent end.
	APIRequestStop     Status = "api_request_stop"
	BotRejected        Status = "bot_rejected"
	BotRemoved         Status = "bot_removed"
	BotRemovedTooEarly Status = "bot_removed_too_early"
	WaitingRoomTimeout Status = "waiting_room_timeout"
	InvalidMeetingURL  Status = "invalid_meeting_url"
	MeetingError       Status = "meeting_error"
)

// Statuses lists every status code, in the order of a bot's life.
var Statuses = []Status{
	Queued, PickupDelayed, JoiningCall, InWaitingRoom, InWaitingForHost, InCall, Recording, Paused, Resumed,
	APIRequestStop, BotRejected, BotRemoved, BotRemovedTooEarly, WaitingRoomTimeout, InvalidMeetingURL, MeetingError,
	CallEnded, RecordingDone, RecordingFailed, Transcribing, Completed, Failed,
}

// Terminal reports whether a bot in this status has ended for good.
func (s Status) Terminal() bool { return s == Completed || s == Failed }

// Known reports whether s is one of the status codes.
func (s Status) Known() bool {
	return slices.Contains(Statuses, s)
}
