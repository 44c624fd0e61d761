package artifacts

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steno/internal/artifact"
	"steno/internal/blob"
	"steno/internal/blob/blobtest"
	"steno/internal/clock"
)

// served is a server with one stored video.
type served struct {
	url     string // signed
	content []byte
	now     time.Time
	store   *blob.Store
	signer  *artifact.Signer
}

// each runs a test on a local folder and on a real S3-compatible server.
func each(t *testing.T, test func(t *testing.T, s *served)) {
	t.Run("file", func(t *testing.T) { test(t, serve(t, t.TempDir())) })
	t.Run("s3", func(t *testing.T) { test(t, serve(t, blobtest.Gateway(t))) })
}

func serve(t *testing.T, storage string) *served {
	t.Helper()
	store, err := blob.Open(t.Context(), storage)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := &served{content: make([]byte, 300_000), now: time.Now(), store: store}
	if _, err := rand.Read(s.content); err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(t.TempDir(), "video.mp4")
	if err := os.WriteFile(src, s.content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), "b1/video.mp4", src, blob.PutOptions{ContentType: "video/mp4"}); err != nil {
		t.Fatal(err)
	}
	h := &Handler{Objects: store, Log: slog.New(slog.DiscardHandler)}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	signer, err := artifact.NewSigner(srv.URL, [][]byte{[]byte("key")}, clock.Func(func() time.Time { return s.now }))
	if err != nil {
		t.Fatal(err)
	}
	h.Verifier, s.signer = signer, signer
	if s.url, err = signer.URL(t.Context(), "b1/video.mp4"); err != nil {
		t.Fatal(err)
	}
	return s
}

// do makes a request and returns the answer with its body read.
func do(t *testing.T, method, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

func TestASignedURLReadsTheWholeFile(t *testing.T) {
	each(t, func(t *testing.T, s *served) {
		res, body := do(t, "GET", s.url)
		if res.StatusCode != 200 || !bytes.Equal(body, s.content) {
			t.Fatalf("status %d, %d bytes", res.StatusCode, len(body))
		}
		for k, want := range map[string]string{
			"Content-Type": "video/mp4", "Content-Disposition": `inline; filename=video.mp4`, "Accept-Ranges": "bytes",
			"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
		} {
			if got := res.Header.Get(k); got != want {
				t.Errorf("%s: %q, want %q", k, got, want)
			}
		}
		head, body := do(t, "HEAD", s.url)
		if head.StatusCode != 200 || len(body) != 0 || head.ContentLength != int64(len(s.content)) {
			t.Errorf("HEAD: status %d, %d bytes, length %d", head.StatusCode, len(body), head.ContentLength)
		}
		if again, _ := do(t, "GET", s.url, "If-None-Match", res.Header.Get("ETag")); again.StatusCode != 304 {
			t.Errorf("with the ETag: status %d", again.StatusCode)
		}
	})
}

// Files of participants carry their names.
func TestNamesOfAnyScriptAreServed(t *testing.T) {
	each(t, func(t *testing.T, s *served) {
		const key = "b1/participants/2-Zoë_李.opus"
		if err := s.store.PutBytes(t.Context(), key, []byte("sound"), "audio/ogg"); err != nil {
			t.Fatal(err)
		}
		u, err := s.signer.URL(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		res, body := do(t, "GET", u)
		_, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition"))
		if res.StatusCode != 200 || string(body) != "sound" || err != nil || params["filename"] != "2-Zoë_李.opus" {
			t.Errorf("status %d, %s, %v, %v", res.StatusCode, body, params, err)
		}
	})
}

func TestRangesWork(t *testing.T) {
	each(t, func(t *testing.T, s *served) {
		size := len(s.content)
		for spec, want := range map[string][]byte{
			"bytes=0-0": s.content[:1], "bytes=1000-1999": s.content[1000:2000], "bytes=299990-": s.content[299990:], "bytes=-5": s.content[size-5:],
			"bytes=299999-999999": s.content[size-1:],
		} {
			res, body := do(t, "GET", s.url, "Range", spec)
			if res.StatusCode != 206 || !bytes.Equal(body, want) {
				t.Errorf("%s: status %d, %d bytes, want %d", spec, res.StatusCode, len(body), len(want))
			}
		}
		if res, _ := do(t, "GET", s.url, "Range", "bytes=300000-"); res.StatusCode != 416 {
			t.Errorf("beyond the end: status %d", res.StatusCode)
		}
	})
}

func TestTamperedAndExpiredURLsAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *served) {
		bad := map[string]string{
			"another key":   strings.Replace(s.url, "b1/", "b2/", 1),
			"another file":  strings.Replace(s.url, "video.mp4", "output.flac", 1),
			"later expiry":  strings.Replace(s.url, "expires=", "expires=1", 1),
			"cut signature": s.url[:len(s.url)-1],
			"no signature":  strings.Split(s.url, "&")[0],
			"nothing":       strings.Split(s.url, "?")[0],
			"climbing":      strings.Replace(s.url, "b1/", "b1/../../etc/", 1),
		}
		for name, u := range bad {
			res, body := do(t, "GET", u)
			var e struct {
				Success bool
				Error   string
				Code    string
			}
			if err := json.Unmarshal(body, &e); err != nil || res.StatusCode != 403 || e.Code != artifact.CodeBadSignature || e.Error == "" {
				t.Errorf("%s: status %d, %s", name, res.StatusCode, body)
			}
		}
		s.now = s.now.Add(artifact.Lifetime + time.Second)
		if res, body := do(t, "GET", s.url); res.StatusCode != 403 || !strings.Contains(string(body), artifact.CodeExpired) {
			t.Errorf("expired: status %d, %s", res.StatusCode, body)
		}
	})
}

func TestADeletedFileIsNotFound(t *testing.T) {
	each(t, func(t *testing.T, s *served) {
		if err := s.store.DeletePrefix(t.Context(), "b1"); err != nil {
			t.Fatal(err)
		}
		if res, body := do(t, "GET", s.url); res.StatusCode != 404 || !strings.Contains(string(body), blob.CodeNotFound) {
			t.Errorf("status %d, %s", res.StatusCode, body)
		}
	})
}

func TestOtherMethodsAreRefused(t *testing.T) {
	s := serve(t, t.TempDir())
	for _, m := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		if res, _ := do(t, m, s.url); res.StatusCode != 405 || res.Header.Get("Allow") == "" {
			t.Errorf("%s: status %d", m, res.StatusCode)
		}
	}
	res, _ := do(t, "OPTIONS", s.url, "Origin", "https://player.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "range")
	if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Range") {
		t.Errorf("preflight: status %d, %v", res.StatusCode, res.Header)
	}
}

func TestAStoreThatIsAwayIsAskedForAgainLater(t *testing.T) {
	dead := serve(t, t.TempDir())
	u := dead.url
	h := &Handler{Objects: away{}, Verifier: yes{}, Log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", u, nil))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d", w.Code)
	}
}

// away is a store that does not answer; yes believes every signature.
type (
	away struct{}
	yes  struct{}
)

func (away) Open(context.Context, string) (*blob.Object, error) {
	return nil, errors.New("no route to host")
}

func (yes) Verify(string, string, string) error { return nil }
