package tracks

import (
	"testing"
	"time"
)

// Silence leaves the connection standing; a server that is gone does not.
func TestDeadConnectionIsToldFromSilence(t *testing.T) {
	m := startMeeting(t, Options{Fallback: time.Second})
	ann := m.join("ann")
	m.eval("answer()", nil)
	m.connected()
	<-m.send(ann, makeClip(t, 2, 440))
	// Nothing is sent any more. The page looks four times a second.
	m.eval("new Promise(done => setTimeout(done, 2000))", nil)
	if a := m.r.Activity(); a.AudioFrames == 0 || !a.Down.IsZero() {
		t.Fatalf("in silence: %+v", a)
	}
	if err := m.pc.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the connection is known to be down", func() bool { return !m.r.Activity().Down.IsZero() })
}
