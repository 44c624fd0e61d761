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
	EndDiskFull         EndCode = "DISK_FULL" // ours: the bot's folder could take no more
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
