package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/platform"
	"steno/internal/platform/pack"
)

// Visit holds a platform pack against a live meeting: it joins as a bot does, says
// which selectors find something at which stage, and leaves. It records nothing,
// and says nothing in the meeting. All fields are required.
type Visit struct {
	Pack    *pack.Pack
	Adapter platform.Adapter // of that pack
	Page    platform.Page
	URL     string
	Name    string // the bot's, for people to see
	Folder  string // for screenshots and pages; must exist
	Out     io.Writer

	Wait time.Duration // for the page, and then to be let in
	Stay time.Duration // in the call at most; less when all has been seen that there is
	Look time.Duration // between two looks
}

// The stages of a visit.
const (
	atDoor  = "before joining"
	inLobby = "lobby"
	behind  = "behind the lobby" // and neither in the call nor out
	inCall  = "call"
	leaving = "leaving"
	atEnd   = "end"
)

// visit is a Visit under way.
type visit struct {
	Visit
	stage   string
	shots   int                        // so many
	shown   string                     // the stage of the last
	seen    map[string]map[string]bool // by stage, then by the place in the pack
	found   []string                   // places, at the last look
	people  int                        // most at a time
	self    bool
	speaks  bool
	texts   int // messages of the chat
	media   []flow
	left    bool
	ended   platform.Observation
	refused *platform.Refusal
}

// flow is what the page's connections have received. Total counts bytes.
type flow struct{ Peers, Audio, Video, Total int64 }

// Run makes the visit and writes a verdict with what to do. What it returns is
// Broken if bots cannot do their work with this pack, Doubtful if they can in part,
// or if that cannot be said; an error only if the visit could not be made at all.
func (v Visit) Run(ctx context.Context) (Level, error) {
	r := &visit{Visit: v, seen: map[string]map[string]bool{}}
	fmt.Fprintf(r.Out, "%s, pack version %s, as %q\n", v.Pack.Platform, v.Pack.Version, v.Name)
	if err := v.Page.AddScript(ctx, flowScript); err != nil {
		return Broken, fmt.Errorf("prepare the page: %w", err)
	}
	err := r.attend(ctx)
	r.leave(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && r.refused == nil {
		return Broken, err
	}
	return r.verdict(), nil
}

// attend goes through the stages as far as it comes.
func (v *visit) attend(ctx context.Context) error {
	v.enter(atDoor)
	door, cancel := context.WithTimeout(ctx, v.Wait)
	defer cancel()
	err := v.Adapter.Enter(door, watchedPage{v.Page, v}, platform.Join{URL: v.URL, Name: v.Name, Mode: bot.SpeakerView, Knock: func(ctx context.Context) error {
		v.picture(ctx) // all is filled in, and the next click asks to be let in
		return nil
	}})
	if err != nil {
		errors.As(err, &v.refused)
		v.picture(context.WithoutCancel(ctx))
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, v.Wait)
	defer cancel()
	if err := v.watch(waiting, func() bool { return v.stage == inCall }); err != nil || v.stage != inCall {
		return err
	}
	staying, cancel := context.WithTimeout(ctx, v.Stay)
	defer cancel()
	return v.watch(staying, v.content)
}

// watch looks again and again, until done, the end, or the end of the time.
func (v *visit) watch(ctx context.Context, done func() bool) error {
	for {
		o, err := v.Adapter.Observe(ctx, watchedPage{v.Page, v})
		if err != nil {
			return err
		}
		switch o.Stage {
		case platform.StageLobby, platform.StageHostAbsent:
			v.enter(inLobby)
		case platform.StageJoining:
			if v.seen[inLobby] != nil {
				v.enter(behind)
			}
		case platform.StageInCall:
			v.enter(inCall)
			v.note(ctx, o)
		case platform.StageEnded:
			v.ended = o
			v.enter(atEnd)
			v.picture(ctx)
			return nil
		}
		v.mark() // what was found belongs to the stage that it told of
		if v.shown != v.stage {
			v.picture(ctx)
		}
		if done() {
			return nil
		}
		select {
		case <-ctx.Done():
			v.picture(context.WithoutCancel(ctx))
			return ctx.Err()
		case <-time.After(v.Look):
		}
	}
}

func (v *visit) enter(stage string) {
	if v.stage == stage {
		return
	}
	v.stage = stage
	if v.seen[stage] == nil {
		v.seen[stage] = map[string]bool{}
	}
	fmt.Fprintf(v.Out, "\n== %s\n", stage)
}

// note takes in what is seen of the people and of the media.
func (v *visit) note(ctx context.Context, o platform.Observation) {
	if len(o.Roster) > v.people {
		v.people = len(o.Roster)
		fmt.Fprintf(v.Out, "   people in the list: %d\n", v.people)
	}
	v.self = v.self || slices.ContainsFunc(o.Roster, func(p platform.Person) bool { return p.Self })
	v.speaks = v.speaks || len(o.Speaking) > 0
	v.texts += len(o.Messages)
	var f flow
	if err := v.Page.Eval(ctx, "window.__stenoFlow ? window.__stenoFlow() : {}", &f); err != nil {
		return
	}
	if n := len(v.media); n == 0 || f.Audio != v.media[n-1].Audio || f.Video != v.media[n-1].Video {
		fmt.Fprintf(v.Out, "   media: %d audio and %d video tracks by %d connections, %d kB so far\n", f.Audio, f.Video, f.Peers, f.Total/1000)
	}
	v.media = append(v.media, f)
}

// leave leaves as a bot does, also when the operator has enough.
func (v *visit) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if v.stage == atEnd || v.refused != nil {
		v.left = true
		return
	}
	v.enter(leaving)
	v.left = v.Adapter.Leave(ctx, watchedPage{v.Page, v}) == nil
	v.picture(ctx)
}

// picture saves what the page looks like, and of what it is made.
func (v *visit) picture(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	v.shots, v.shown = v.shots+1, v.stage
	stem := filepath.Join(v.Folder, fmt.Sprintf("%02d-%s", v.shots, strings.ReplaceAll(v.stage, " ", "-")))
	if png, err := v.Page.Screenshot(ctx); err == nil {
		v.save(stem+".png", png)
	}
	var html string
	if err := v.Page.Eval(ctx, "document.documentElement.outerHTML", &html); err == nil {
		v.save(stem+".html", []byte(html))
	}
}

func (v *visit) save(file string, content []byte) {
	if err := os.WriteFile(file, content, 0o600); err != nil {
		fmt.Fprintf(v.Out, "   cannot save: %v\n", err)
		return
	}
	fmt.Fprintf(v.Out, "   saved %s\n", file)
}

// watchedPage notes at each look of the adapter which selectors find something.
type watchedPage struct {
	platform.Page
	v *visit
}

// found lists the places whose selectors find something: in a tile, if they are of
// a tile. A selector that this browser does not take finds nothing.
const found = `((all, tiles) => Object.entries(all).filter(([place, s]) => {
	try {
		const roots = place.startsWith('selectors.tile_') ? [...document.querySelectorAll(tiles)] : [document];
		return roots.some((r) => r.querySelector(s));
	} catch { return false; }
}).map(([place]) => place))`

// Eval is the adapter's look, and ours after it.
func (w watchedPage) Eval(ctx context.Context, expression string, out any) error {
	if err := w.Page.Eval(ctx, expression, out); err != nil {
		return err
	}
	css, err := json.Marshal(w.v.Pack.CSS())
	if err != nil {
		return err
	}
	tiles, err := json.Marshal(strings.Join(w.v.Pack.Selectors.Tile, ", "))
	if err != nil {
		return err
	}
	var places []string
	if err := w.Page.Eval(ctx, found+"("+string(css)+", "+string(tiles)+")", &places); err != nil {
		return nil //nolint:nilerr // the page goes on to another; the next look tells
	}
	slices.Sort(places)
	if w.v.found = places; w.v.stage == atDoor || w.v.stage == leaving {
		w.v.mark()
	}
	return nil
}

// mark notes and tells what was found for the first time at this stage.
func (v *visit) mark() {
	for _, place := range v.found {
		if !v.seen[v.stage][place] {
			v.seen[v.stage][place] = true
			fmt.Fprintf(v.Out, "   %-28s %s\n", place, v.Pack.CSS()[place])
		}
	}
}

// flowScript counts what comes in by the page's connections. Nothing is kept of it.
const flowScript = `(() => {
	const Real = window.RTCPeerConnection;
	if (!Real || window.__stenoFlow) return;
	const all = [];
	window.RTCPeerConnection = new Proxy(Real, { construct: (t, args, n) => { const pc = Reflect.construct(t, args, n); all.push(pc); return pc; } });
	window.__stenoFlow = async () => {
		const f = { Peers: all.length, Audio: 0, Video: 0, Total: 0 };
		for (const pc of all) {
			if (pc.connectionState === 'closed') continue;
			for (const s of (await pc.getStats()).values()) {
				if (s.type !== 'inbound-rtp' || !s.bytesReceived) continue;
				f[s.kind === 'audio' ? 'Audio' : 'Video']++;
				f.Total += s.bytesReceived;
			}
		}
		return f;
	};
})()`

// sees reports whether one of a list of selectors found something at a stage.
func (v *visit) sees(stage string, lists ...string) bool {
	for place := range v.seen[stage] {
		for _, l := range lists {
			if strings.HasPrefix(place, "selectors."+l+"[") {
				return true
			}
		}
	}
	return false
}

// never lists what found nothing at any stage, by the name of its list.
func (v *visit) never() []string {
	seen, all := map[string]bool{}, map[string]bool{}
	name := func(place string) string { list, _, _ := strings.Cut(place, "["); return list }
	for _, places := range v.seen {
		for place := range places {
			seen[name(place)] = true
		}
	}
	for place := range v.Pack.CSS() {
		if list := name(place); !seen[list] && !strings.HasPrefix(list, "dialogs") {
			all[list] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
