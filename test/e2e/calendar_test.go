package e2e

import (
	"context"
	"testing"
	"time"

	"steno/demo"
	"steno/lab"
)

// A meeting in a connected calendar is moved shortly before: the bot that was
// asked for goes along, joins at the new time and records, and there is no
// other.
func TestABotFollowsItsMeetingThroughTheCalendar(t *testing.T) {
	agenda, err := demo.NewAgenda()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(agenda.Close)
	h := openWith(t, agenda.Env(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	m := h.meet(lab.Conversation("cal-enda-rrr", 2, 3*time.Second))
	if err := agenda.Invite("Review", m.URL(), time.Now().Add(30*time.Minute).Truncate(time.Minute)); err != nil {
		t.Fatal(err)
	}
	const tick = 50 * time.Millisecond
	if err := agenda.Connect(ctx, h.Client, tick); err != nil {
		t.Fatal(err)
	}
	e, err := agenda.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := agenda.Send(ctx, e.ID, "audio_only"); err != nil {
		t.Fatal(err)
	}
	planned, err := agenda.WaitJoinAt(ctx, tick, e.ID, e.Start)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(4 * time.Second).Truncate(time.Second)
	if err := agenda.Move(start); err != nil {
		t.Fatal(err)
	}
	if _, err := m.WaitInCall(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if in, _ := demo.Visit(m); in.Before(start) {
		t.Errorf("the bot was in the meeting at %s, which begins at %s", in, start)
	}
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	m.End()
	d := h.final(planned.Bot, "bot.completed")
	if d.Status != "completed" || d.Audio == nil || d.Duration == nil || *d.Duration < 2 {
		t.Errorf("%+v", d)
	}
	if g := len(m.Truth().Guests); g != 1 {
		t.Errorf("%d bots came to the meeting", g)
	}
	story, err := agenda.Verdicts(ctx, e.ID)
	if err != nil || len(story) != 3 || story[1].Reason != "event_moved" || story[1].Bot != planned.Bot || story[2].Reason != "launched" {
		t.Errorf("%+v, %v", story, err)
	}
}
