package demo

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"steno/lab"
)

const (
	// talk is how long the people in the calendar's meeting talk.
	talk = 10 * time.Second
	// notice is how long before its new time a meeting is moved there.
	notice = 8 * time.Second
	// inTime is the longest that a bot may take from the time of its meeting
	// until it is in there with sound and picture.
	inTime = 15 * time.Second
	// glance is how often the API is asked for what no webhook tells.
	glance = 50 * time.Millisecond
)

// visit is the calendar's part of the demo: a meeting is moved, and its bot
// follows.
type visit struct {
	*show
	room   *lab.Meeting
	entry  Entry
	bot    string
	moved  time.Time // when somebody moved the meeting
	start  time.Time // to when
	told   time.Duration
	late   time.Duration
	length float64
	file   string
}

// attend runs the calendar's part.
func (s *show) attend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	v := &visit{show: s}
	for _, step := range []func(context.Context) error{v.connect, v.plan, v.move, v.join, v.finish} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("the calendar's bot: %w; the server says:\n%s", err, s.stage.Log())
		}
	}
	s.visit = v
	return nil
}

// connect connects the calendar, whose next meeting is in half an hour.
func (v *visit) connect(ctx context.Context) (err error) {
	if v.room, err = v.lab.Open(ctx, lab.Conversation("hij-klmn-opq", 2, talk)); err != nil {
		return err
	}
	if err := v.agenda.Invite("Product review", v.room.URL(), time.Now().Add(30*time.Minute).Truncate(time.Minute)); err != nil {
		return err
	}
	v.say("POST %s/v2/calendars  (a simulated Google calendar)", v.stage.Base)
	if err := v.agenda.Connect(ctx, v.stage.Client, glance); err != nil {
		return err
	}
	v.entry, err = v.agenda.Next(ctx)
	if err != nil {
		return err
	}
	v.say("the calendar is read; next meeting: %q at %s", v.entry.Title, clockTime(v.entry.Start))
	return nil
}

// plan asks for a bot for the meeting.
func (v *visit) plan(ctx context.Context) error {
	v.say("POST %s/v2/calendars/…/bots  {\"event_id\": %q}", v.stage.Base, v.entry.ID)
	if err := v.agenda.Send(ctx, v.entry.ID, v.Mode); err != nil {
		return err
	}
	d, err := v.agenda.WaitJoinAt(ctx, glance, v.entry.ID, v.entry.Start)
	if err != nil {
		return err
	}
	v.bot = d.Bot
	v.say("a bot is planned for %s", clockTime(*d.JoinAt))
	return nil
}

// move moves the meeting in the calendar; Steno is told by a push only.
func (v *visit) move(ctx context.Context) error {
	v.moved = time.Now()
	v.start = v.moved.Add(notice).Truncate(time.Second)
	v.say("somebody moves the meeting to %s, %.0f s from now", clockTime(v.start), time.Until(v.start).Seconds())
	if err := v.agenda.Move(v.start); err != nil {
		return err
	}
	err := v.until(ctx, func(e Event) bool { return e.Type == "calendar.event_updated" })
	if err != nil {
		return err
	}
	v.told = time.Since(v.moved)
	v.say("webhook, signature good: calendar.event_updated, %.1f s after the edit", v.told.Seconds())
	d, err := v.agenda.WaitJoinAt(ctx, glance, v.entry.ID, v.start)
	if err != nil {
		return err
	}
	if d.Bot != v.bot {
		return fmt.Errorf("the moved meeting has bot %s, it had %s", d.Bot, v.bot)
	}
	v.say("the same bot is now planned for %s (%s)", clockTime(*d.JoinAt), d.Reason)
	return nil
}

// join follows the bot into the meeting.
func (v *visit) join(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, v.start.Add(inTime))
	defer cancel()
	err := v.meanwhile(func() error { _, err := v.room.WaitInCall(ctx, 1); return err })
	if err != nil {
		return fmt.Errorf("it is not in its meeting %.0f s after the new time: %w", inTime.Seconds(), err)
	}
	_, media := Visit(v.room)
	v.late = media.Sub(v.start)
	if v.late < 0 {
		return fmt.Errorf("it is in its meeting %.1f s before the new time", -v.late.Seconds())
	}
	v.say("the bot is in the meeting, %.1f s after its new time", v.late.Seconds())
	return nil
}

// finish waits for the recording and fetches it.
func (v *visit) finish(ctx context.Context) error {
	if err := v.meanwhile(func() error { return v.room.WaitAllSaid(ctx) }); err != nil {
		return err
	}
	v.say("everything is said; the host ends the meeting")
	v.room.End()
	final := ""
	err := v.until(ctx, func(e Event) bool {
		if bot, _ := about(e); bot == v.bot && e.Type != "bot.status_change" {
			final = e.Type
		}
		return final != ""
	})
	if err != nil {
		return err
	}
	v.say("webhook, signature good: %s", final)
	if final != "bot.completed" {
		return fmt.Errorf("it ended with %s", final)
	}
	if err := v.one(ctx); err != nil {
		return err
	}
	d, err := v.stage.Bot(ctx, v.bot)
	if err != nil {
		return err
	}
	if d.Duration == nil || time.Duration(*d.Duration*float64(time.Second)) < talk/2 {
		return fmt.Errorf("it recorded %v s of a meeting of %s", d.Duration, talk)
	}
	link, name := d.Audio, "calendar-meeting.flac"
	if d.Video != nil {
		link, name = d.Video, "calendar-meeting.mp4"
	}
	if link == nil {
		return fmt.Errorf("it recorded neither sound nor picture")
	}
	v.length, v.file = *d.Duration, name
	return v.stage.Download(ctx, *link, filepath.Join(v.Out, name))
}

// one checks that the meeting had one bot, and not another at its old time.
func (v *visit) one(ctx context.Context) error {
	var bots []struct {
		ID string `json:"bot_id"`
	}
	if err := v.stage.Do(ctx, http.MethodGet, "/v2/bots", nil, &bots); err != nil {
		return err
	}
	if len(bots) != 2 {
		return fmt.Errorf("there are %d bots: one was sent by hand, and one meeting of the calendar has one", len(bots))
	}
	return nil
}

// until shows how the bot gets on, until a webhook is the one that is waited
// for.
func (v *visit) until(ctx context.Context, found func(Event) bool) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-v.hooks.Events():
			if found(e) {
				return nil
			}
			v.tell(e)
		}
	}
}

// meanwhile shows how the bot gets on, until the wait is over.
func (v *visit) meanwhile(wait func() error) error {
	over := make(chan error, 1)
	go func() { over <- wait() }()
	for {
		select {
		case err := <-over:
			return err
		case e := <-v.hooks.Events():
			v.tell(e)
		}
	}
}

func (v *visit) tell(e Event) {
	if bot, status := about(e); bot == v.bot && status != "" {
		v.say("webhook, signature good: %s", status)
	}
}

// facts are the lines of the table.
func (v *visit) facts() []Fact {
	return []Fact{
		{"calendar: edit to webhook", fmt.Sprintf("%.1f s", v.told.Seconds())},
		{"calendar: bot in the moved meeting", fmt.Sprintf("%.1f s after its new time", v.late.Seconds())},
		{"calendar: recorded", fmt.Sprintf("%.0f s in %s", v.length, v.file)},
	}
}

func clockTime(t time.Time) string { return t.Local().Format(time.TimeOnly) }
