package scribe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"steno/internal/alarm"
	"steno/internal/artifact"
	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/transcript"
)

const (
	// lease is how long a server has an order without a sign of life, holdEvery how
	// often it gives one.
	lease     = 30 * time.Second
	holdEvery = 5 * time.Second
	// retry is the pause after a failure of ours, such as a store that is away, and
	// giveUp for how long that is tried.
	retry  = 15 * time.Second
	giveUp = 24 * time.Hour
)

// Orders is the database as a Desk sees it.
type Orders interface {
	// Take leases orders that are due to a host until a moment.
	Take(ctx context.Context, host string, now, until time.Time, limit int) ([]bot.TranscriptionJob, error)
	NextDue(ctx context.Context) (at time.Time, ok bool, err error)
	// Hold extends a host's leases and returns the orders that it still has.
	Hold(ctx context.Context, host string, until time.Time) ([]string, error)
	// Free gives back an order, all if id is empty; it is due again at a time.
	Free(ctx context.Context, host, id string, at time.Time) error
	// Files returns what there is of a recording, and how long it is.
	Files(ctx context.Context, o bot.TranscriptionOrder) ([]bot.StoredArtifact, *time.Duration, error)
	Parts(ctx context.Context, id string) ([]transcript.Part, error)
	// Called returns the parts of a host's orders about which a service has called,
	// and that are not heard yet, as transcript.Part.In names them.
	Called(ctx context.Context, host string) ([]string, error)
	// PutPart fails with transcript.ErrLost if the host does not have the order.
	PutPart(ctx context.Context, host, id string, p transcript.Part) error
	// AtServices returns what services are to delete of a bot, Deleted notes that one
	// has, DeleteAgain has a job do so.
	AtServices(ctx context.Context, botID string) ([]bot.KeptAtService, error)
	Deleted(ctx context.Context, k bot.KeptAtService) error
	DeleteAgain(ctx context.Context, botID string) error
}

// Ender ends the bots that wait for a transcript.
type Ender interface {
	EndTranscription(ctx context.Context, o bot.TranscriptionOrder, e bot.TranscriptionEnd) error
}

// Objects is where recordings are and transcripts go.
type Objects interface {
	Open(ctx context.Context, key string) (*blob.Object, error)
	Put(ctx context.Context, key, file string, o blob.PutOptions) (blob.Info, error)
	PutBytes(ctx context.Context, key string, content []byte, contentType string) error
	DeletePrefix(ctx context.Context, folder string) error
}

// Desk carries out the orders of a server's bots. Everything that it must not
// forget is in the database and the object store, so that any other server can
// go on where it was; an order that its server does not hold on to is taken by
// another one.
//
// Run it once.
type Desk struct {
	Orders   Orders
	Ender    Ender
	Objects  Objects
	Services Services
	Door     Door
	Host     string // unique among the servers, and the same after a restart
	Work     string // folder for what is under way
	FFmpeg   string
	Clock    clock.Clock
	Log      *slog.Logger
	// AtOnce is how many recordings are transcribed at a time; they wait for their
	// service most of the time. Default 32.
	AtOnce int
	// Patience is how long one part of a recording may take; see Options.
	Patience time.Duration
	// Poll is how often services are asked that are to call; see Options.
	Poll time.Duration

	bell *alarm.Alarm
	mu   sync.Mutex
	runs map[string]context.CancelCauseFunc // by order
	// waiting are the parts whose service is to call, by transcript.Part.In; each is
	// closed when it has.
	waiting map[string]chan struct{}
	wg      sync.WaitGroup
}

// errTaken ends a run whose order is no longer ours, or was cancelled.
var errTaken = errors.New("the order was cancelled or taken over")

// Open makes the desk ready; Nudge may be called after it.
func (d *Desk) Open() {
	d.AtOnce = cmp.Or(d.AtOnce, 32)
	d.runs, d.waiting = map[string]context.CancelCauseFunc{}, map[string]chan struct{}{}
	d.bell = alarm.New(d.due, d.Clock, d.Log)
}

// Nudge says that there is a new order, or a call of a service.
func (d *Desk) Nudge() { d.bell.Nudge() }

// Run works until ctx ends, and gives back what it has not finished.
func (d *Desk) Run(ctx context.Context) error {
	if err := os.RemoveAll(d.Work); err != nil { // of an earlier process
		return fmt.Errorf("transcribe: %w", err)
	}
	if err := d.Orders.Free(ctx, d.Host, "", d.Clock.Now()); err != nil && ctx.Err() == nil {
		d.Log.Warn("transcriptions of the last run go on when their lease ends", "error", err)
	}
	d.wg.Go(func() { d.hold(ctx) })
	err := d.bell.Run(ctx)
	d.wg.Wait()
	return err
}

// due wakes what waits for a call that has come, and takes what is due, as far as
// there is room.
func (d *Desk) due(ctx context.Context) (time.Time, bool, error) {
	now := d.Clock.Now()
	if err := d.ring(ctx); err != nil {
		return now, false, err
	}
	d.mu.Lock()
	room := d.AtOnce - len(d.runs)
	d.mu.Unlock()
	if room <= 0 {
		return now.Add(alarm.MaxIdle), true, nil
	}
	next, ok, err := d.Orders.NextDue(ctx)
	if err != nil || !ok || next.After(now) {
		return next, ok, err
	}
	jobs, err := d.Orders.Take(ctx, d.Host, now, now.Add(lease), room)
	for _, j := range jobs {
		d.begin(ctx, j)
	}
	return now, len(jobs) > 0, err
}

func (d *Desk) begin(ctx context.Context, j bot.TranscriptionJob) {
	ctx, cancel := context.WithCancelCause(ctx)
	d.mu.Lock()
	_, runs := d.runs[j.ID]
	if !runs {
		d.runs[j.ID] = cancel
	}
	d.mu.Unlock()
	if runs { // its lease had run out, and nobody else was there
		cancel(nil)
		return
	}
	d.wg.Go(func() {
		d.do(ctx, j)
		cancel(nil)
		d.mu.Lock()
		delete(d.runs, j.ID)
		d.mu.Unlock()
		d.bell.Nudge()
	})
}

// hold keeps the leases, and ends the runs that have lost theirs.
func (d *Desk) hold(ctx context.Context) {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.mu.Lock()
		before := make([]string, 0, len(d.runs))
		for id := range d.runs {
			before = append(before, id)
		}
		d.mu.Unlock()
		if len(before) == 0 {
			continue
		}
		ids, err := d.Orders.Hold(ctx, d.Host, d.Clock.Now().Add(lease))
		if err != nil {
			d.Log.Warn("transcriptions cannot be held on to", "error", err)
			continue
		}
		d.mu.Lock()
		for _, id := range before {
			if cancel, runs := d.runs[id]; runs && !slices.Contains(ids, id) {
				cancel(errTaken)
			}
		}
		d.mu.Unlock()
	}
}

// do carries an order out, and ends it or gives it back.
func (d *Desk) do(ctx context.Context, j bot.TranscriptionJob) {
	log := d.Log.With("bot_id", j.BotID, "service", j.Provider)
	end, err := d.transcribe(ctx, j)
	if ctx.Err() == nil && err != nil {
		if why := failure(err); why != "" {
			log.Warn("a recording could not be transcribed", "error", err)
			end, err = bot.TranscriptionEnd{Failure: why}, nil
		} else if d.Clock.Now().Sub(j.CreatedAt) > giveUp {
			end, err = bot.TranscriptionEnd{Failure: "the server could not work on the recording for a day"}, nil
		}
	}
	if err == nil {
		if err = d.Ender.EndTranscription(ctx, j.TranscriptionOrder, end); err == nil {
			d.clear(ctx, j)
			return
		}
	}
	d.giveBack(ctx, j, err)
}

// clear removes what was kept while it was under way. What stays goes when the
// bot's data are deleted.
func (d *Desk) clear(ctx context.Context, j bot.TranscriptionJob) {
	if err := d.Objects.DeletePrefix(ctx, heardFolder(j)); err != nil && ctx.Err() == nil {
		d.Log.Warn("what is left of a transcription could not be removed", "bot_id", j.BotID, "error", err)
	}
}

// giveBack ends a run that did not come to its end.
func (d *Desk) giveBack(ctx context.Context, j bot.TranscriptionJob, err error) {
	taken := errors.Is(context.Cause(ctx), errTaken) || errors.Is(err, transcript.ErrLost)
	stopped := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if taken {
		// If the data were deleted meanwhile, this run may have left new ones.
		if err := d.Orders.DeleteAgain(ctx, j.BotID); err != nil {
			d.Log.Warn("what was transcribed of a bot whose data were deleted stays until they are deleted again", "bot_id", j.BotID, "error", err)
		}
		return
	}
	at := d.Clock.Now()
	if !stopped {
		d.Log.Warn("a recording cannot be transcribed now; trying again later", "bot_id", j.BotID, "error", err)
		at = at.Add(retry)
	}
	if err := d.Orders.Free(ctx, d.Host, j.ID, at); err != nil {
		d.Log.Warn("a transcription goes on when its lease ends", "bot_id", j.BotID, "error", err)
	}
}

// Errors of orders that cannot be carried out.
var (
	errNoService = errors.New("this server has no key of the transcription service any more")
	errNoKey     = errors.New("the key of the transcription service cannot be read: it was sealed with another secret key")
)

// failure says to people why there is no transcript; empty: it may still come.
func failure(err error) string {
	if e := transcript.AsError(err); e != nil {
		return fmt.Sprintf("%s: %s: %s", e.Service, e.Op, e.Message)
	}
	for _, known := range []error{ErrTooLong, ErrNoAudio, errNoService, errNoKey} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return ""
}

// transcribe runs the transcription of an order and stores what comes out.
func (d *Desk) transcribe(ctx context.Context, j bot.TranscriptionJob) (end bot.TranscriptionEnd, err error) {
	dir := filepath.Join(d.Work, j.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return end, fmt.Errorf("transcribe: %w", err)
	}
	defer os.RemoveAll(dir)
	o, err := d.options(ctx, j, dir)
	if err != nil {
		return end, err
	}
	said := &indexed{}
	o.Sinks = []transcript.Sink{said}
	written, err := Run(ctx, o)
	if err != nil {
		return end, err
	}
	end.Artifacts = make([]bot.StoredArtifact, len(written.Files))
	g, ctx := errgroup.WithContext(ctx)
	for i, name := range written.Files {
		g.Go(func() error {
			key := artifact.Key(j.BotID, name)
			info, err := d.Objects.Put(ctx, key, filepath.Join(dir, name), blob.PutOptions{ContentType: artifact.ContentType(name)})
			end.Artifacts[i] = bot.StoredArtifact{Kind: string(forms[i]), Key: key, Bytes: info.Bytes, SHA256: info.SHA256}
			return err
		})
	}
	end.Said = said.list
	return end, g.Wait()
}

func (d *Desk) options(ctx context.Context, j bot.TranscriptionJob, dir string) (o Options, err error) {
	files, length, err := d.Orders.Files(ctx, j.TranscriptionOrder)
	if err != nil {
		return o, err
	}
	o = Options{
		Head: transcript.Head{BotID: j.BotID, Provider: j.Provider, CreatedAt: j.CreatedAt}, Custom: j.Custom,
		Keep: true, // until the bot's data are deleted
		Book: book{d, j}, Work: filepath.Join(dir, "parts"), Out: dir, Patience: d.Patience, Clock: d.Clock,
	}
	if d.Door.URL != "" {
		o.Callbacks, o.Poll = book{d, j}, d.Poll
	}
	stored := storedFiles{ctx, d.Objects, j.BotID + "/", files}
	if length == nil {
		length = new(time.Duration)
	}
	if j.Provider == FromCaptions {
		o.Voices, err = CaptionVoices(stored)
		o.Meeting.Length = *length
		return o, err
	}
	service, known := d.Services.of(j.Provider)
	switch {
	case j.Broken != nil:
		return o, errNoKey
	case !known || j.Key == "" && !service.Ready:
		return o, errNoService
	}
	if o.Service, o.Key = service, j.Key; o.Key == "" {
		o.Key = service.Key
		if len(o.Custom) == 0 {
			o.Custom = service.Custom
		}
	}
	if o.Voices, o.Meeting, err = Folder(stored, *length); err != nil || len(o.Voices) > 0 {
		return o, err
	}
	return o, d.mix(ctx, &o, stored, dir)
}

// mix makes the sound of all together the only voice.
func (d *Desk) mix(ctx context.Context, o *Options, stored storedFiles, dir string) error {
	name := artifact.File(artifact.Audio, "")
	in, err := stored.Open(name)
	if err != nil {
		return ErrNoAudio
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, readerWithContext{ctx, in})
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("fetch the audio: %w", err)
	}
	mix, err := Mix(ctx, d.FFmpeg, dir, filepath.Join(dir, "mix.opus"), o.Meeting.Turns)
	o.Voices, o.Meeting.Length = []Voice{mix}, mix.Source.Length
	return err
}

// DeleteAtProvider has services delete what they have of a bot. What one has
// deleted it is not asked for again.
func (d *Desk) DeleteAtProvider(ctx context.Context, botID string) error {
	kept, err := d.Orders.AtServices(ctx, botID)
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range kept {
		if err := d.deleteOne(ctx, k); err != nil {
			errs = append(errs, err) // the others need not wait for this one
		}
	}
	return errors.Join(errs...)
}

func (d *Desk) deleteOne(ctx context.Context, k bot.KeptAtService) error {
	if service, known := d.Services.of(k.Provider); known {
		key := k.Key
		if !k.OwnKey {
			key = service.Key
		}
		if err := service.Delete(ctx, key, k.Part.ID); err != nil {
			return err
		}
	}
	return d.Orders.Deleted(ctx, k)
}

// indexed gathers what is found again.
type indexed struct{ list []transcript.Indexed }

func (x *indexed) Put(u transcript.Utterance) error {
	x.list = append(x.list, transcript.Indexed{Speaker: u.Speaker, Language: u.Language, Start: u.Start.Seconds(), End: u.End.Seconds(), Text: u.Text()})
	return nil
}

func (x *indexed) Close(transcript.Totals) error { return nil }

// book is a Book in the database, and for what was heard in the object store.
type book struct {
	d *Desk
	j bot.TranscriptionJob
}

func heardFolder(j bot.TranscriptionJob) string { return j.BotID + "/transcribing-" + j.ID }

func (b book) Parts(ctx context.Context) ([]transcript.Part, error) {
	return b.d.Orders.Parts(ctx, b.j.ID)
}

func (b book) Put(ctx context.Context, p transcript.Part) error {
	// A job that the service has taken must be known, also when all is to end now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return b.d.Orders.PutPart(ctx, b.d.Host, b.j.ID, p)
}

func (b book) PutHeard(ctx context.Context, p transcript.Part, r *transcript.Result) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return b.d.Objects.PutBytes(ctx, heardFolder(b.j)+"/"+p.String()+".json", content, "application/json")
}

func (b book) Heard(ctx context.Context, p transcript.Part) (r transcript.Result, err error) {
	f, err := b.d.Objects.Open(ctx, heardFolder(b.j)+"/"+p.String()+".json")
	if err != nil {
		return r, err
	}
	defer f.Close()
	err = json.NewDecoder(f).Decode(&r)
	return r, err
}
