package bot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// SealRequest and OpenRequest stand in for the real sealing.
func (h *house) SealRequest(team, bot string, plain []byte) (string, error) {
	return team + "|" + bot + "|" + string(plain), nil
}

func (h *house) OpenRequest(team, bot, sealed string) ([]byte, error) {
	plain, ok := strings.CutPrefix(sealed, team+"|"+bot+"|")
	if !ok {
		return nil, errors.New("the seal is broken")
	}
	return []byte(plain), nil
}

func (h *house) schedule(t *testing.T, team string, r bot.Request, in time.Duration) string {
	t.Helper()
	if r.Name == "" {
		r.Name = "Notetaker"
	}
	if r.MeetingURL == "" {
		r.MeetingURL = meetURL
	}
	id, err := h.Schedule(t.Context(), team, r, h.now.Add(in))
	if err != nil {
		t.Fatalf("schedule: %v", err)
	}
	return id
}

// run has RunDue do what is due.
func (h *house) run(t *testing.T) (next time.Time, ok bool) {
	t.Helper()
	next, ok, err := h.RunDue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return next, ok
}

func (h *house) wantSchedule(t *testing.T, id string, status bot.ScheduleStatus, reason bot.EndCode) {
	t.Helper()
	sc, err := h.Scheduled(t.Context(), "red", id)
	if err != nil || sc.Status != status || sc.Reason != reason {
		t.Errorf("schedule is %s %s, want %s %s (%v)", sc.Status, sc.Reason, status, reason, err)
	}
}

func code(err error) string {
	if f := fail.As(err); f != nil {
		return f.Code
	}
	return fmt.Sprint(err)
}

const launches = "SELECT COUNT(*) FROM river_job WHERE kind = 'launch_bot'"

func TestScheduledBotIsQueuedOnceAndAheadOfItsTime(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.Lead = 30 * time.Second
		id := h.schedule(t, "red", bot.Request{Extra: json.RawMessage(`{"a":1}`), EntryMessage: "hi"}, 90*time.Second+500*time.Millisecond)
		at := h.now.Add(90*time.Second + 500*time.Millisecond)
		if _, err := h.Get(t.Context(), "red", id); code(err) != bot.CodeNotFound {
			t.Errorf("before it is queued: %v", err)
		}
		if next, ok := h.run(t); !ok || !next.Equal(at.Add(-30*time.Second)) {
			t.Errorf("due at %v, want %v", next, at.Add(-30*time.Second))
		}
		h.now = at.Add(-30*time.Second - time.Millisecond)
		h.run(t)
		if n := h.count(t, launches); n != 0 {
			t.Errorf("%d launched a moment too early", n)
		}
		h.now = h.now.Add(time.Millisecond)
		for range 2 {
			if _, ok := h.run(t); ok {
				t.Error("something is said to be due still")
			}
			h.now = h.now.Add(-time.Hour) // a clock that is set back starts nothing again
		}
		b, err := h.Get(t.Context(), "red", id)
		if err != nil || b.Status != bot.Queued || string(b.Extra) != `{"a":1}` {
			t.Errorf("the bot: %+v (%v)", b, err)
		}
		if n := h.count(t, launches); n != 1 {
			t.Errorf("%d launch jobs", n)
		}
		spec, err := h.Launch(t.Context(), id, "host")
		if err != nil || !spec.JoinAt.Equal(at) || spec.EntryMessage != "hi" {
			t.Errorf("spec %+v (%v)", spec, err)
		}
		h.wantSchedule(t, id, bot.ScheduleDone, "")
	})
}

// Proves T1 for scheduled bots: whatever the wall clock does, each is queued
// once, at its time as the wall clock then says, or it is told that its time was
// jumped over; none is lost.
func TestAClockThatJumpsNeitherLosesNorDoublesAScheduledBot(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	each(t, func(t *testing.T, h *house) {
		h.Lead = 30 * time.Second
		for _, c := range []struct {
			name   string
			begin  time.Time
			jump   time.Duration
			missed int // of five
		}{
			{"an hour forward", noon, time.Hour, 4}, {"an hour back", noon, -time.Hour, 0},
			{"five minutes forward", noon, 5 * time.Minute, 0}, // late, but of use
			{"a day forward", noon, 24 * time.Hour, 4}, {"a day back", noon, -24 * time.Hour, 0},
			{"summer time begins", time.Date(2026, 3, 29, 1, 59, 0, 0, zone), 0, 0},
			{"summer time ends", time.Date(2026, 10, 25, 2, 59, 0, 0, zone), 0, 0},
			{"a leap second", time.Date(2026, 12, 31, 23, 58, 40, 0, time.UTC), -time.Second, 0},
			{"the end of 32 bits", time.Date(2038, 1, 19, 3, 13, 0, 0, time.UTC), 0, 0},
		} {
			h.now = c.begin.UTC()
			first := h.now.Add(time.Minute)
			at := map[string]time.Time{}
			for i := range 5 {
				id := h.schedule(t, "red", bot.Request{}, time.Minute+time.Duration(i)*20*time.Second)
				at[id] = first.Add(time.Duration(i) * 20 * time.Second)
			}
			queued, missed, jumped := map[string]bool{}, 0, time.Time{}
			for len(at) > 0 {
				next, ok := h.run(t)
				for id, join := range at {
					sc, err := h.Scheduled(t.Context(), "red", id)
					if err != nil {
						t.Fatal(err)
					}
					due := join.Add(-h.Lead)
					switch sc.Status {
					case bot.ScheduleDone:
						queued[id] = true
						if h.now.Before(due) || h.now.After(due.Add(time.Second)) && due.After(jumped) {
							t.Errorf("%s: queued at %v, due at %v", c.name, h.now, due)
						}
					case bot.ScheduleFailed:
						missed++
					default:
						if !due.After(h.now) {
							t.Fatalf("%s: not queued at %v, due at %v", c.name, h.now, due)
						}
						continue
					}
					delete(at, id)
				}
				if len(queued) == 1 && jumped.IsZero() { // after the first one
					h.now = h.now.Add(c.jump)
					jumped = h.now
					continue
				}
				if ok {
					h.now = next
				}
			}
			h.run(t)
			if missed != c.missed || len(queued) != 5-c.missed {
				t.Errorf("%s: %d missed, want %d; %d queued", c.name, missed, c.missed, len(queued))
			}
			for id := range queued {
				if n := h.count(t, launches+" AND CAST(args AS TEXT) LIKE '%"+id+"%'"); n != 1 {
					t.Errorf("%s: %d launches", c.name, n)
				}
			}
		}
	})
}

func TestMissedBotStartsForTenMinutesAndThenFails(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.listen(t, "red")
		late := h.schedule(t, "red", bot.Request{}, 2*time.Minute)
		missed := h.schedule(t, "red", bot.Request{CallbackEnabled: true, Callback: &bot.CallbackRequest{URL: "https://cb.example"}}, 2*time.Minute-time.Millisecond)
		h.now = h.now.Add(12 * time.Minute) // the server was down
		h.run(t)
		h.wantSchedule(t, late, bot.ScheduleDone, "")
		h.wantSchedule(t, missed, bot.ScheduleFailed, bot.EndMissed)
		b, err := h.Get(t.Context(), "red", missed)
		if err != nil || b.Status != bot.Failed || b.ErrorCode() != bot.EndMissed || !strings.Contains(b.EndMessage, "2026-03-01T12:01:59.999Z") {
			t.Errorf("the missed bot: %+v (%v)", b, err)
		}
		if n := h.count(t, launches); n != 1 {
			t.Errorf("%d launch jobs", n)
		}
		all := strings.Join(h.sent(t, "payload"), "\n")
		if strings.Count(all, `"event":"bot.failed"`) != 2 || strings.Count(all, `"error_code":"JOIN_TIME_MISSED"`) != 2 { // endpoint and callback
			t.Errorf("sent %s", all)
		}
	})
}

// Cap, tokens and deduplication are looked at when the bot is queued.
func TestRefusedBotFailsWithTheCodeOfTheRefusal(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.listen(t, "red")
		no, one := false, 1
		for _, c := range []struct {
			name string
			r    bot.Request
			set  func() error
			want bot.EndCode
		}{
			{"dedup", bot.Request{AllowMultiple: &no}, func() error {
				_, err := h.Create(t.Context(), "red", bot.Request{Name: "B", MeetingURL: meetURL})
				return err
			}, bot.EndAlreadyExists},
			{"tokens", bot.Request{}, func() error { _, err := h.quota.Give(t.Context(), "red", 499, ""); return err }, bot.EndInsufficientTokens},
			{"cap", bot.Request{}, func() error {
				_, err := h.quota.SetLimits(t.Context(), "red", quota.Change{BotsPerDay: &one})
				return err
			}, bot.EndDailyCap},
			{"own key", bot.Request{TranscriptionEnabled: true, Transcription: &bot.TranscriptionRequest{APIKey: "k"}}, func() error {
				_, err := h.quota.SetLimits(t.Context(), "red", quota.Change{BYOK: &no})
				return err
			}, bot.EndNoOwnKey},
		} {
			id := h.schedule(t, "red", c.r, 2*time.Minute)
			h.now = h.now.Add(2 * time.Minute)
			if err := c.set(); err != nil {
				t.Fatal(err)
			}
			before := h.count(t, launches)
			h.run(t)
			h.wantSchedule(t, id, bot.ScheduleFailed, c.want)
			b, err := h.Get(t.Context(), "red", id)
			if err != nil || b.Status != bot.Failed || b.ErrorCode() != c.want || h.count(t, launches) != before {
				t.Errorf("%s: %+v (%v)", c.name, b, err)
			}
			sent := h.sent(t, "payload")
			if last := sent[len(sent)-1]; !strings.Contains(last, `"event":"bot.failed"`) || !strings.Contains(last, `"error_code":"`+string(c.want)+`"`) {
				t.Errorf("%s: sent %s", c.name, last)
			}
		}
		if a, err := h.quota.Account(t.Context(), "red"); err != nil || a.Starts != 1 || a.Reserved != quota.Reservation {
			t.Errorf("refused bots were counted: %+v (%v)", a, err)
		}
	})
}

// A request whose seal is broken fails alone and stops nobody.
func TestUnreadableRequestFailsAlone(t *testing.T) {
	h := newHouse(t, storetest.SQLite(t))
	broken, whole := h.schedule(t, "red", bot.Request{}, 2*time.Minute), h.schedule(t, "red", bot.Request{}, 2*time.Minute)
	err := h.db.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE scheduled_bots SET request = 'other' WHERE id = $1", broken)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(2 * time.Minute)
	h.run(t)
	h.wantSchedule(t, broken, bot.ScheduleFailed, bot.EndInternalError)
	h.wantSchedule(t, whole, bot.ScheduleDone, "")
}

func TestScheduledBotsAreLockedFourMinutesBeforeTheyJoin(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		rename := func(r bot.Request) (bot.Request, error) { r.Name = "Other"; return r, nil }
		edit := func(id string, at time.Duration) error {
			when := h.now.Add(at)
			return h.Reschedule(t.Context(), "red", id, &when, rename)
		}
		for in, want := range map[time.Duration]string{59 * time.Second: bot.CodeValidation, 90*24*time.Hour + time.Second: bot.CodeValidation} {
			if _, err := h.Schedule(t.Context(), "red", bot.Request{Name: "N", MeetingURL: meetURL}, h.now.Add(in)); code(err) != want {
				t.Errorf("in %s: %v", in, err)
			}
		}
		h.schedule(t, "red", bot.Request{}, time.Minute)
		far := h.schedule(t, "red", bot.Request{}, 90*24*time.Hour)
		near := h.schedule(t, "red", bot.Request{}, 4*time.Minute-time.Millisecond)
		just := h.schedule(t, "red", bot.Request{}, 4*time.Minute)
		if err := h.Reschedule(t.Context(), "red", just, nil, rename); err != nil {
			t.Errorf("4 minutes before: %v", err)
		}
		if sc, err := h.Scheduled(t.Context(), "red", just); err != nil || sc.Name != "Other" || !sc.JoinAt.Equal(h.now.Add(4*time.Minute)) {
			t.Errorf("changed to %+v (%v)", sc, err)
		}
		for name, err := range map[string]error{
			bot.CodeLockWindow + " edit":        h.Reschedule(t.Context(), "red", near, nil, rename),
			bot.CodeLockWindow + " cancel":      h.Unschedule(t.Context(), "red", near),
			bot.CodeLockWindow + " new time":    edit(far, 3*time.Minute+59*time.Second),
			bot.CodeValidation + " past":        edit(far, -time.Second),
			bot.CodeValidation + " 90 days":     edit(far, 90*24*time.Hour+time.Second),
			"<nil> new time":                    edit(far, 4*time.Minute),
			"<nil> cancel":                      h.Unschedule(t.Context(), "red", just),
			bot.CodeStatus + " cancel twice":    h.Unschedule(t.Context(), "red", just),
			bot.CodeScheduledNotFound + " team": h.Unschedule(t.Context(), "blue", far),
		} {
			if want, _, _ := strings.Cut(name, " "); code(err) != want {
				t.Errorf("%s: %v", name, err)
			}
		}
		h.wantSchedule(t, just, bot.ScheduleCancelled, "")
		// Leaving is possible at any time before it is queued (C7).
		if err := h.Leave(t.Context(), "blue", near); code(err) != bot.CodeNotFound {
			t.Errorf("another team's leave: %v", err)
		}
		if err := h.Leave(t.Context(), "red", near); err != nil {
			t.Errorf("leave: %v", err)
		}
		if err := h.Leave(t.Context(), "red", near); code(err) != bot.CodeStatus {
			t.Errorf("leave again: %v", err)
		}
		h.now = h.now.Add(4 * time.Minute)
		h.run(t)
		for _, id := range []string{near, just} {
			if _, err := h.Get(t.Context(), "red", id); code(err) != bot.CodeNotFound {
				t.Errorf("a cancelled bot was queued: %v", err)
			}
		}
		if err := h.Leave(t.Context(), "red", far); err != nil {
			t.Errorf("leave of the queued one: %v", err)
		}
	})
}

// The short form of the dispatch benchmark: several servers at once, and every
// bot is queued, and once.
func TestSeveralServersQueueEveryBotOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const bots = 300
		for i := range bots {
			h.schedule(t, []string{"red", "blue"}[i%2], bot.Request{}, 2*time.Minute)
		}
		h.now = h.now.Add(2 * time.Minute)
		var wg sync.WaitGroup
		for range 3 {
			server := &bot.Service{Store: h.bots, Clock: clock.Func(func() time.Time { return h.now }), Signer: h, ValidURL: func(string) error { return nil }}
			wg.Go(func() {
				for {
					_, ok, err := server.RunDue(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if !ok {
						return
					}
				}
			})
		}
		wg.Wait()
		if n := h.count(t, launches); n != bots {
			t.Errorf("%d launch jobs for %d bots", n, bots)
		}
		if n := h.count(t, "SELECT COUNT(DISTINCT bot_id) FROM bot_transitions WHERE status = 'queued'"); n != bots {
			t.Errorf("%d of %d bots were queued", n, bots)
		}
		if n := h.count(t, "SELECT COUNT(*) FROM scheduled_bots WHERE status <> 'completed'"); n != 0 {
			t.Errorf("%d schedules are open", n)
		}
	})
}

// walk reads a list to its end and back again, with the sizes of pages given.
func walk[P any](t *testing.T, page func(limit int, cursor string) P, parts func(P) (ids []string, next, prev string), between func()) (forth, back []string) {
	t.Helper()
	cursor, last := "", ""
	for n := 0; ; n++ {
		ids, next, prev := parts(page(7+n%94, cursor))
		forth = append(forth, ids...)
		if (prev == "") != (n == 0) {
			t.Errorf("page %d has the way back %q", n, prev)
		}
		if next == "" {
			last = prev
			back = append(back, ids...)
			break
		}
		cursor = next
		between()
	}
	slices.Reverse(back)
	for cursor = last; cursor != ""; {
		var ids []string
		ids, _, cursor = parts(page(31, cursor))
		slices.Reverse(ids)
		back = append(back, ids...)
		between()
	}
	slices.Reverse(back)
	return forth, back
}

func TestAThousandBotsAreListedForthAndBackWhileOthersComeAndGo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var bots, scheduled []string
		var comeAndGo func()
		err := h.Store.InTx(t.Context(), func(tx bot.Tx) error {
			bots, scheduled = nil, nil
			for i := range 1000 {
				at := h.now.Add(-time.Duration(i/3) * time.Second) // three share a time
				b := bot.Bot{ID: fmt.Sprintf("00000000-0000-7000-8000-%012x", 5000-i), TeamID: "red", Name: "N", MeetingURL: meetURL, Status: bot.Queued, CreatedAt: at, UpdatedAt: at}
				if err := tx.Insert(t.Context(), b, bot.Config{}, bot.Secrets{}); err != nil {
					return err
				}
				sc := bot.Scheduled{ID: fmt.Sprintf("00000000-0000-7000-9000-%012x", i), TeamID: "red", JoinAt: h.now.Add(time.Duration(1000+i/3) * time.Second), Status: bot.ScheduleWaiting, CreatedAt: at, UpdatedAt: at, Request: bot.Request{Name: "N", MeetingURL: meetURL}}
				if err := tx.PutScheduled(t.Context(), sc); err != nil {
					return err
				}
				bots, scheduled = append(bots, b.ID), append(scheduled, sc.ID)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		comeAndGo = func() {
			h.now = h.now.Add(time.Second)
			h.create(t, "red", bot.Request{})                    // at the head of the list
			h.schedule(t, "red", bot.Request{}, 80*24*time.Hour) // at its end
			h.create(t, "blue", bot.Request{})
		}
		before := bot.Filter{CreatedBefore: h.now.Add(time.Millisecond)}
		forth, back := walk(t, func(limit int, cursor string) bot.Page { return h.list(t, bot.Filter{}, limit, cursor) },
			func(p bot.Page) ([]string, string, string) { return ids(p), p.Next, p.Prev }, comeAndGo)
		if !slices.Equal(forth, bots) {
			t.Errorf("forth: %d bots, in another order or not all", len(forth))
		}
		if len(back) < len(bots) || !slices.Equal(back[len(back)-len(bots):], bots) {
			t.Errorf("back: %d bots, in another order or not all", len(back))
		}
		until := bot.ScheduledFilter{Before: h.now.Add(24 * time.Hour)}
		forth, back = walk(t, func(limit int, cursor string) bot.ScheduledPage {
			p, err := h.ListScheduled(t.Context(), "red", until, limit, cursor)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}, func(p bot.ScheduledPage) (ids []string, next, prev string) {
			for _, s := range p.Bots {
				ids = append(ids, s.ID)
			}
			return ids, p.Next, p.Prev
		}, comeAndGo)
		if !slices.Equal(forth, scheduled) || !slices.Equal(back, scheduled) {
			t.Errorf("scheduled: %d forth, %d back, want %d", len(forth), len(back), len(scheduled))
		}
		p := h.list(t, before, 1, "")
		if _, err := h.ListScheduled(t.Context(), "red", bot.ScheduledFilter{}, 1, p.Next); code(err) != bot.CodeValidation {
			t.Errorf("a cursor of the other list: %v", err)
		}
		// What a cursor points at may be gone: the way on and the way back are not.
		q, err := h.ListScheduled(t.Context(), "red", until, 100, "")
		if err != nil {
			t.Fatal(err)
		}
		err = h.db.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), "DELETE FROM scheduled_bots WHERE id = $1 OR id > $2", scheduled[99], scheduled[100])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		next, err := h.ListScheduled(t.Context(), "red", until, 100, q.Next)
		if err != nil || len(next.Bots) != 1 || next.Bots[0].ID != scheduled[100] || next.Prev == "" {
			t.Errorf("behind a deleted row: %d, %q (%v)", len(next.Bots), next.Prev, err)
		}
	})
}
