package lab

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

type guestState int

const (
	guestPrejoin guestState = iota
	guestLobby
	guestIn
	guestOut
)

// guest is a page that looks at the meeting. Its fields without a lock of
// their own are guarded by Meeting.mu.
type guest struct {
	m      *Meeting
	id     string
	number uint32
	ctx    context.Context // of the connection
	cancel context.CancelFunc
	outbox chan toPage
	// account is the name in which the browser is signed in; empty: a guest.
	account string

	state                        guestState
	name                         string
	knocked, entered, flow, left time.Time
	why                          string
	peer                         *peer
	lastRoster                   []rosterEntry

	captions     bool // the page shows them
	voice        voice
	face         face
	takesVideo   atomic.Bool
	video, audio atomic.Int64 // frames sent
	flowing      atomic.Bool
}

// toPage is a message from the lab to the page.
type toPage struct {
	Type     string         `json:"type"` // hello, lobby, admitted, out, offer, carry, roster, levels, chat, caption, say, picture, trouble, strange, toast, popup, crash
	Door     Door           `json:"door,omitempty"`
	Account  string         `json:"account,omitempty"` // with hello
	ID       string         `json:"id,omitempty"`
	Consent  bool           `json:"consent,omitempty"`
	OwnVideo bool           `json:"own_video,omitempty"`
	Why      string         `json:"why,omitempty"`
	How      string         `json:"how,omitempty"`
	NoChat   bool           `json:"no_chat,omitempty"`
	DeadChat bool           `json:"dead_chat,omitempty"`
	Text     string         `json:"text,omitempty"`
	Skin     string         `json:"skin,omitempty"`
	On       bool           `json:"on,omitempty"`
	Clip     string         `json:"clip,omitempty"`  // with say
	AtMS     int64          `json:"at_ms,omitempty"` // with say: when it is to be heard
	Frame    []byte         `json:"frame,omitempty"` // with picture: VP8, base64
	Key      bool           `json:"key,omitempty"`   // it stands alone
	SDP      string         `json:"sdp,omitempty"`
	Tracks   []trackOwner   `json:"tracks,omitempty"`
	Mic      string         `json:"mic,omitempty"` // the section for the guest's own voice
	Cam      string         `json:"cam,omitempty"` // and for its picture
	People   []rosterEntry  `json:"people,omitempty"`
	Levels   map[string]int `json:"levels,omitempty"`
	Message  *message       `json:"message,omitempty"`
	Caption  *caption       `json:"caption,omitempty"`
	NoCaps   bool           `json:"no_captions,omitempty"`
}

// fromPage is a message from the page to the lab.
type fromPage struct {
	Type string `json:"type"` // knock, answer, sound, chat, mic, cam, captions, leave, declined
	On   bool   `json:"on"`
	Name string `json:"name"`
	SDP  string `json:"sdp"`
	Text string `json:"text"`
}

// trackOwner says whose media a section of the offer carries.
type trackOwner struct {
	MID    string `json:"mid"`
	Kind   string `json:"kind"`
	Person string `json:"person"`
	Track  string `json:"track"` // id of the MediaStreamTrack
}

// rosterEntry is a line of the list of people. Audio and Video are the ids of
// the tracks, empty without.
type rosterEntry struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Audio string `json:"audio,omitempty"`
	Video string `json:"video,omitempty"`

	number uint32
}

func (g *guest) public() Guest {
	return Guest{ID: g.id, Name: g.name, Media: g.flowing.Load(), Video: g.takesVideo.Load()}
}

func (g *guest) truth() TrueGuest {
	return TrueGuest{ID: g.id, Name: g.name, KnockUS: us(g.knocked), InUS: us(g.entered), MediaUS: us(g.flow),
		OutUS: us(g.left), Why: g.why, Video: g.takesVideo.Load(), Frames: g.video.Load(), AudioPkt: g.audio.Load()}
}

// send queues a message. A page that does not read is cut off.
func (g *guest) send(msg toPage) {
	select {
	case g.outbox <- msg:
	default:
		g.cancel()
	}
}

func (g *guest) sendRoster(people []rosterEntry) {
	if g.peer != nil {
		g.peer.poke()
	}
	if reflect.DeepEqual(people, g.lastRoster) {
		return
	}
	g.lastRoster = people
	g.send(toPage{Type: "roster", People: people})
	if g.peer != nil {
		g.peer.announce(people)
	}
}

// out ends the stay; Meeting.mu is held.
func (g *guest) out(why string, now time.Time) {
	g.state, g.why, g.left = guestOut, why, now
	g.flowing.Store(false)
	if g.peer != nil {
		g.peer.cancel()
	}
}

func (g *guest) close() { g.cancel() }

// serveSignal is the page's WebSocket.
func (s *Server) serveSignal(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 20)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	m := s.Meeting(r.PathValue("code"))
	if m == nil {
		_ = write(ctx, conn, toPage{Type: "out", Why: "unknown"})
		_, _, _ = conn.Read(ctx) // until the page goes
		return
	}
	m.serveGuest(ctx, cancel, conn, account(r))
}

func (m *Meeting) serveGuest(ctx context.Context, cancel context.CancelFunc, conn *websocket.Conn, account string) {
	g := m.newGuest(ctx, cancel, account)
	if g == nil {
		return
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		g.write(conn)
	}()
	g.read(conn)
	m.leave(g, "gone")
	cancel()
	<-written
}

func (m *Meeting) newGuest(ctx context.Context, cancel context.CancelFunc, account string) *guest {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut {
		return nil
	}
	m.serial++
	g := &guest{m: m, number: uint32(m.serial), ctx: ctx, cancel: cancel, account: account, outbox: make(chan toPage, 256)}
	g.id = strings.Join([]string{"spaces", m.scenario.Code, "devices", strconv.Itoa(m.serial)}, "/")
	g.send(toPage{Type: "hello", Door: m.scenario.Door, Skin: m.scenario.Skin, Account: account})
	if m.ended {
		m.expel(g, "ended")
	}
	return g
}

func (g *guest) write(conn *websocket.Conn) {
	defer g.cancel()
	for {
		select {
		case <-g.ctx.Done():
			return
		case msg := <-g.outbox:
			if write(g.ctx, conn, msg) != nil {
				return
			}
		}
	}
}

func write(ctx context.Context, conn *websocket.Conn, msg toPage) error {
	data, err := json.Marshal(msg)
	if err != nil {
		return err
	}
	return conn.Write(ctx, websocket.MessageText, data)
}

func (g *guest) read(conn *websocket.Conn) {
	for {
		kind, data, err := conn.Read(g.ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageBinary {
			g.take(data)
			continue
		}
		var msg fromPage
		if err := json.Unmarshal(data, &msg); err != nil {
			g.m.log.Warn("page sent nonsense", "error", err)
			return
		}
		if err := g.handle(msg); err != nil {
			g.m.log.Warn("page cannot be served", "type", msg.Type, "error", err)
			return
		}
	}
}

func (g *guest) handle(msg fromPage) error {
	switch msg.Type {
	case "knock":
		if strings.TrimSpace(msg.Name) == "" {
			return errors.New("no name")
		}
		g.m.knock(g, msg.Name)
	case "answer":
		g.m.mu.Lock()
		p := g.peer
		g.m.mu.Unlock()
		if p != nil {
			p.answer(msg.SDP)
		}
	case "mic":
		g.switchMic(msg.On)
	case "cam":
		g.switchCam(msg.On)
	case "captions":
		g.m.mu.Lock()
		defer g.m.mu.Unlock()
		g.captions = msg.On && !g.m.scenario.NoCaptions
	case "sound": // a page that plays by itself has joined the audio
		if g.flowing.CompareAndSwap(false, true) {
			g.m.flowing(g)
			g.m.mu.Lock()
			defer g.m.mu.Unlock()
			for _, msg := range g.m.lately { // some of it is not over yet
				g.send(msg)
			}
		}
	case "chat":
		g.m.mu.Lock()
		defer g.m.mu.Unlock()
		if g.state == guestIn && !g.m.scenario.NoChat {
			g.m.chat(g.name, g.id, msg.Text)
		}
	case "leave":
		g.m.leave(g, "left")
	case "declined": // the consent dialog was dismissed
		return g.m.Remove(g.id)
	}
	return nil
}

// roster lists who is in the call; Meeting.mu is held.
func (m *Meeting) roster() []rosterEntry {
	list := []rosterEntry{}
	for _, p := range m.people {
		if !p.here.Load() {
			continue
		}
		e := rosterEntry{ID: p.id, Name: p.Name, number: p.number}
		if p.audio != nil && m.ownAudio() {
			e.Audio = p.audio.id
		}
		if p.video != nil && m.board == nil {
			e.Video = p.video.id
		}
		list = append(list, e)
	}
	for _, g := range m.guests {
		if g.state == guestIn {
			list = append(list, rosterEntry{ID: g.id, Name: g.name, number: g.number})
		}
	}
	return list
}

// sources lists the tracks that a guest should get; Meeting.mu is held.
func (m *Meeting) sources() []*source {
	var list []*source
	if m.board != nil {
		return m.board.sources()
	}
	if m.mix != nil {
		list = append(list, m.mix.out)
	}
	for _, p := range m.people {
		if !p.here.Load() {
			continue
		}
		if p.audio != nil && m.mix == nil {
			list = append(list, p.audio)
		}
		if p.video != nil {
			list = append(list, p.video)
		}
	}
	return list
}
