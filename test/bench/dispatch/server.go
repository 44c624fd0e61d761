package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/internal/account"
	"steno/internal/alarm"
	"steno/internal/app"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/job"
	"steno/internal/quota"
	"steno/internal/store"
)

// launchers is how many launches a server runs at once: as many as stand for 25
// hosts of two, since a stub takes no processor time.
const launchers = 50

// outside stands in for sealing and signing.
type outside struct{}

func (outside) SealBot(_, _, _, plain string) (string, error)         { return plain, nil }
func (outside) SealRequest(_, _ string, plain []byte) (string, error) { return string(plain), nil }
func (outside) OpenRequest(_, _, sealed string) ([]byte, error)       { return []byte(sealed), nil }
func (outside) URL(context.Context, string) (string, error)           { return "", nil }

func room(db *store.DB) (*bot.Service, *quota.Service) {
	q := app.NewQuota(db, clock.System{})
	return &bot.Service{
		Store: store.Bots{DB: db, Vault: outside{}, Requests: outside{}, Quota: app.NewQuotaRoom(q, db)},
		Clock: clock.System{}, Signer: outside{}, ValidURL: func(string) error { return nil }, Lead: lead,
	}, q
}

// schedule stores n bots that join at one moment, which is no full second.
func schedule(ctx context.Context, db *store.DB, n int) (time.Time, error) {
	bots, q := room(db)
	accounts := account.New(store.Accounts{DB: db}, clock.System{}, slog.New(slog.DiscardHandler))
	var teams []string
	none := quota.NoLimit
	for i := range 10 {
		t, err := accounts.CreateTeam(ctx, fmt.Sprint("team ", i))
		if err != nil {
			return time.Time{}, err
		}
		if _, err := q.SetLimits(ctx, t.ID, quota.Change{BotsPerDay: &none}); err != nil {
			return time.Time{}, err
		}
		teams = append(teams, t.ID)
	}
	far := time.Now().UTC().Add(time.Hour)
	for done := 0; done < n; done += 500 {
		err := bots.Store.InTx(ctx, func(tx bot.Tx) error {
			for i := done; i < min(n, done+500); i++ {
				r := bot.Request{Name: "Notetaker", MeetingURL: fmt.Sprintf("https://zoom.us/j/%d", 1_000_000_000+i), Mode: bot.SpeakerView}
				s := bot.Scheduled{ID: ident.New(), TeamID: teams[i%len(teams)], JoinAt: far, Status: bot.ScheduleWaiting, CreatedAt: far, UpdatedAt: far, Request: r}
				if err := tx.PutScheduled(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return time.Time{}, err
		}
	}
	at := time.Now().UTC().Add(lead + start).Truncate(time.Second).Add(370 * time.Millisecond)
	return at, db.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE scheduled_bots SET join_at = $1", at.UnixMilli())
		return err
	})
}

// serve is a server: it queues what is due and launches it, until it is killed.
func serve(args []string) error {
	url, dir, file, host := args[0], args[1], args[2], args[3]
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := store.Open(ctx, store.Options{DatabaseURL: url, DataDir: dir})
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	bots, _ := room(db)
	workers := job.NewWorkers(nil)
	job.Register(workers, time.Minute, func(ctx context.Context, j job.Job[store.LaunchBot]) error {
		_, err := bots.Launch(ctx, j.Args.BotID, host)
		switch f := fail.As(err); {
		case f != nil && f.Code == bot.CodeNotNeeded:
			return nil
		case f != nil && f.Code == bot.CodeElsewhere:
			return job.Snooze(5 * time.Second)
		case err != nil:
			return err
		}
		_, err = fmt.Fprintf(out, "%s %d\n", j.Args.BotID, time.Now().UnixMicro())
		return err
	})
	runner, err := job.NewRunner(db.Jobs(), workers, job.RunnerOptions{
		Node: ident.New(), Host: host, Queues: map[string]int{job.Bots: launchers}, Nodes: store.Nodes{DB: db, Clock: clock.System{}}, Logger: log,
	})
	if err != nil {
		return err
	}
	if err := runner.Start(ctx); err != nil {
		return err
	}
	return alarm.New(bots.RunDue, clock.System{}, log).Run(ctx)
}

// started is a line that a stub has written.
type started struct {
	id string
	at time.Time
}

func read(file string) (list []started, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		id, text, ok := strings.Cut(lines.Text(), " ")
		us, err := strconv.ParseInt(text, 10, 64)
		if !ok || err != nil {
			continue // being written
		}
		list = append(list, started{id, time.UnixMicro(us)})
	}
	return list, lines.Err()
}

func distinct(all []started) map[string]bool {
	ids := make(map[string]bool, len(all))
	for _, s := range all {
		ids[s.id] = true
	}
	return ids
}

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, int(q*float64(len(d))))]
}
