package artifact

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
)

var now = time.Unix(1_800_000_000, 0)

func signer(t *testing.T, at *time.Time, keys ...string) *Signer {
	t.Helper()
	var raw [][]byte
	for _, k := range keys {
		raw = append(raw, []byte(k))
	}
	s, err := NewSigner("https://steno.example/base/", raw, clock.Func(func() time.Time { return *at }))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parts signs a key and returns what a server sees of the URL.
func parts(t *testing.T, s *Signer, key string) (path, expires, sig string) {
	t.Helper()
	raw, err := s.URL(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	path, ok := strings.CutPrefix(u.Path, "/base"+Route)
	if !ok || u.Host != "steno.example" {
		t.Fatalf("URL %s", raw)
	}
	return path, u.Query().Get("expires"), u.Query().Get("signature")
}

func code(err error) string {
	if e := fail.As(err); e != nil {
		return e.Code
	}
	return ""
}

func TestSignedURLsWorkForFourHours(t *testing.T) {
	at := now
	s := signer(t, &at, "k1")
	key, expires, sig := parts(t, s, "b1/video.mp4")
	for _, after := range []time.Duration{0, time.Hour, Lifetime - time.Second} {
		at = now.Add(after)
		if err := s.Verify(key, expires, sig); err != nil {
			t.Errorf("after %s: %v", after, err)
		}
	}
	at = now.Add(Lifetime)
	if err := s.Verify(key, expires, sig); code(err) != CodeExpired || !fail.Is(err, fail.Forbidden) {
		t.Errorf("after four hours: %v", err)
	}
}

func TestTamperedURLsAreRefused(t *testing.T) {
	at := now
	s := signer(t, &at, "k1")
	key, expires, sig := parts(t, s, "b1/video.mp4")
	_, _, otherSig := parts(t, s, "b2/video.mp4")
	later := "1800099999"
	for _, c := range [][3]string{
		{"b2/video.mp4", expires, sig}, {key, later, sig}, {key, expires, otherSig}, {key, expires, ""}, {key, "", sig}, {key, "0" + expires, sig},
		{key, "+" + expires, sig}, {key, expires + ".0", sig}, {key, expires, sig + "="}, {key, expires, sig[:len(sig)-1]}, {"", expires, sig},
		{key, "99999999999999999999", sig}, {"b1/./video.mp4", expires, sig}, {"B1/video.mp4", expires, sig},
	} {
		if err := s.Verify(c[0], c[1], c[2]); code(err) != CodeBadSignature {
			t.Errorf("%v: %v", c, err)
		}
	}
	for i := range sig {
		b := []byte(sig)
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		if err := s.Verify(key, expires, string(b)); code(err) != CodeBadSignature {
			t.Errorf("changed at %d: %v", i, err)
		}
	}
}

func TestOldKeysVerifyUntilTheyGo(t *testing.T) {
	at := now
	key, expires, sig := parts(t, signer(t, &at, "old"), "b1/video.mp4")
	if err := signer(t, &at, "new", "old").Verify(key, expires, sig); err != nil {
		t.Errorf("during rotation: %v", err)
	}
	if err := signer(t, &at, "new").Verify(key, expires, sig); code(err) != CodeBadSignature {
		t.Errorf("after it: %v", err)
	}
	key, expires, sig = parts(t, signer(t, &at, "new", "old"), "b1/video.mp4")
	if err := signer(t, &at, "new").Verify(key, expires, sig); err != nil {
		t.Errorf("the first key did not sign: %v", err)
	}
}

func TestNamesAreThoseOfTheContract(t *testing.T) {
	for k, want := range map[Kind]string{
		Video: "video.mp4", Audio: "output.flac", Diarization: "diarization.jsonl", ChatMessages: "chat_messages.json",
		Transcription: "output_transcription.json", RawTranscription: "raw_transcription.json",
	} {
		if got := Key("b1", File(k, "")); got != "b1/"+want {
			t.Errorf("%s: %s", k, got)
		}
		if ContentType(File(k, "")) == "application/octet-stream" {
			t.Errorf("%s has no content type", k)
		}
	}
	if got := Key("b1", File(ParticipantAudio, "2")); got != "b1/participants/2.opus" || ContentType(got) != "audio/ogg" {
		t.Errorf("participant audio: %s", got)
	}
	if ContentType("x.exe") != "application/octet-stream" {
		t.Error("an unknown file has a type")
	}
}
