package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"steno/internal/clock"
	"steno/lab/footage"
	"steno/lab/media"
)

// Meeting is a meeting that goes on. Its methods may be called from any
// goroutine.
type Meeting struct {
	server   *Server
	scenario Scenario
	clock    clock.Clock
	log      *slog.Logger
	origin   time.Time // of the grid of packet times
	length   time.Duration
	truth    diary
	began    atomic.Pointer[time.Time]
	mix      *mixer                 // nil unless all audio is mixed
	board    *switchboard           // nil unless people share tracks
	spoke    atomic.Pointer[person] // the last of those with a camera

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine of the meeting
	late   sync.WaitGroup // delayed packets

	mu       sync.Mutex
	changed  chan struct{} // closed at every change
	people   []*person
	drawn    *person  // whom pages show that draw by themselves
	lately   []toPage // what such pages were told last to play
	guests   []*guest
	done     map[*person]bool // those who have said all
	messages []message
	lines    []*caption // of the captions, from the first
	serial   int
	ended    bool
	shut     bool
}

// message is a line of the chat.
type message struct {
	ID     string `json:"id"`
	Sender string `json:"sender"`
	From   string `json:"from"` // id of the sender
	Text   string `json:"text"`
	SentMS int64  `json:"sent_ms"`
}

// Open starts a meeting: those who are in from the beginning publish at once.
// Making the cameras' pictures takes some seconds the first time.
func (s *Server) Open(ctx context.Context, sc Scenario) (*Meeting, error) {
	sc.defaults()
	if err := sc.check(); err != nil {
		return nil, fmt.Errorf("open meeting: %w", err)
	}
	cues, length, err := sc.cues()
	if err != nil {
		return nil, fmt.Errorf("open meeting: %w", err)
	}
	m := &Meeting{server: s, scenario: sc, clock: s.clock, log: s.log.With("meeting", sc.Code), length: length,
		changed: make(chan struct{}), done: map[*person]bool{}}
	m.truth.truth.Code = sc.Code
	if sc.Tracks == TracksShared {
		m.board = newSwitchboard(m)
	}
	if sc.Mixed {
		m.mix = newMixer(m)
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	for _, p := range sc.People {
		m.people = append(m.people, m.newPerson(p, cues[p.Name]))
	}
	if err := m.makeFilms(ctx); err != nil {
		return nil, fmt.Errorf("open meeting: %w", err)
	}
	if err := s.enlist(m); err != nil {
		return nil, err
	}
	m.start()
	return m, nil
}

// start lets the people in and the clock run.
func (m *Meeting) start() {
	m.origin = m.clock.Now()
	if m.scenario.Begin == BeginOpen {
		m.begin()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.people {
		m.attend(p)
	}
	m.run(m.runLevels)
	if m.mix != nil {
		m.run(func() {
			if err := m.mix.run(m.ctx, m.server.maker.FFmpeg); err != nil {
				m.log.Error("the audio of this meeting is gone", "error", err)
			}
		})
	}
	for _, e := range m.scenario.Events {
		m.run(func() { m.runEvent(e) })
	}
}

// run starts a goroutine that Close waits for.
func (m *Meeting) run(f func()) {
	m.wg.Go(f)
}

func (m *Meeting) newPerson(p Participant, cues []cue) *person {
	m.serial++
	q := &person{Participant: p, id: fmt.Sprintf("spaces/%s/devices/%d", m.scenario.Code, m.serial), number: uint32(m.serial), m: m, cues: cues}
	stream := fmt.Sprintf("s-%d", m.serial)
	if !p.NoMic {
		q.audio = &source{id: fmt.Sprintf("a-%d", m.serial), stream: stream, person: q.id, codec: opusCodec}
	}
	if !p.NoCam {
		q.video = &source{id: fmt.Sprintf("v-%d", m.serial), stream: stream, person: q.id, codec: vp8Codec}
	}
	return q
}

// ownAudio reports whether everybody has an audio track.
func (m *Meeting) ownAudio() bool { return m.mix == nil && m.board == nil }

// cameras lists the people who have one.
func (m *Meeting) cameras() (list []*person) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.people {
		if p.video != nil {
			list = append(list, p)
		}
	}
	return list
}

// carry tells the pages that a shared video track shows somebody else.
func (m *Meeting) carry(src *source, p *person) {
	m.tell(toPage{Type: "carry", Tracks: []trackOwner{{Kind: "video", Track: src.id, Person: p.id}}})
}

// say tells the pages that play by themselves what to play.
func (m *Meeting) say(msg toPage) {
	m.tell(msg)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lately = append(m.lately[max(0, len(m.lately)-7):], msg)
}

// draw sends a frame to the pages that draw by themselves. They show whoever spoke
// last, from a keyframe on.
func (m *Meeting) draw(p *person, f frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.key && (m.drawn == nil || !m.drawn.here.Load() || m.spoke.Load() == p) {
		m.drawn = p
	}
	if m.drawn != p {
		return
	}
	for _, g := range m.guests {
		if g.state == guestIn {
			g.send(toPage{Type: "picture", Frame: f.data, Key: f.key})
		}
	}
}

func (m *Meeting) makeFilms(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, p := range m.people {
		g.Go(func() error { return m.makeFilm(ctx, p) })
	}
	return g.Wait()
}

func (m *Meeting) makeFilm(ctx context.Context, p *person) error {
	if p.video == nil {
		return nil
	}
	loop, err := m.server.maker.Make(ctx, footage.Camera{Name: p.Name, Number: p.Camera})
	if err != nil {
		return err
	}
	p.film = packetise(loop)
	if m.scenario.Layers == 0 {
		return nil
	}
	if loop, err = m.server.maker.Make(ctx, footage.Camera{Name: p.Name, Number: p.Camera, Small: true}); err != nil {
		return err
	}
	p.small = packetise(loop)
	return nil
}

// attend runs a person from Join to Leave.
func (m *Meeting) attend(p *person) {
	m.run(func() {
		if p.Join > 0 && !m.waitScript(time.Duration(p.Join)) {
			return
		}
		ctx, cancel := context.WithCancel(m.ctx)
		defer cancel()
		if p.Leave > 0 {
			m.run(func() {
				if m.waitScript(time.Duration(p.Leave)) {
					cancel()
				}
			})
		}
		m.present(ctx, p)
	})
}

// present is the stay of a person in the meeting, until ctx ends.
func (m *Meeting) present(ctx context.Context, p *person) {
	entry := m.truth.joined(p, m.clock.Now())
	p.here.Store(true)
	m.change()
	p.publish(ctx)
	p.here.Store(false)
	m.truth.left(entry, m.clock.Now())
	m.finished(p)
	m.change()
}

// begin starts the script's clock, once.
func (m *Meeting) begin() {
	at := m.slot(m.clock.Now().Add(packetTime), packetTime)
	if m.began.CompareAndSwap(nil, &at) {
		m.truth.begun(at)
		m.change()
	}
}

// slot rounds a time up to the grid of the meeting.
func (m *Meeting) slot(t time.Time, step time.Duration) time.Time {
	n := (t.Sub(m.origin) + step - 1) / step
	return m.origin.Add(n * step)
}

// script returns the script's time zero (zero before it began) and the length
// of one round.
func (m *Meeting) script() (time.Time, time.Duration) {
	if p := m.began.Load(); p != nil {
		return *p, m.length
	}
	return time.Time{}, m.length
}

// waitScript waits until the script's clock shows at. It returns false when
// the meeting ended before.
func (m *Meeting) waitScript(at time.Duration) bool {
	if _, err := m.Wait(m.ctx, func(s State) bool { return !s.Began.IsZero() }); err != nil {
		return false
	}
	zero, _ := m.script()
	return m.sleep(zero.Add(at).Sub(m.clock.Now()))
}

// sleep waits and tells whether the meeting still goes on.
func (m *Meeting) sleep(d time.Duration) bool {
	return pass(m.ctx, d)
}

func (m *Meeting) finished(p *person) {
	m.mu.Lock()
	m.done[p] = true
	m.mu.Unlock()
	m.change()
}

func (m *Meeting) runEvent(e Event) {
	if !m.waitScript(time.Duration(e.At)) {
		return
	}
	var err error
	switch e.Do {
	case "admit":
		err = m.Admit("")
	case "deny":
		err = m.Deny("")
	case "remove":
		err = m.Remove("")
	case "end":
		m.End()
	case "freeze":
		err = m.CrashPage("", Freeze)
	case "crash":
		err = m.CrashPage("", Crash)
	case "trouble", "back":
		err = m.Trouble(e.Do == "trouble")
	case "strange", "toast", "popup":
		m.tell(toPage{Type: e.Do, Text: e.Text})
	case "hush":
		err = m.Hush(e.Who, true)
	case "chat":
		m.Chat(e.Who, e.Text)
	}
	if err != nil {
		m.log.Info("event did nothing", "do", e.Do, "error", err)
	}
}

// runLevels tells the pages who is speaking, as often as it changes.
func (m *Meeting) runLevels() {
	last := map[string]bool{}
	for m.sleep(100 * time.Millisecond) {
		m.mu.Lock()
		levels := map[string]int{}
		for _, p := range m.people {
			now := p.here.Load() && p.speaking.Load()
			if now != last[p.id] {
				last[p.id] = now
				levels[p.id] = map[bool]int{true: 5}[now]
			}
		}
		if len(levels) > 0 {
			for _, g := range m.guests {
				if g.state == guestIn {
					g.send(toPage{Type: "levels", Levels: levels})
				}
			}
		}
		m.mu.Unlock()
	}
}

// AddParticipant lets one more person come in now. The cues of a running
// script are not his; he speaks when Say tells him to.
func (m *Meeting) AddParticipant(ctx context.Context, p Participant) error {
	if p.Name == "" {
		return errors.New("add participant: no name")
	}
	m.mu.Lock()
	if p.Camera == 0 {
		p.Camera = len(m.people)%7 + 1
	}
	for _, o := range m.people {
		if o.Name == p.Name {
			m.mu.Unlock()
			return fmt.Errorf("add participant: %q is there already", p.Name)
		}
	}
	q := m.newPerson(p, nil)
	m.mu.Unlock()
	if err := m.makeFilm(ctx, q); err != nil {
		return fmt.Errorf("add participant: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut || m.ended {
		return errors.New("add participant: the meeting is over")
	}
	m.people = append(m.people, q)
	m.attend(q)
	return nil
}

// Say lets a participant say a clip as soon as the present one is over.
func (m *Meeting) Say(name, clip string) error {
	clips, err := media.Clips()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.people {
		if p.Name == name && clips[clip] != nil {
			p.mu.Lock()
			p.extra = append(p.extra, clips[clip])
			p.mu.Unlock()
			return nil
		}
	}
	return fmt.Errorf("say: nobody is called %q or there is no clip %q", name, clip)
}

// Code returns the meeting's code.
func (m *Meeting) Code() string { return m.scenario.Code }

// URL returns the address that a bot is given. The passcodes are the meeting's
// code: a bot that loses them on the way does not get in.
func (m *Meeting) URL() string {
	base := m.server.URL()
	switch m.scenario.Platform {
	case Teams:
		return base + "/teams/meet/1234567890123?p=" + m.scenario.Code
	case Zoom:
		return base + "/zoom/j/1234567890?pwd=" + m.scenario.Code
	}
	return base + "/meet/" + m.scenario.Code
}

// Truth returns what has happened so far.
func (m *Meeting) Truth() Truth {
	t := m.truth.snapshot()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.guests {
		t.Guests = append(t.Guests, g.truth())
	}
	return t
}

// End ends the meeting for everybody. The scripted people leave; the page says
// that the host ended it.
func (m *Meeting) End() {
	m.mu.Lock()
	if !m.ended {
		m.ended = true
		m.truth.ended(m.clock.Now())
		for _, g := range m.guests {
			m.expel(g, "ended")
		}
	}
	m.mu.Unlock()
	m.cancel()
	m.change()
}

// close ends the meeting's goroutines and waits for them.
func (m *Meeting) close() {
	m.mu.Lock()
	m.shut = true
	guests := append([]*guest(nil), m.guests...)
	m.mu.Unlock()
	m.cancel()
	for _, g := range guests {
		g.close()
	}
	m.wg.Wait()
	m.late.Wait()
}
