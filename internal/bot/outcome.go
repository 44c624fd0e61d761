package bot

// EndCode says why a bot ended (digest 6). Normal codes end as completed and
// are kept internally; the others end as failed and are the error_code.
type EndCode string

// Normal ends.
const (
	EndRemoved          EndCode = "BOT_REMOVED"
	EndNoAttendees      EndCode = "NO_ATTENDEES"
	EndNoSpeaker        EndCode = "NO_SPEAKER"
	EndRecordingTimeout EndCode = "RECORDING_TIMEOUT"
	EndAPIRequest       EndCode = "API_REQUEST"
	EndMeetingEnded     EndCode = "MEETING_ENDED" // ours: the platform said that the meeting is over
)

// Failures.
const (
	EndNotAccepted      EndCode = "BOT_NOT_ACCEPTED"
	EndTimeoutWaiting   EndCode = "TIMEOUT_WAITING_TO_START"
	EndCannotJoin       EndCode = "CANNOT_JOIN_MEETING"
	EndRemovedTooEarly  EndCode = "BOT_REMOVED_TOO_EARLY"
	EndInvalidURL       EndCode = "INVALID_MEETING_URL"
	EndLoginRequired    EndCode = "LOGIN_REQUIRED"
	EndInternalError    EndCode = "INTERNAL_ERROR"
	EndOOMKilled        EndCode = "OOM_KILLED"
	EndSIGTERM          EndCode = "SIGTERM"
	EndForceKilled      EndCode = "FORCE_KILLED"
	EndGeneralError     EndCode = "GENERAL_ERROR"
	EndExitBeforeRecord EndCode = "EXITING_MEETING_BEFORE_RECORD"
	EndUnknown          EndCode = "UNKNOWN_ERROR"
	EndRecordingStart   EndCode = "RECORDING_START_TIMEOUT"
	EndWaitingForHost   EndCode = "WAITING_FOR_HOST_TIMEOUT"

	EndTranscriptionFailed EndCode = "TRANSCRIPTION_FAILED"
	EndStreamingSetup      EndCode = "STREAMING_SETUP_FAILED"

	// Refused at the time of joining.
	EndInsufficientTokens EndCode = "INSUFFICIENT_TOKENS"
	EndDailyCap           EndCode = "DAILY_BOT_CAP_REACHED"
	EndAlreadyExists      EndCode = "BOT_ALREADY_EXISTS"
	EndNoOwnKey           EndCode = "BYOK_TRANSCRIPTION_NOT_ENABLED_ON_PLAN"
	EndMissed             EndCode = "JOIN_TIME_MISSED" // ours: no server was there to start the bot in time

	EndDiskFull EndCode = "DISK_FULL" // ours: the bot's folder could take no more
)

// Normal reports whether a bot that ended so, with something recorded, counts
// as completed.
func (c EndCode) Normal() bool {
	switch c {
	case EndRemoved, EndNoAttendees, EndNoSpeaker, EndRecordingTimeout, EndAPIRequest, EndMeetingEnded:
		return true
	}
	return false
}

// texts explains the failures to people.
var texts = map[EndCode]string{
	EndNotAccepted:      "The bot was not let into the meeting.",
	EndTimeoutWaiting:   "The bot waited too long to be let in or for somebody to join.",
	EndWaitingForHost:   "Nobody began the meeting while the bot waited.",
	EndCannotJoin:       "The meeting does not exist or cannot be reached.",
	EndRemovedTooEarly:  "The bot was removed before there was anything worth keeping.",
	EndInvalidURL:       "The meeting URL leads to no meeting.",
	EndLoginRequired:    "The meeting admits signed-in users only.",
	EndInternalError:    "The recording stopped because of an unexpected error.",
	EndOOMKilled:        "The bot ran out of memory.",
	EndSIGTERM:          "The bot was told to terminate by its host.",
	EndForceKilled:      "The bot was killed.",
	EndGeneralError:     "The bot ended with an error.",
	EndExitBeforeRecord: "The bot left the meeting before it recorded anything.",
	EndStreamingSetup:   "The streaming of the bot cannot be set up.",
	EndDiskFull:         "The disk of the bot's host is full.",
	EndMissed:           "No server was there to start the bot in time.",
}

// Text explains the code in a sentence, for ends that came without their own.
func (c EndCode) Text() string {
	if t, ok := texts[c]; ok {
		return t
	}
	return "The bot ended for an unknown reason."
}
