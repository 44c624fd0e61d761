package lab

import (
	"context"
	"slices"
	"testing"
	"time"

	"steno/lab/media"
)

func twoTalk() Scenario {
	return Scenario{
		Code: "abc-defg-hij", Tracks: TracksOwn,
		People: []Participant{{Name: "Ada"}, {Name: "Ben", DTX: true}},
		Turns: []Turn{
			{Who: "Ada", Clip: "beep", Pause: Duration(200 * time.Millisecond)},
			{Who: "Ben", Clip: "ben-3", Pause: Duration(100 * time.Millisecond)},
			{Who: "Ada", Clip: "ada-3", Pause: Duration(-300 * time.Millisecond)},
		},
	}
}

// What a guest receives must be what the Truth says, to the microsecond of the
// schedule: RTP timestamps and payloads of each utterance.
func TestMediaFlowAndTruthIsExact(t *testing.T) {
	t.Parallel()
	m, ctx := startLab(t, twoTalk())
	v := visit(t, m, "Bot", false)
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	truth := m.Truth()
	if len(truth.Said) != 3 || len(truth.People) != 2 || truth.BeginUS == 0 {
		t.Fatalf("truth: %+v", truth)
	}
	clips, _ := media.Clips()
	for _, u := range truth.Said {
		last := clips[u.Clip].Packets[len(clips[u.Clip].Packets)-1]
		waitUntil(t, ctx, func() bool { return has(v.got("audio", u.Person), last) })
		checkUtterance(t, v.got("audio", u.Person), u, clips[u.Clip])
	}
	for _, run := range truth.Video {
		checkVideo(t, v.got("video", run.Person))
	}
	checkOverlap(t, truth)
}

func has(got []received, payload []byte) bool {
	return slices.ContainsFunc(got, func(p received) bool { return string(p.Payload) == string(payload) })
}

// checkUtterance finds the clip's packets in what came and compares the
// spacing of their timestamps with the schedule.
func checkUtterance(t *testing.T, got []received, u Utterance, clip *media.Clip) {
	t.Helper()
	for i := range got {
		if string(got[i].Payload) != string(clip.Packets[0]) || i+len(clip.Packets) > len(got) {
			continue
		}
		for k, want := range clip.Packets {
			p := got[i+k]
			if string(p.Payload) != string(want) || p.Timestamp != got[i].Timestamp+uint32(k*960) {
				t.Errorf("%s %s: packet %d is wrong or out of time", u.Name, u.Clip, k)
				return
			}
		}
		return
	}
	t.Errorf("%s %s: never came (%d packets)", u.Name, u.Clip, len(got))
}

func checkVideo(t *testing.T, got []received) {
	t.Helper()
	if len(got) == 0 {
		t.Error("no video came")
		return
	}
	if first := got[0].Payload; first[0]&0x10 == 0 || first[1]&1 != 0 { // RFC 7741: S bit, RFC 6386: inverse key bit
		t.Error("video does not begin with a keyframe")
	}
	last := got[0].Timestamp
	for _, p := range got[1:] {
		if d := p.Timestamp - last; d != 0 && d != 3000 {
			t.Errorf("a step of %d in the video timestamps", d)
		}
		last = p.Timestamp
	}
}

func checkOverlap(t *testing.T, truth Truth) {
	t.Helper()
	ben, ada := truth.Said[1], truth.Said[2]
	if ada.StartUS-truth.BeginUS != ben.EndUS-truth.BeginUS-300_000 {
		t.Errorf("crosstalk begins %d µs before the end of the turn before", ben.EndUS-ada.StartUS)
	}
}

func TestSilenceIsSentOrNotAsAsked(t *testing.T) {
	t.Parallel()
	m, ctx := startLab(t, twoTalk())
	v := visit(t, m, "Bot", false)
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	truth := m.Truth()
	quiet := func(person string) (n int) {
		for _, p := range v.got("audio", person) {
			if string(p.Payload) == string(media.Silence) {
				n++
			}
		}
		return n
	}
	ids := map[string]string{}
	for _, p := range truth.People {
		ids[p.Name] = p.ID
	}
	ada, ben := quiet(ids["Ada"]), quiet(ids["Ben"])
	if ada < 100 || ben > ada/5 || ben == 0 {
		t.Errorf("silent packets: %d with DTX off, %d with DTX on", ada, ben)
	}
}

func TestRefusedVideoIsNotSent(t *testing.T) {
	t.Parallel()
	m, ctx := startLab(t, twoTalk())
	visit(t, m, "Bot", true)
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	g := m.Truth().Guests[0]
	if g.Video || g.Frames != 0 || g.AudioPkt == 0 {
		t.Errorf("guest: %+v", g)
	}
}

func TestJoinAndLeaveRenegotiate(t *testing.T) {
	t.Parallel()
	m, ctx := startLab(t, Scenario{Code: "abc-defg-hij", Tracks: TracksOwn, People: []Participant{{Name: "Ada", NoCam: true}}})
	v := visit(t, m, "Bot", false)
	if _, err := m.WaitInCall(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := m.AddParticipant(ctx, Participant{Name: "Eva", NoCam: true}); err != nil {
		t.Fatal(err)
	}
	if err := m.Say("Eva", "beep"); err != nil {
		t.Fatal(err)
	}
	for people := range v.roster {
		if len(people) == 3 {
			break
		}
	}
	waitUntil(t, ctx, func() bool { return len(v.got("audio", m.Truth().People[1].ID)) > 5 })
}

func waitUntil(t *testing.T, ctx context.Context, cond func() bool) {
	t.Helper()
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatal("it never happened")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// With a bad network some packets never come, and the others come late, but
// what comes is as it was sent.
func TestLossAndJitter(t *testing.T) {
	t.Parallel()
	sc := twoTalk()
	sc.Net = Net{Loss: 0.2, Jitter: Duration(30 * time.Millisecond), Seed: 7}
	m, ctx := startLab(t, sc)
	v := visit(t, m, "Bot", false)
	must(t, m.WaitAllSaid(ctx))
	truth := m.Truth()
	clips, _ := media.Clips()
	u := truth.Said[1]
	waitUntil(t, ctx, func() bool { return len(v.got("audio", u.Person)) > 100 })
	sent, came := len(clips[u.Clip].Packets), 0
	for _, want := range clips[u.Clip].Packets {
		if has(v.got("audio", u.Person), want) {
			came++
		}
	}
	if came > sent*95/100 || came < sent*50/100 {
		t.Errorf("%d of %d packets came with a loss of 20 %%", came, sent)
	}
}

// A repeated script says the same again after its length.
func TestRepeat(t *testing.T) {
	t.Parallel()
	m, ctx := startLab(t, Scenario{Code: "abc-defg-hij", Repeat: true, Begin: BeginOpen, People: []Participant{{Name: "Ada", NoCam: true}},
		Turns: []Turn{{Who: "Ada", Clip: "beep", Pause: Duration(100 * time.Millisecond)}}})
	waitUntil(t, ctx, func() bool { return len(m.Truth().Said) >= 3 })
	said := m.Truth().Said
	_, length := m.script()
	for i := 1; i < 3; i++ {
		if d := said[i].StartUS - said[i-1].StartUS; d != length.Microseconds() {
			t.Errorf("round %d came after %d µs, want %v", i+1, d, length)
		}
	}
}

// Somebody who leaves while speaking is cut off, in the truth too.
func TestLeavingCutsTheUtterance(t *testing.T) {
	t.Parallel()
	m, ctx := startLab(t, Scenario{Code: "abc-defg-hij", Begin: BeginOpen,
		People: []Participant{{Name: "Ada", NoCam: true, Leave: Duration(time.Second)}},
		Turns:  []Turn{{Who: "Ada", Clip: "ada-2"}}})
	_, err := m.Wait(ctx, func(s State) bool { return !s.Began.IsZero() && len(s.People) == 0 && s.AllSaid })
	must(t, err)
	truth := m.Truth()
	u, p := truth.Said[0], truth.People[0]
	last := u.Activity[len(u.Activity)-1]
	if u.EndUS > p.LeaveUS+20_000 || u.LastUS > u.EndUS || last.ToUS > u.EndUS || u.EndUS-u.StartUS > 3_000_000 {
		t.Errorf("utterance %+v of %+v", u, p)
	}
}
