package runtime

import (
	"context"
	"mime"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/internal/runtime/session"
)

const (
	pollJournal = time.Second
	maxBackoff  = 3 * time.Second // a report that waits keeps webhooks from being sent
)

// tail follows a bot's journal and reports it.
type tail struct {
	w       *worker
	offset  int64
	applied int64
	reduce  *reducer
	pending bot.Progress // read but not reported
	shots   *shots
}

func newTail(w *worker) *tail {
	t := &tail{w: w, reduce: newReducer(w.spec.LiveTranscript)}
	t.shots = newShots(t)
	return t
}

// run reports until the bot is done; reported is false if ctx ended before.
func (t *tail) run(ctx context.Context) (done bot.Done, reported bool) {
	err := t.insist(ctx, "ask for the applied reports", func() (err error) {
		t.applied, err = t.w.s.opt.Ledger.AppliedSeq(ctx, t.w.spec.BotID)
		return err
	})
	if err != nil {
		return bot.Done{}, false
	}
	aside, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { t.shots.run(aside) })
	defer func() { stop(); wg.Wait() }()
	for {
		entries, offset, err := journal.ReadFrom(t.w.folder, t.offset)
		if err != nil {
			t.w.log.Error("cannot read journal", "error", err)
		}
		t.offset = offset
		for _, e := range entries {
			if err := t.take(ctx, e); err != nil {
				return bot.Done{}, false
			}
		}
		if t.pending.Done != nil {
			if err := t.shots.drain(ctx); err != nil {
				return bot.Done{}, false
			}
			t.pending.Artifacts = append(t.pending.Artifacts, t.shots.take(1)...)
			done := *t.pending.Done
			return done, t.report(ctx) == nil
		}
		if t.due() {
			if err := t.report(ctx); err != nil {
				return bot.Done{}, false
			}
		}
		select {
		case <-ctx.Done():
			return bot.Done{}, false
		case <-t.w.events:
		case <-time.After(pollJournal):
		}
	}
}

// due reports whether what is pending should be reported now, and adds the
// screenshots that are stored: to anything that is said, or a number of them.
// Artifacts of the end wait for it.
func (t *tail) due() bool {
	if len(t.pending.Artifacts) > 0 || t.pending.Seq <= t.applied {
		return false
	}
	least := shotBatch
	if says(t.pending) {
		least = 1
	}
	t.pending.Artifacts = t.shots.take(least)
	return says(t.pending)
}

// take adds an entry to what is pending. An artifact is stored first; what
// came before it is reported before that, because storing may take long.
func (t *tail) take(ctx context.Context, e journal.Entry) error {
	old := e.Seq <= t.applied
	switch {
	case e.End != nil:
		t.w.ended.Store(true)
	case e.Command != nil && e.Command.Name == journal.CommandFilm:
		t.w.films.Store(true)
	case e.Gap != nil && !old:
		t.w.s.metrics.gap(*e.Gap)
	case e.Artifact != nil && e.Artifact.Kind == bot.KindScreenshot:
		t.shots.add(*e.Artifact)
	case e.Note != nil && path.Dir(e.Note.File) == session.EvidenceDir:
		t.shots.add(journal.Artifact{Kind: bot.KindEvidence, Name: path.Base(e.Note.File), Path: e.Note.File})
	case e.Artifact != nil && !old:
		if err := t.takeArtifact(ctx, *e.Artifact); err != nil {
			return err
		}
	}
	if !old {
		t.reduce.reduce(&t.pending, e)
		return nil
	}
	var known bot.Progress
	t.reduce.reduce(&known, e)
	if known.Done != nil { // reported, but the folder was not cleared
		t.pending.Done = known.Done
	}
	return nil
}

func (t *tail) takeArtifact(ctx context.Context, a journal.Artifact) error {
	if says(t.pending) && len(t.pending.Artifacts) == 0 {
		if err := t.report(ctx); err != nil {
			return err
		}
	}
	stored, err := t.store(ctx, a)
	if err != nil {
		return err
	}
	t.pending.Artifacts = append(t.pending.Artifacts, stored)
	return nil
}

// store puts a file of the folder into the object store, over and over until
// it is there or ctx ends.
func (t *tail) store(ctx context.Context, a journal.Artifact) (bot.StoredArtifact, error) {
	key := t.w.spec.BotID + "/" + strings.TrimPrefix(a.Path, "out/")
	file := filepath.Join(t.w.folder, filepath.FromSlash(a.Path))
	var info blob.Info
	err := t.insist(ctx, "store "+key, func() (err error) {
		info, err = t.w.s.opt.Objects.Put(ctx, key, file, blob.PutOptions{ContentType: contentType(key), SHA256: a.SHA256})
		return err
	})
	return bot.StoredArtifact{Kind: a.Kind, Name: a.Name, Key: key, Bytes: info.Bytes, SHA256: info.SHA256}, err
}

// types of files that not every system's table knows.
var types = map[string]string{
	".flac": "audio/flac", ".opus": "audio/ogg", ".mp4": "video/mp4", ".jsonl": "application/jsonl", ".jpg": "image/jpeg", ".json": "application/json",
}

func contentType(key string) string {
	ext := path.Ext(key)
	if t := types[ext]; t != "" {
		return t
	}
	return mime.TypeByExtension(ext)
}

// report hands what is pending to the ledger, over and over until it is taken.
func (t *tail) report(ctx context.Context) error {
	err := t.insist(ctx, "report", func() error { return t.w.s.opt.Ledger.Apply(ctx, t.w.spec.BotID, t.pending) })
	if err == nil {
		t.applied, t.pending = max(t.applied, t.pending.Seq), bot.Progress{Seq: t.pending.Seq}
		t.shots.reported()
	}
	return err
}

// insist tries until f succeeds or ctx ends.
func (t *tail) insist(ctx context.Context, what string, f func() error) error {
	wait := 100 * time.Millisecond
	for {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			t.w.log.Warn("cannot "+what+"; trying again", "error", err)
			t.w.s.metrics.retries.Inc()
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxBackoff)
	}
}
