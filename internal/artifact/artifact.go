// Package artifact is the room of recorded files: which kinds there are, what
// they are called, where they are kept, and the signed URLs under which they
// are read for a few hours (digest 7).
//
// It must not read or serve a file, and knows no SQL and no HTTP.
package artifact

import (
	"path"
	"strings"
)

// Kind is what a file is.
type Kind string

// The kinds.
const (
	Video            Kind = "video"
	Audio            Kind = "audio"
	Diarization      Kind = "diarization"
	ParticipantAudio Kind = "participant_audio"
	Transcription    Kind = "transcription"
	RawTranscription Kind = "raw_transcription"
	ChatMessages     Kind = "chat_messages"
	Screenshot       Kind = "screenshot"

	// Captions are the lines that the platform itself showed, Breaks the moments at
	// which the recording does not go on where it stopped; they are not handed out.
	Captions Kind = "captions"
	Breaks   Kind = "breaks"
	// Further forms of the transcript.
	TranscriptVTT  Kind = "transcript_vtt"
	TranscriptSRT  Kind = "transcript_srt"
	TranscriptText Kind = "transcript_text"
)

// files are the names of the kinds of which a bot has one.
var files = map[Kind]string{
	Video:            "video.mp4",
	Audio:            "output.flac",
	Diarization:      "diarization.jsonl",
	Transcription:    "output_transcription.json",
	RawTranscription: "raw_transcription.json",
	ChatMessages:     "chat_messages.json",
	Captions:         "captions.jsonl",
	Breaks:           "breaks.jsonl",
	TranscriptVTT:    "transcript.vtt",
	TranscriptSRT:    "transcript.srt",
	TranscriptText:   "transcript.txt",
}

// File returns the file name of a kind. name tells apart those of which a bot
// has several (participant_audio, screenshot) and is ignored for the others.
func File(k Kind, name string) string {
	switch k {
	case ParticipantAudio:
		return "participants/" + name + ".opus"
	case Screenshot:
		return "screenshots/" + name + ".jpg"
	}
	return files[k]
}

// Key returns the storage key of a bot's file.
func Key(botID, file string) string { return botID + "/" + file }

// AudioV1 is the mixed audio as API v1 hands it out: decoded on its way, nothing of
// that name is stored (C36).
const AudioV1 = "output.wav"

// Stored returns the key under which the file behind a signed URL is stored, and
// whether that has to be decoded.
func Stored(key string) (stored string, decoded bool) {
	if dir, file := path.Split(key); file == AudioV1 {
		return dir + files[Audio], true
	}
	return key, false
}

// contentTypes by extension: the system's own tables differ from one host to
// the next.
var contentTypes = map[string]string{
	".mp4": "video/mp4", ".webm": "video/webm", ".flac": "audio/flac", ".opus": "audio/ogg", ".ogg": "audio/ogg", ".wav": "audio/wav",
	".jsonl": "application/jsonl", ".json": "application/json", ".vtt": "text/vtt; charset=utf-8", ".srt": "application/x-subrip", ".txt": "text/plain; charset=utf-8", ".jpg": "image/jpeg", ".png": "image/png",
}

// ContentType returns the media type of a file by its name.
func ContentType(file string) string {
	if t := contentTypes[strings.ToLower(path.Ext(file))]; t != "" {
		return t
	}
	return "application/octet-stream"
}
