package artifacts

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"steno/internal/artifact"
	"steno/internal/blob"
)

// ffmpeg says what the decoded file is to be: as a whole, and in any range, forth
// and back.
func TestTheAudioOfV1IsTheStoredOneAsWAV(t *testing.T) {
	for name, form := range map[string][]string{
		"mono":    {"-ar", "48000", "-ac", "1"},
		"stereo":  {"-ar", "44100", "-ac", "2"},
		"24 bits": {"-ar", "48000", "-ac", "1", "-sample_fmt", "s32", "-bits_per_raw_sample", "24"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, t.TempDir())
			src := filepath.Join(t.TempDir(), "x.flac")
			ffmpeg(t, append(append([]string{"-f", "lavfi", "-i", "anoisesrc=d=3:a=0.3:seed=7"}, form...), src)...)
			if _, err := s.store.Put(t.Context(), "b1/output.flac", src, blob.PutOptions{ContentType: "audio/flac"}); err != nil {
				t.Fatal(err)
			}
			want := ffmpeg(t, "-i", src, "-f", "s16le", "-c:a", "pcm_s16le", "-")
			u, err := s.signer.V1().URL(t.Context(), artifact.Key("b1", artifact.File(artifact.Audio, "")))
			if err != nil {
				t.Fatal(err)
			}
			whole, head := fetch(t, u, "")
			if head.Get("Content-Type") != "audio/wav" || head.Get("Content-Disposition") != "inline; filename=output.wav" {
				t.Errorf("headers %v", head)
			}
			if len(whole) != 44+len(want) || !near(whole[44:], want, name == "24 bits") {
				t.Fatalf("%d bytes that are not the %d of ffmpeg", len(whole)-44, len(want))
			}
			file := filepath.Join(t.TempDir(), "x.wav")
			write(t, file, whole)
			if again := ffmpeg(t, "-i", file, "-f", "s16le", "-c:a", "pcm_s16le", "-"); !bytes.Equal(again, whole[44:]) {
				t.Error("ffmpeg reads the WAV file differently")
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 20 {
				from := random.IntN(len(whole))
				to := from + random.IntN(len(whole)-from)
				if part, _ := fetch(t, u, fmt.Sprintf("bytes=%d-%d", from, to)); !bytes.Equal(part, whole[from:to+1]) {
					t.Fatalf("bytes %d to %d differ", from, to)
				}
			}
		})
	}
}

// A file that is no FLAC, or one that was cut off, is not handed out as if it
// were whole.
func TestBrokenAudioIsNoWAV(t *testing.T) {
	s := serve(t, t.TempDir())
	src := filepath.Join(t.TempDir(), "x.flac")
	write(t, src, s.content)
	if _, err := s.store.Put(t.Context(), "b1/output.flac", src, blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	u, err := s.signer.V1().URL(t.Context(), "b1/output.flac")
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(u)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", res.StatusCode)
	}
}

// near compares samples; those of 24 bits may be rounded in two ways.
func near(a, b []byte, rounded bool) bool {
	if !rounded {
		return bytes.Equal(a, b)
	}
	for i := 0; i+1 < len(a); i += 2 {
		x, y := int16(a[i])|int16(a[i+1])<<8, int16(b[i])|int16(b[i+1])<<8
		if d := int(x) - int(y); d < -1 || d > 1 {
			return false
		}
	}
	return len(a) == len(b)
}

func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-y", "-nostdin"}, args...)...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, problem.String())
	}
	return out
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func fetch(t *testing.T, u, span string) ([]byte, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	if span != "" {
		req.Header.Set("Range", span)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("status %d: %v", res.StatusCode, err)
	}
	return body, res.Header
}
