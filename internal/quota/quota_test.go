package quota_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/account"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// room is the room on a real database, with a clock that stands still.
type room struct {
	*quota.Service
	rows store.Quotas
	now  time.Time
}

func each(t *testing.T, test func(t *testing.T, r *room)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := &room{rows: store.Quotas{DB: db}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		r.Service = &quota.Service{Store: r.rows, Clock: clock.Func(func() time.Time { return r.now }), Requests: &quota.Memory{}}
		if db.Shared() {
			r.Requests = r.rows
		}
		for _, team := range []string{"red", "blue"} {
			if err := (store.Accounts{DB: db}).AddTeam(t.Context(), account.Team{ID: team, Name: team, CreatedAt: r.now}); err != nil {
				t.Fatal(err)
			}
		}
		test(t, r)
	})
}

// start admits and reserves a bot.
func (r *room) start(ctx context.Context, team, bot string) error {
	return r.Store.InTx(ctx, func(tx quota.Tx) error {
		reserve, err := r.Admit(ctx, tx, team, false)
		if err != nil {
			return err
		}
		return reserve(ctx, bot)
	})
}

func (r *room) end(t *testing.T, team, bot string, u quota.Usage) {
	t.Helper()
	if err := r.Store.InTx(t.Context(), func(tx quota.Tx) error { return r.Settle(t.Context(), tx, team, bot, u) }); err != nil {
		t.Fatal(err)
	}
}

func code(err error) string {
	if f := fail.As(err); f != nil {
		return f.Code
	}
	return fmt.Sprint(err)
}

func num(n int) *int { return &n }

func TestTokensReadAndWriteAsDecimals(t *testing.T) {
	for text, want := range map[string]quota.Tokens{"0": 0, "0.5": 500, "12": 12000, "-0.025": -25, "1.001": 1001, "100": 100_000} {
		got, err := quota.ParseTokens(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %d, written %s (%v)", text, got, got, err)
		}
		out, err := json.Marshal(want)
		var back quota.Tokens
		if err2 := json.Unmarshal(out, &back); err != nil || err2 != nil || string(out) != text || back != want {
			t.Errorf("%s as JSON: %s, back %d (%v %v)", text, out, back, err, err2)
		}
	}
	for _, text := range []string{"", "-", ".5", "1.2345", "1e3", "x", "1.-5", "12345678901234"} {
		if got, err := quota.ParseTokens(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestChargesAreBySecondRoundedUp(t *testing.T) {
	for name, c := range map[string]struct {
		u    quota.Usage
		want quota.Charge
	}{
		"nothing":        {quota.Usage{}, quota.Charge{}},
		"an hour":        {quota.Usage{Recorded: time.Hour, Transcribed: time.Hour}, quota.Charge{Recording: 1000, Transcription: 250}},
		"own key":        {quota.Usage{TranscribedOwnKey: time.Hour}, quota.Charge{BYOKTranscription: 50}},
		"streams":        {quota.Usage{StreamedIn: time.Hour, StreamedOut: 30 * time.Minute}, quota.Charge{StreamingInput: 100, StreamingOutput: 50}},
		"a second":       {quota.Usage{Recorded: time.Second}, quota.Charge{Recording: 1}},
		"part of one":    {quota.Usage{Recorded: 3601*time.Second + time.Millisecond}, quota.Charge{Recording: 1001}},
		"waiting room":   {quota.Usage{Waited: 10 * time.Minute}, quota.Charge{Recording: 167}},
		"never negative": {quota.Usage{Recorded: -time.Hour}, quota.Charge{}},
	} {
		if diff := cmp.Diff(c.want, c.u.Charge()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTeamsHaveTheDefaultUntilAnAdminSetsALimit(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		if l, err := r.Limits(t.Context(), "red"); err != nil || l != quota.Plans["enterprise"] {
			t.Errorf("%+v (%v)", l, err)
		}
		no := false
		if _, err := r.SetLimits(t.Context(), "red", quota.Change{BotsPerDay: num(2), BYOK: &no}); err != nil {
			t.Fatal(err)
		}
		l, err := r.SetLimits(t.Context(), "red", quota.Change{RetentionDays: num(quota.NoLimit)})
		want := quota.Limits{RequestsPerSecond: 20, BotsPerDay: 2, Calendars: 1000, RetentionDays: -1}
		if err != nil || l != want {
			t.Errorf("%+v (%v)", l, err)
		}
		if l, err := r.Limits(t.Context(), "blue"); err != nil || l != quota.Default() {
			t.Errorf("another team: %+v (%v)", l, err)
		}
		if _, err := r.SetLimits(t.Context(), "red", quota.Change{Calendars: num(-2)}); !fail.Is(err, fail.Invalid) {
			t.Errorf("minus two calendars: %v", err)
		}
		err = r.Store.InTx(t.Context(), func(tx quota.Tx) error { return r.OwnKey(t.Context(), tx, "red") })
		if code(err) != quota.CodeBYOK {
			t.Errorf("own key: %v", err)
		}
	})
}

func TestDailyCapIsOfAnyTwentyFourHours(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		if _, err := r.SetLimits(t.Context(), "red", quota.Change{BotsPerDay: num(3)}); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := r.start(t.Context(), "red", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
			r.now = r.now.Add(time.Hour)
		}
		err := r.start(t.Context(), "red", "4")
		if code(err) != quota.CodeDailyCap || fail.As(err).RetryAfter != 21*time.Hour {
			t.Errorf("the fourth: %v, again in %s", err, fail.As(err).RetryAfter)
		}
		if err := r.start(t.Context(), "blue", "b"); err != nil {
			t.Errorf("another team: %v", err)
		}
		r.now = r.now.Add(21*time.Hour - time.Millisecond)
		if err := r.start(t.Context(), "red", "4"); code(err) != quota.CodeDailyCap {
			t.Errorf("a moment too early: %v", err)
		}
		r.now = r.now.Add(time.Millisecond)
		if err := r.start(t.Context(), "red", "4"); err != nil {
			t.Errorf("a day after the first: %v", err)
		}
		if err := r.start(t.Context(), "red", "5"); code(err) != quota.CodeDailyCap {
			t.Errorf("the second is not a day old: %v", err)
		}
		for limit, want := range map[int]string{quota.NoLimit: "<nil>", 0: quota.CodeDailyCap, 100: "<nil>"} {
			if _, err := r.SetLimits(t.Context(), "red", quota.Change{BotsPerDay: &limit}); err != nil {
				t.Fatal(err)
			}
			if err := r.start(t.Context(), "red", fmt.Sprint("x", limit)); code(err) != want {
				t.Errorf("with a cap of %d: %v", limit, err)
			}
		}
	})
}

// Room for 50 and 200 that come at once: 50 get in, whether the daily cap or the
// balance is what bounds them.
func TestTwoHundredAtOnceFillExactlyFifty(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		if _, err := r.SetLimits(t.Context(), "red", quota.Change{BotsPerDay: num(50)}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Give(t.Context(), "blue", 25*quota.Token+quota.Reservation/2, "for a test"); err != nil {
			t.Fatal(err)
		}
		for team, refusal := range map[string]string{"red": quota.CodeDailyCap, "blue": quota.CodeTokens} {
			var in, out atomic.Int64
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() {
					switch err := r.start(t.Context(), team, fmt.Sprint(i)); code(err) {
					case "<nil>":
						in.Add(1)
					case refusal:
						out.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if in.Load() != 50 || out.Load() != 150 {
				t.Errorf("%s: %d got in, %d did not", team, in.Load(), out.Load())
			}
			a, err := r.Account(t.Context(), team)
			if err != nil || a.Reserved != 25*quota.Token || a.Starts != 50 {
				t.Errorf("%s: %+v (%v)", team, a, err)
			}
		}
	})
}

func TestLedgerTellsTheWholeStory(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(r.start(t.Context(), "red", "free"))
		_, err := r.Give(t.Context(), "red", 2*quota.Token, "invoice 7")
		must(err)
		must(r.start(t.Context(), "red", "paid"))
		r.end(t, "red", "free", quota.Usage{Recorded: 90 * time.Minute, Why: "completed, API_REQUEST"})
		if err := r.start(t.Context(), "red", "more"); code(err) != quota.CodeTokens || err.Error() != "Insufficient tokens: available 0, required 0.5" {
			t.Errorf("the balance is used up: %v", err)
		}
		r.end(t, "red", "paid", quota.Usage{Why: "failed, CANNOT_JOIN_MEETING"})
		must(r.start(t.Context(), "red", "more"))
		_, err = r.Free(t.Context(), "red", "a friend")
		must(err)
		rows, err := r.Ledger(t.Context(), "red", quota.LedgerQuery{})
		must(err)
		var got []string
		for i := len(rows) - 1; i >= 0; i-- {
			e := rows[i]
			got = append(got, fmt.Sprintf("%d %s %s %s/%s -> %s/%s %s", e.N, e.Kind, e.BotID, e.Amount, e.Held, e.Balance, e.Reserved, e.Note))
		}
		want := []string{
			"1 reserved free 0/0.5 -> 0/0.5 the bot was queued",
			"2 given  2/0 -> 2/0.5 invoice 7",
			"3 reserved paid 0/0.5 -> 2/1 the bot was queued",
			"4 released free 0/-0.5 -> 2/0.5 the bot ended: completed, API_REQUEST",
			"5 charged free -1.5/0 -> 0.5/0.5 recording 5400 s at 1 an hour; completed, API_REQUEST",
			"6 released paid 0/-0.5 -> 0.5/0 the bot ended: failed, CANNOT_JOIN_MEETING",
			"7 reserved more 0/0.5 -> 0.5/0.5 the bot was queued",
			"8 freed  -0.5/0 -> 0/0.5 a friend",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ledger: %s", diff)
		}
		one, err := r.Ledger(t.Context(), "red", quota.LedgerQuery{BotID: "free", Before: 5, Limit: 1})
		if err != nil || len(one) != 1 || one[0].N != 4 {
			t.Errorf("a part of it: %+v (%v)", one, err)
		}
		charges, err := r.Charges(t.Context(), "red", []string{"free", "paid", "more"})
		if diff := cmp.Diff(map[string]quota.Charge{"free": {Recording: 1500}}, charges); diff != "" || err != nil {
			t.Errorf("charges: %s (%v)", diff, err)
		}
		if other, err := r.Charges(t.Context(), "blue", []string{"free"}); len(other) != 0 || err != nil {
			t.Errorf("another team sees %v (%v)", other, err)
		}
	})
}

func TestRequestsBeyondTheRateWaitForTheNextSecond(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		if _, err := r.SetLimits(t.Context(), "red", quota.Change{RequestsPerSecond: num(3)}); err != nil {
			t.Fatal(err)
		}
		for left := 2; left >= 0; left-- {
			rate, err := r.Take(t.Context(), "red")
			if want := (quota.Rate{Limit: 3, Remaining: left, Reset: time.Second - time.Duration(2-left)*100*time.Millisecond}); err != nil || rate != want {
				t.Errorf("%+v, want %+v (%v)", rate, want, err)
			}
			r.now = r.now.Add(100 * time.Millisecond)
		}
		rate, err := r.Take(t.Context(), "red")
		if code(err) != quota.CodeRate || fail.As(err).RetryAfter != 700*time.Millisecond || rate.Remaining != 0 {
			t.Errorf("the fourth: %+v %v", rate, err)
		}
		if _, err := r.Take(t.Context(), "blue"); err != nil {
			t.Errorf("another team: %v", err)
		}
		r.now = r.now.Add(700 * time.Millisecond)
		if rate, err := r.Take(t.Context(), "red"); err != nil || rate.Remaining != 2 {
			t.Errorf("the next second: %+v %v", rate, err)
		}
		r.now = r.now.Add(-time.Hour) // a clock is set back
		if rate, err := r.Take(t.Context(), "red"); err != nil || rate.Remaining != 2 {
			t.Errorf("after the clock was set back: %+v %v", rate, err)
		}
	})
}

// Two servers on one database count together.
func TestRateIsExactAcrossServers(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		servers := []*quota.Service{r.Service, {Store: r.Store, Clock: r.Clock, Requests: r.Requests}}
		var in atomic.Int64
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				switch _, err := servers[i%2].Take(t.Context(), "red"); code(err) {
				case "<nil>":
					in.Add(1)
				case quota.CodeRate:
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if in.Load() != 20 {
			t.Errorf("%d requests passed, want 20", in.Load())
		}
	})
}
