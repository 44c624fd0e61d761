package session

import (
	"context"
	"fmt"
	"sync"
	"time"

	"steno/internal/bot"
	"steno/internal/camera"
	"steno/internal/netguard"
	"steno/internal/platform"
)

// cameraTries is how often a visit tries to switch the camera on.
const cameraTries = 2

// album holds the pictures that the bot shows as its camera.
type album struct {
	spec bot.Camera

	mu       sync.Mutex
	pictures [][]byte // JPEG; nil as long as it is not there
}

// openAlbum begins to fetch the pictures that the spec names, for which the
// meeting does not wait. The function that it returns ends that.
func (s *session) openAlbum(ctx context.Context) func() {
	if s.spec.Camera == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	s.album = &album{spec: *s.spec.Camera, pictures: make([][]byte, len(s.spec.Camera.Images))}
	wg.Go(func() {
		guard := netguard.New(netguard.Options{Allow: s.spec.Reach.Networks})
		defer guard.Close()
		for i, url := range s.album.spec.Images {
			picture, err := camera.Fetch(ctx, guard, url)
			if ctx.Err() != nil {
				return
			}
			if err != nil { // without the URL, which may hold a token
				s.log.Warn("no picture for the camera", "n", i+1, "error", err)
				s.diary.note(fmt.Sprintf("picture %d for the camera: %s", i+1, err), "")
				continue
			}
			s.album.mu.Lock()
			s.album.pictures[i] = picture
			s.album.mu.Unlock()
		}
	})
	return func() { cancel(); wg.Wait() }
}

// at returns the number and the picture to be shown when the bot has been in
// the call for so long; -1 as long as there is none. In the place of one that is
// missing stands the one before it.
func (a *album) at(in time.Duration, recording, paused bool) (int, []byte) {
	n := len(a.pictures)
	want := 0
	switch {
	case !a.spec.ByStatus:
		want = int(in/max(a.spec.Turn, time.Second)) % n
	case paused:
		want = min(2, n-1)
	case recording:
		want = min(1, n-1)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range n {
		if k := (want - i + n) % n; a.pictures[k] != nil {
			return k, a.pictures[k]
		}
	}
	return -1, nil
}

// show has the camera show the picture whose turn it is, and switches it on with
// the first.
func (v *visit) show(ctx context.Context, now time.Time) {
	s := v.s
	if s.album == nil {
		return
	}
	n, picture := s.album.at(now.Sub(s.facts.admitted), !s.facts.recording.IsZero(), s.diary.isPaused())
	if picture == nil {
		return
	}
	if v.shown != n+1 {
		v.rec.Show(picture)
		v.shown = n + 1
	}
	if v.lit >= cameraTries {
		return
	}
	v.lit++
	c, ok := v.adapter.(platform.Camera)
	if !ok {
		v.lit = cameraTries
		s.diary.note("the bot cannot show a picture on this platform", "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := c.ShowCamera(ctx, v.page)
	switch {
	case err == nil:
		v.lit = cameraTries // who switches it off has a reason
	case v.lit == cameraTries:
		s.diary.note("could not switch the camera on: "+err.Error(), "")
	}
}
