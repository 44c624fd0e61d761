package scribe

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"steno/internal/transcript"
)

// Door is where services tell that jobs have ended. Nothing that they say is
// believed: it has the service asked at once instead of later. It is safe for
// concurrent use.
type Door struct {
	// URL is that of the door, as services reach it; empty: they cannot.
	URL string
	// Keys sign the names of parts; the first is used, all are accepted.
	Keys [][]byte
	// Called notes that a service has called about a part; nothing if it is not
	// waited for.
	Called func(ctx context.Context, transcription string, p transcript.Part) error
	// Nudge has the desk of this server look, if it has one.
	Nudge func()
}

func (d Door) at(name string) transcript.Callback {
	return transcript.Callback{URL: d.URL + "/" + name, Token: token(d.Keys[0], name)}
}

// token proves that a name came from us. The label keeps it from being a
// signature of anything else.
func token(key []byte, name string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("steno transcription callback 1\n" + name))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Receive takes a call about the part of a name. ok is false if the token is not
// its; one that is right tells nobody whether there is such a part.
func (d Door) Receive(ctx context.Context, name, t string) (ok bool, err error) {
	for _, key := range d.Keys {
		ok = hmac.Equal([]byte(token(key, name)), []byte(t)) || ok
	}
	if !ok {
		return false, nil
	}
	transcription, p, err := transcript.PartIn(name)
	if err == nil {
		err = d.Called(ctx, transcription, p)
	}
	if err == nil {
		d.Nudge()
	}
	return true, err
}

// At implements Callbacks.
func (b book) At(p transcript.Part) transcript.Callback { return b.d.Door.at(p.In(b.j.ID)) }

// Wait implements Callbacks. The call itself is noted in the database, by
// whichever server it came to.
func (b book) Wait(ctx context.Context, p transcript.Part, pause time.Duration) (told bool, err error) {
	name, called := p.In(b.j.ID), make(chan struct{})
	b.d.mu.Lock()
	b.d.waiting[name] = called
	b.d.mu.Unlock()
	defer func() {
		b.d.mu.Lock()
		delete(b.d.waiting, name)
		b.d.mu.Unlock()
	}()
	b.d.bell.Nudge() // it may have called before
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-called:
		return true, nil
	case <-t.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// ring wakes those whose services have called.
func (d *Desk) ring(ctx context.Context) error {
	d.mu.Lock()
	waiting := len(d.waiting)
	d.mu.Unlock()
	if waiting == 0 {
		return nil
	}
	names, err := d.Orders.Called(ctx, d.Host)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		if c := d.waiting[name]; c != nil {
			close(c)
			delete(d.waiting, name)
		}
	}
	return err
}
