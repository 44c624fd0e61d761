package segment

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func frames(t *testing.T, path string) []Frame {
	t.Helper()
	r, err := Open(path)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []Frame
	for {
		fr, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fr)
	}
}

func sample(i int) Frame {
	fr := Frame{Key: i%3 == 0, Level: uint16(i), RTP: uint32(i * 960), Arrival: int64(i) * 20000, Payload: bytes.Repeat([]byte{byte(i)}, i*7%50)}
	if i%2 == 0 {
		fr.CSRCs = []uint32{uint32(i), 7}
	}
	return fr
}

func same(a, b Frame) bool {
	if len(a.CSRCs) != len(b.CSRCs) {
		return false
	}
	for i := range a.CSRCs {
		if a.CSRCs[i] != b.CSRCs[i] {
			return false
		}
	}
	return a.Key == b.Key && a.Level == b.Level && a.RTP == b.RTP && a.Arrival == b.Arrival && bytes.Equal(a.Payload, b.Payload)
}

func TestFramesComeBackAsTheyWereWritten(t *testing.T) {
	path := Path(t.TempDir(), "t1", 1)
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		w.Add(sample(i))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := frames(t, path)
	if len(got) != 20 {
		t.Fatalf("%d frames, want 20", len(got))
	}
	for i, fr := range got {
		if !same(fr, sample(i)) {
			t.Errorf("frame %d is %+v, want %+v", i, fr, sample(i))
		}
	}
	if _, err := Create(path); err == nil {
		t.Error("a segment was written over")
	}
}

// A killed writer leaves any prefix of the file; a broken disk any wrong byte.
// What was whole before that place is read, nothing else, and nothing panics.
func TestAnyDamageLeavesTheWholeFramesBeforeIt(t *testing.T) {
	path := Path(t.TempDir(), "t1", 1)
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int64{16}
	for i := range 12 {
		w.Add(sample(i))
		ends = append(ends, w.Size())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "x.seg")
	rapid.Check(t, func(rt *rapid.T) {
		cut := rapid.IntRange(16, len(data)).Draw(rt, "cut")
		bad := append([]byte(nil), data[:cut]...)
		first := int64(cut)
		if rapid.Bool().Draw(rt, "flip") && cut > 16 {
			at := rapid.IntRange(16, cut-1).Draw(rt, "at")
			bad[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
			first = int64(at)
		}
		if err := os.WriteFile(damaged, bad, 0o600); err != nil {
			rt.Fatal(err)
		}
		whole := 0
		for whole < 12 && ends[whole+1] <= first {
			whole++
		}
		got := frames(t, damaged)
		if len(got) != whole {
			rt.Fatalf("%d frames read, want the %d whole ones", len(got), whole)
		}
		for i, fr := range got {
			if !same(fr, sample(i)) {
				rt.Fatalf("frame %d changed", i)
			}
		}
	})
}

func TestAReaderFollowsAWriter(t *testing.T) {
	path := Path(t.TempDir(), "t1", 1)
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := Open(path); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("open before the header: %v", err)
	}
	w.Add(sample(0))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range 6 {
		fr, err := r.Next()
		if err != nil || !same(fr, sample(i)) {
			t.Fatalf("frame %d: %+v, %v", i, fr, err)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("past the end: %v", err)
		}
		w.Add(sample(i + 1))
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

// Of a batch that is larger than what is left of the disk, the records that
// fit are kept, and the rest is written when there is room.
func TestFullDiskKeepsWhatFits(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("this test mounts a small tmpfs and must run as root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "t1", "000001.seg")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const frames = 100
	for i := range frames {
		w.Add(Frame{RTP: uint32(i), Payload: make([]byte, 1000)})
	}
	if err := w.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("flush on a full disk: %v", err)
	}
	count := func() (n int) {
		r, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for fr, err := r.Next(); err == nil; fr, err = r.Next() {
			if int(fr.RTP) != n {
				t.Fatalf("frame %d where %d should be", fr.RTP, n)
			}
			n++
		}
		return n
	}
	if n := count(); n < 40 || n == frames {
		t.Errorf("%d of %d frames are kept", n, frames)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != frames {
		t.Errorf("%d of %d frames after there was room", n, frames)
	}
}
