package bot

import (
	"strings"
	"testing"
	"time"
)

func TestFailuresHaveTheNamesOfV1(t *testing.T) {
	for code, want := range map[EndCode]string{
		EndCannotJoin: "meeting_not_found CannotJoinMeeting", EndInvalidURL: "meeting_not_found InvalidMeetingUrl", EndNotAccepted: "access_denied BotNotAccepted",
		EndLoginRequired: "authentication_error LoginRequired", EndInternalError: "internal_error InternalError", EndTimeoutWaiting: "timeout_waiting_to_start TimeoutWaitingToStart",
		EndInsufficientTokens: "insufficient_tokens InsufficientTokens", "": "internal_error UnknownError",
	} {
		if got := code.errorV1() + " " + code.pascal(); got != want {
			t.Errorf("%s is %s, want %s", code, got, want)
		}
	}
}

func TestV1HearsOfItsOwnStatusesOnly(t *testing.T) {
	const heard = "joining_call in_waiting_room in_call_not_recording in_call_recording recording_paused recording_resumed " +
		"bot_rejected bot_removed waiting_room_timeout invalid_meeting_url meeting_error call_ended"
	var told []string
	for _, s := range Statuses {
		if m, ok := statusChangeV1(Bot{ID: "b", TeamID: "t", Surface: SurfaceV1}, Transition{Status: s, At: time.Now()}); ok {
			told = append(told, string(s))
			if m.Surface != SurfaceV1 || m.Event != EventStatusChange || strings.Contains(string(m.Body), "error_") != (s == MeetingError) || strings.Contains(string(m.Body), "extra") {
				t.Errorf("%s: %s", s, m.Body)
			}
		}
	}
	if got := strings.Join(told, " "); got != heard {
		t.Errorf("told of %s", got)
	}
}

func TestV1NamesEachSpeakerOnce(t *testing.T) {
	for given, want := range map[string]string{"": "", "Ada": "Ada", "Ada Grace Ada": "Ada Grace"} {
		got := distinct(strings.Fields(given))
		if got == nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %v", given, got)
		}
	}
}
