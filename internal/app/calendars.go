package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"steno/internal/alarm"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/fail"
	"steno/internal/job"
	"steno/internal/meeting"
	"steno/internal/provider/all"
	"steno/internal/seal"
	"steno/internal/store"
)

const (
	// syncTime bounds one sync job; a calendar that needs longer goes on in the
	// next one.
	syncTime = 10 * time.Minute
	// syncsAtOnce is how many calendars are synced at a time: they wait for their
	// services most of the time.
	syncsAtOnce = 32
	// Of these a team may have half and a service three quarters: when a service
	// hangs, or one team's part of it, the others go on.
	syncsOfTeam    = syncsAtOnce / 2
	syncsOfService = syncsAtOnce * 3 / 4
	// busyPause, and up to twice as long, is what a sync waits that finds no place.
	busyPause = 500 * time.Millisecond
	// refreshWait is how long a request for a sync is kept open; the server cuts
	// requests off after 30 seconds.
	refreshWait = 20 * time.Second
)

// buildCalendars makes the room of calendars and what wakes it.
func (s *server) buildCalendars() error {
	o := s.o.Providers
	providers, closeProviders, err := all.New(all.Options{
		GoogleAPI: o.GoogleAPIURL, GoogleToken: o.GoogleTokenURL, MicrosoftGraph: o.MicrosoftGraphURL, MicrosoftLogin: o.MicrosoftLoginURL, Clock: s.Clock,
	})
	if err != nil {
		return err
	}
	s.closeProviders = closeProviders
	vault := seal.Calendars{Sealer: s.Vault.Sealer}
	s.calendars = &calendar.Service{
		Store:  store.Calendars{DB: s.DB, Vault: vault, Bots: BotRoom{s.bots, s.store}, Quota: NewQuotaRoom(s.Quota, s.DB)},
		Tokens: &store.Grants{DB: s.DB, Vault: vault, Clock: s.Clock}, Providers: providers, Clock: s.Clock, Detect: Detector(s.o.Meetings()), Log: s.Log,
		Options: calendar.Options{
			Lead: s.o.JoinLead, Ahead: days(s.o.CalendarDays), Behind: days(s.o.CalendarPastDays), Poll: s.o.CalendarPoll,
			RefreshWait: refreshWait, MaxCalendars: s.o.MaxCalendars, PushURL: s.pushBase,
		},
	}
	if s.o.Has("worker") {
		s.calendars.Share = (&shares{ofTeam: syncsOfTeam, ofService: syncsOfService}).enter
		s.alarm = alarm.New(s.calendars.RunDue, s.Clock, s.Log)
		s.calendars.Nudge = s.alarm.Nudge
	}
	return nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// registerCalendarJobs says how the jobs of calendars are run.
func (s *server) registerCalendarJobs(workers *job.Workers) {
	job.Register(workers, syncTime, func(ctx context.Context, j job.Job[store.SyncCalendar]) error {
		// A job that is run again after a crash has the same name, and goes on at
		// once with what it had begun.
		err := s.calendars.Sync(ctx, j.Args.CalendarID, fmt.Sprintf("job %d", j.ID))
		if errors.Is(err, calendar.ErrBusy) {
			return job.Snooze(busyPause + rand.N(busyPause))
		}
		return err
	})
	job.Register(workers, 2*time.Minute, func(ctx context.Context, j job.Job[store.WatchCalendar]) error {
		return s.calendars.Watch(ctx, j.Args.CalendarID)
	})
	job.Register(workers, syncTime, func(ctx context.Context, j job.Job[store.DropCalendar]) error {
		return s.calendars.Drop(ctx, j.Args.CalendarID)
	})
}

// Detector finds the meeting of an event, as package meeting sees it.
func Detector(hosts meeting.Hosts) calendar.Detector {
	sources := map[calendar.Source]meeting.Source{
		calendar.FromConference: meeting.FromConference, calendar.FromLocation: meeting.FromLocation, calendar.FromBody: meeting.FromBody,
		calendar.FromExtended: meeting.FromProperty, calendar.FromTitle: meeting.FromSubject,
	}
	return func(candidates []calendar.Candidate) calendar.Link {
		texts := make([]meeting.Text, 0, len(candidates))
		for _, c := range candidates {
			texts = append(texts, meeting.Text{Source: sources[c.Source], Text: c.Text})
		}
		best := meeting.Detect(texts, hosts).Best
		if best == nil {
			return calendar.Link{}
		}
		return calendar.Link{URL: best.URL, Platform: string(best.Platform), Key: best.Key}
	}
}

// BotRoom is the room of bots as the calendars' store sees it.
type BotRoom struct {
	Bots  *bot.Service
	Store store.Bots
}

// Create queues the bot of an event. The settings are a bot.Request as JSON.
func (r BotRoom) Create(ctx context.Context, tx *store.Tx, o calendar.BotOrder) (refused bool, err error) {
	var req bot.Request
	if err := json.Unmarshal(o.Settings, &req); err != nil {
		return false, fmt.Errorf("read the settings of a calendar bot: %w", err)
	}
	req.MeetingURL = o.URL
	code, err := r.Bots.StartIn(ctx, r.Store.On(tx), bot.Order{ID: o.BotID, TeamID: o.TeamID, EventID: o.EventID, JoinAt: o.JoinAt, Request: req})
	return code != "", err
}

// DedupKey is that of the settings.
func (r BotRoom) DedupKey(settings []byte) string {
	var req bot.Request
	if json.Unmarshal(settings, &req) != nil {
		return "" // Create says so
	}
	return req.DedupKey
}

// Stop asks a bot to leave.
func (r BotRoom) Stop(ctx context.Context, tx *store.Tx, team, botID string) error {
	err := r.Bots.LeaveIn(ctx, r.Store.On(tx), team, botID)
	if fail.Is(err, fail.Conflict) || fail.Is(err, fail.NotFound) {
		return nil // it has ended
	}
	return err
}

// Repoint changes the meeting of a bot that no host has taken yet.
func (r BotRoom) Repoint(ctx context.Context, tx *store.Tx, team, botID, url string) (bool, error) {
	done, err := r.Bots.RepointIn(ctx, r.Store.On(tx), team, botID, url)
	if fail.Is(err, fail.NotFound) {
		return false, nil
	}
	return done, err
}
