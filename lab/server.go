// Package lab is a place to try meeting bots without a meeting service: a
// local server whose page looks like Google Meet to a bot, with real WebRTC
// media. Scripted participants say known sentences and show video with a
// timecode; what they really did is in the Truth of a Meeting.
//
// Product code must not import it: only tests and the commands `steno lab` and
// `steno demo` do.
package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"steno/internal/clock"
	"steno/lab/footage"
)

// Options of Start. The zero value is good for tests.
type Options struct {
	Listen string       // host:port; default 127.0.0.1:0
	Cache  string       // folder for the cameras' pictures; default in the user's cache folder
	FFmpeg string       // program that encodes them; default: ffmpeg in PATH
	Log    *slog.Logger // default: nothing is logged
	Clock  clock.Clock  // default: the system's
}

// Server is a running lab.
type Server struct {
	clock  clock.Clock
	log    *slog.Logger
	maker  footage.Maker
	api    *webrtc.API
	certs  []webrtc.Certificate
	ctx    context.Context
	cancel context.CancelFunc
	addr   string
	http   *http.Server
	served chan struct{}
	conns  sync.WaitGroup // handlers that outlive http.Server.Close

	mu       sync.Mutex
	meetings map[string]*Meeting
	closed   bool
}

// Start starts a lab. It runs until Close, also when ctx ends: ctx only bounds
// the start.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	s := &Server{clock: o.Clock, log: o.Log, maker: footage.Maker{Dir: o.Cache, FFmpeg: o.FFmpeg},
		meetings: map[string]*Meeting{}, served: make(chan struct{})}
	if err := s.newAPI(); err != nil {
		return nil, fmt.Errorf("start lab: %w", err)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("start lab: %w", err)
	}
	s.addr = ln.Addr().String()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("lab stopped serving", "error", err)
		}
	}()
	return s, nil
}

// URL is the address of the lab, without a slash at the end.
func (s *Server) URL() string { return "http://" + s.addr }

// Host is host:port of the lab, as meeting.Hosts wants it.
func (s *Server) Host() string { return s.addr }

// Meeting returns the meeting with a code, or nil.
func (s *Server) Meeting(code string) *Meeting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meetings[code]
}

func (s *Server) enlist(m *Meeting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch old := s.meetings[m.scenario.Code]; {
	case s.closed:
		return errors.New("open meeting: the lab is closed")
	case old != nil && !old.State().Ended:
		return fmt.Errorf("open meeting: %s goes on already", m.scenario.Code)
	case old != nil:
		old.close()
	}
	s.meetings[m.scenario.Code] = m
	return nil
}

// Close ends all meetings and waits until every goroutine of the lab has
// ended. It may be called more than once.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	list := make([]*Meeting, 0, len(s.meetings))
	for _, m := range s.meetings {
		list = append(list, m)
	}
	s.mu.Unlock()
	s.cancel()
	err := s.http.Close()
	<-s.served
	for _, m := range list {
		m.close()
	}
	s.conns.Wait()
	if err != nil {
		return fmt.Errorf("close lab: %w", err)
	}
	return nil
}

// newAPI prepares WebRTC: Opus and VP8 only, loopback only, sender reports of
// our own (see source.report), retransmission.
func (s *Server) newAPI() error {
	engine := &webrtc.MediaEngine{}
	err := errors.Join(
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opusCodec, PayloadType: 111}, webrtc.RTPCodecTypeAudio),
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: vp8Codec, PayloadType: 96}, webrtc.RTPCodecTypeVideo),
		engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.AudioLevelURI}, webrtc.RTPCodecTypeAudio),
	)
	if err != nil {
		return err
	}
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(256))
	if err != nil {
		return err
	}
	registry := &interceptor.Registry{}
	registry.Add(responder)
	var setting webrtc.SettingEngine
	setting.SetLite(true)
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.api = webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(setting))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return err
	}
	s.certs = []webrtc.Certificate{*cert}
	return nil
}
