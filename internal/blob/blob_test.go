package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steno/internal/blob/blobtest"
	"steno/internal/fail"
)

// each runs a test on a local folder, on a local folder on another file system
// if there is one, and on a real S3-compatible server.
func each(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("file", func(t *testing.T) { test(t, open(t, t.TempDir())) })
	t.Run("s3", func(t *testing.T) { test(t, open(t, blobtest.Gateway(t))) })
	t.Run("s3 prefix", func(t *testing.T) { test(t, open(t, blobtest.Gateway(t)+"&prefix=team/a")) })
}

func open(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// file writes a file of random content and returns path, content and hash.
func file(t *testing.T, size int) (string, []byte, string) {
	t.Helper()
	content := make([]byte, size)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return path, content, hex.EncodeToString(sum[:])
}

func mustPut(t *testing.T, s *Store, key string, size int) []byte {
	t.Helper()
	path, content, sum := file(t, size)
	info, err := s.Put(t.Context(), key, path, PutOptions{ContentType: "video/mp4", SHA256: sum})
	if err != nil {
		t.Fatal(err)
	}
	if info.Bytes != int64(size) || info.SHA256 != sum || info.Key != key {
		t.Fatalf("info %+v", info)
	}
	return content
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if e := fail.As(err); e == nil || e.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
}

func TestObjectsAreReadAsTheyWereWritten(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		for _, size := range []int{0, 1, 100_000, 12 << 20} { // the last one is several parts in S3
			key := "bot1/video.mp4"
			content := mustPut(t, s, key, size)
			o, err := s.Open(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(o)
			o.Close()
			if err != nil || !bytes.Equal(got, content) || o.Bytes != int64(size) {
				t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
			}
		}
	})
}

func TestRangesAreReadAfterSeeking(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		content := mustPut(t, s, "bot1/video.mp4", 1<<20)
		o, err := s.Open(t.Context(), "bot1/video.mp4")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		for _, off := range []int64{500_000, 0, 1<<20 - 10, 7} {
			if pos, err := o.Seek(off, io.SeekStart); err != nil || pos != off {
				t.Fatal(pos, err)
			}
			got := make([]byte, 10)
			if _, err := io.ReadFull(o, got); err != nil || !bytes.Equal(got, content[off:off+10]) {
				t.Fatalf("at %d: %v", off, err)
			}
		}
		if end, err := o.Seek(0, io.SeekEnd); err != nil || end != 1<<20 {
			t.Fatal(end, err)
		}
		if n, err := o.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Fatalf("read at the end: %d, %v", n, err)
		}
		if _, err := o.Seek(-1, io.SeekStart); err == nil {
			t.Fatal("seeked before the beginning")
		}
	})
}

func TestDeletingAPrefixTakesThatFolderOnly(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		keys := []string{"bot1/video.mp4", "bot1/output.flac", "bot1/participants/1-Zoë_Łuć_李.opus", "bot10/video.mp4", "bot2/video.mp4"}
		for _, k := range keys {
			mustPut(t, s, k, 10)
		}
		for range 2 { // the second time there is nothing
			if err := s.DeletePrefix(t.Context(), "bot1"); err != nil {
				t.Fatal(err)
			}
		}
		for i, k := range keys {
			_, err := s.Attributes(t.Context(), k)
			if i < 3 {
				wantCode(t, err, CodeNotFound)
			} else if err != nil {
				t.Fatalf("%s is gone: %v", k, err)
			}
		}
	})
}

func TestAWrongChecksumStoresNothing(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		path, _, _ := file(t, 1000)
		_, err := s.Put(t.Context(), "bot1/video.mp4", path, PutOptions{SHA256: strings.Repeat("0", 64)})
		wantCode(t, err, CodeChecksum)
		_, err = s.Attributes(t.Context(), "bot1/video.mp4")
		wantCode(t, err, CodeNotFound)
		_, err = s.Open(t.Context(), "bot1/video.mp4")
		wantCode(t, err, CodeNotFound)
	})
}

func TestTheCheckOfTheDoctorPassesAndLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.Local() {
			if left, _ := os.ReadDir(s.dir); len(left) != 0 {
				t.Fatalf("left behind: %v", left)
			}
		}
	})
}

func TestKeysThatLeaveTheRootAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	path, _, _ := file(t, 1)
	for _, key := range []string{"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/", ".hidden", "a/.put-1", "a\x00b", "a b", "a\\b", "x.attrs", strings.Repeat("a", 600)} {
		_, err := s.Put(t.Context(), key, path, PutOptions{})
		wantCode(t, err, CodeBadKey)
		_, err = s.Open(t.Context(), key)
		wantCode(t, err, CodeBadKey)
		wantCode(t, s.Delete(t.Context(), key), CodeBadKey)
		wantCode(t, s.DeletePrefix(t.Context(), key), CodeBadKey)
	}
}

func TestALocalFileIsLinkedAndNotCopied(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "objects"))
	src := filepath.Join(dir, "video.mp4")
	if err := os.WriteFile(src, []byte("movie"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "b/video.mp4", src, PutOptions{}); err != nil {
		t.Fatal(err)
	}
	a, _ := os.Stat(src)
	b, _ := os.Stat(filepath.Join(dir, "objects/b/video.mp4"))
	if !os.SameFile(a, b) {
		t.Fatal("the object is a copy")
	}
	if err := os.Remove(src); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), "b/video.mp4"); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherFileSystemIsCopiedTo(t *testing.T) {
	const shm = "/dev/shm" // a tmpfs on every Linux
	dir, err := os.MkdirTemp(shm, "steno-blob-test-")
	if err != nil {
		t.Fatalf("this test needs %s: %v", shm, err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := open(t, dir)
	content := mustPut(t, s, "b/video.mp4", 3<<20)
	got, err := os.ReadFile(filepath.Join(dir, "b/video.mp4"))
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "b")); len(left) != 1 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestMissingStoresSaySo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "objects")
	s := open(t, dir)
	if err := os.Remove(dir); err != nil { // as if its disk were not mounted
		t.Fatal(err)
	}
	path, _, _ := file(t, 10)
	_, err := s.Put(t.Context(), "b/x", path, PutOptions{})
	wantCode(t, err, CodeUnavailable)
	wantCode(t, s.PutBytes(t.Context(), "b/x", []byte("x"), ""), CodeUnavailable)

	gone := open(t, blobtest.Gateway(t)+"&prefix=x")
	other := open(t, strings.Replace(s3URL(t), "recordings", "no-such-bucket", 1))
	_, err = other.Put(t.Context(), "b/x", path, PutOptions{})
	if err == nil || !strings.Contains(err.Error(), "no-such-bucket") {
		t.Fatalf("missing bucket: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	cancel()
	if _, err := gone.Put(ctx, "b/x", path, PutOptions{}); err == nil {
		t.Fatal("stored with an ended context")
	}
}

// s3URL starts one more gateway and returns its bucket.
func s3URL(t *testing.T) string { return blobtest.Gateway(t) }

func TestAFullDiskIsNamed(t *testing.T) {
	dir := tinyDisk(t)
	s := open(t, dir)
	path, _, _ := file(t, 4<<20)
	_, err := s.Put(t.Context(), "b/video.mp4", path, PutOptions{})
	wantCode(t, err, CodeFull)
	left, _ := os.ReadDir(filepath.Join(dir, "b"))
	if len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
	mustPut(t, s, "b/small", 1000) // it works again as soon as there is room
}

func TestBadURLsAreRefused(t *testing.T) {
	for _, u := range []string{"", "file://", "gs://bucket", "s3://bucket?nonsense=1", "://"} {
		if _, err := Open(t.Context(), u); err == nil {
			t.Errorf("opened %q", u)
		} else {
			wantCode(t, err, CodeBadURL)
		}
	}
}

func TestSignedURLsOfS3Work(t *testing.T) {
	s := open(t, blobtest.Gateway(t))
	mustPut(t, s, "b/video.mp4", 10)
	u, err := s.SignedURL(t.Context(), "b/video.mp4", 4*time.Hour)
	if err != nil || !strings.Contains(u, "X-Amz-Signature=") || !strings.Contains(u, "X-Amz-Expires=14400") {
		t.Fatalf("%s, %v", u, err)
	}
}
