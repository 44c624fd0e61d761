package tracks

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/record/segment"
)

// Proves R1 for the engine: a bot that is killed keeps what it heard but for
// the last batch, and the next one goes on beside it.
func TestKilledBotLosesOneBatchAtMost(t *testing.T) {
	p := newPeer(t)
	ann := p.join("ann")
	c := makeClip(t, 6, 440)
	folder := t.TempDir()
	b := startBot(t, botChild{Folder: folder, Profile: t.TempDir(), URL: p.http.URL})
	p.connected()
	p.send(ann, c)
	until(t, "frames on disk", func() bool {
		files, _ := segment.List(folder, "t1")
		return len(files) > 0 && len(recorded(t, folder, "t1")) > 100
	})
	b.kill()
	killed := time.Now()
	kinds := map[string]int{}
	entries, err := journal.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Track == nil {
			continue
		}
		frames := recorded(t, folder, e.Track.ID)
		sent := map[string][][]byte{"audio": c.opus, "video": c.vp8}[e.Track.Kind]
		if len(frames) == 0 || len(frames) > len(sent) {
			t.Fatalf("%s has %d frames", e.Track.ID, len(frames))
		}
		kinds[e.Track.Kind]++
		same(t, e.Track.Kind, frames, sent[:len(frames)], map[string]uint32{"audio": 960, "video": 3000}[e.Track.Kind])
		// One batch is a quarter second; the rest is for a machine on which the page
		// does not get to run. No more than a segment may be lost on any.
		if lost := killed.Sub(time.UnixMicro(frames[len(frames)-1].Arrival)); lost > 4*time.Second {
			t.Errorf("%s: the last %s are lost", e.Track.Kind, lost)
		}
	}
	if kinds["audio"] != 1 || kinds["video"] != 1 {
		t.Errorf("journal has tracks %v", kinds)
	}
	if next, err := nextTrack(folder); err != nil || next != 3 {
		t.Errorf("the next bot would begin with t%d, %v", next, err)
	}
}

// fakePage is a connection of a page's script, made by hand.
type fakePage struct {
	t    *testing.T
	conn *websocket.Conn
}

func startRecorder(t *testing.T, folder string) (*Recorder, *fakePage) {
	t.Helper()
	w, _, err := journal.Open(folder, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	r, err := New(Options{Folder: folder, Journal: w, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	conn, _, err := websocket.Dial(t.Context(), r.socket.url(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePage{t: t, conn: conn}
	p.say(`{"type":"track","track":0,"kind":"audio","media_id":"m"}`)
	p.say(`{"type":"codec","track":0,"mime":"audio/opus","ssrc":1,"source":"encoded"}`)
	return r, p
}

func (p *fakePage) say(text string) {
	p.t.Helper()
	if err := p.conn.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *fakePage) frame(s sample) {
	p.t.Helper()
	if err := p.conn.Write(p.t.Context(), websocket.MessageBinary, appendRecord(nil, s)); err != nil {
		p.t.Fatal(err)
	}
}

// Proves R3 for the engine: a full disk is reported, what fitted stays
// readable, what waits is written when there is room again.
func TestFullDiskIsSurvived(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=512k"); err != nil {
		t.Fatalf("this test mounts a small tmpfs and must run as root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	r, p := startRecorder(t, folder)
	const frames = 400
	for i := range frames {
		p.frame(sample{rtp: uint32(i) * 960, arrival: int64(i+1) * 20_000, payload: make([]byte, 4000)})
	}
	until(t, "the full disk to be reported", func() bool { return errors.Is(r.Err(), ErrDiskFull) })
	until(t, "all frames to be taken", func() bool { return r.Activity().AudioFrames == frames })
	kept := len(recorded(t, folder, "t1"))
	if kept == 0 || kept == frames {
		t.Fatalf("%d frames fitted", kept)
	}
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	until(t, "recovery", func() bool { return r.Err() == nil && r.Activity().Pending == 0 })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := recorded(t, folder, "t1"); len(got) != frames {
		t.Errorf("%d frames of %d are there after recovery", len(got), frames)
	}
	if a := r.Activity(); a.Dropped != 0 {
		t.Errorf("activity %+v", a)
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	big := item{track: "t1", frame: segment.Frame{Payload: make([]byte, 1<<20)}}
	n := 0
	for ; n < 1000 && q.put(big); n++ {
	}
	if n < 40 || n > 48 {
		t.Errorf("%d MB are held for a disk that stands still", n)
	}
	if !q.put(item{entry: &journal.Entry{}}) {
		t.Error("an entry of the journal was refused")
	}
	q.drop()
	if !q.put(big) {
		t.Error("no room after a frame was written")
	}
}

func TestOnlyTheTokenOpensTheSocket(t *testing.T) {
	r, _ := startRecorder(t, t.TempDir())
	url := strings.Replace(r.socket.url(), "ws:", "http:", 1)
	for _, u := range []string{url[:len(url)-1], url + "0", url[:strings.LastIndex(url, "/")+1]} {
		res, err := http.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %s", u, res.Status)
		}
	}
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("listens on %s", url)
	}
}

func TestANewSenderMakesANewTrack(t *testing.T) {
	folder := t.TempDir()
	r, p := startRecorder(t, folder)
	p.frame(sample{rtp: 1, arrival: 1e6, payload: []byte("one packet")})
	p.say(`{"type":"track","track":0,"kind":"audio","media_id":"m"}`) // said again
	p.frame(sample{rtp: 2, arrival: 2e6, payload: []byte("two packets")})
	p.say(`{"type":"codec","track":0,"mime":"audio/opus","ssrc":2,"source":"encoded"}`)
	p.frame(sample{rtp: 9, arrival: 3e6, payload: []byte("another clock")})
	p.say(`{"type":"ended","track":0}`)
	until(t, "the end", func() bool { i := r.Tracks(); return len(i) == 2 && i[1].Ended })
	infos := r.Tracks()
	if infos[0].ID != "t1" || !infos[0].Ended || infos[1].ID != "t2" || infos[1].MediaID != "m" || infos[1].Frames != 1 {
		t.Errorf("tracks %+v", infos)
	}
	r.Close()
	if n := len(recorded(t, folder, "t1")); n != 2 {
		t.Errorf("%d frames in t1, want 2", n)
	}
	again, _ := startRecorder(t, folder)
	if again.next != 3 {
		t.Errorf("a second recorder begins with t%d", again.next)
	}
}

func TestNonsenseFromThePageIsCutOff(t *testing.T) {
	r, p := startRecorder(t, t.TempDir())
	until(t, "the page", func() bool { return r.Activity().Connected == 1 })
	if err := p.conn.Write(t.Context(), websocket.MessageBinary, []byte("not a record, whatever it says")); err != nil {
		t.Fatal(err)
	}
	until(t, "the page to be cut off", func() bool { return r.Activity().Connected == 0 })
	if err := r.Close(); err != nil || len(r.Tracks()) != 0 {
		t.Errorf("%v, tracks %+v", err, r.Tracks())
	}
}

// Sources within one track are told apart.
func TestContributorsAreFollowed(t *testing.T) {
	r, p := startRecorder(t, t.TempDir())
	const level = 1 + 20 // dB below full scale
	p.frame(sample{rtp: 1, arrival: 1e6, level: level, csrcs: []uint32{7}, payload: []byte("seven")})
	p.frame(sample{rtp: 2, arrival: 2e6, level: 1 + 90, csrcs: []uint32{7, 8}, payload: []byte("quiet")})
	until(t, "both", func() bool { return r.Activity().AudioFrames == 2 })
	got := map[uint32]Contributor{}
	for _, c := range r.Contributors() {
		got[c.CSRC] = c
	}
	if len(got) != 2 || got[7].LastSound.Unix() != 1 || got[7].LastFrame.Unix() != 2 || !got[8].LastSound.IsZero() {
		t.Errorf("contributors %+v", got)
	}
	if a := r.Activity(); a.LastSound.Unix() != 1 || a.LastFrame.Unix() != 2 {
		t.Errorf("activity %+v", a)
	}
}
