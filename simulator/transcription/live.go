package transcription

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// What the streaming services do to those who are silent, too fast or too long.
const (
	deepgramIdle = 10 * time.Second
	sessionMost  = 3 * time.Hour
	tooFast      = 10 * time.Second // of audio before its time
	voiceLevel   = 180              // root of the mean square of samples
	endOfVoice   = 500 * time.Millisecond
)

// live is one connection on which audio comes.
type live struct {
	s    *Server
	conn *websocket.Conn
	rate int
	// idle is how long nothing may come; 0: for ever.
	idle time.Duration

	began  time.Time
	audio  []int16 // of the voice that goes on
	at     int     // samples before audio
	got    int     // samples in all
	silent int     // samples of silence at the end of audio
	told   int     // samples of audio of which was told while the voice went on
	words  int     // of the script that were said on this connection
}

// accept takes a connection; refusals before it are HTTP's.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, rate int) *live {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil // Accept has answered
	}
	conn.SetReadLimit(1 << 20)
	s.mu.Lock()
	s.sessions++
	s.streaming++
	s.mu.Unlock()
	return &live{s: s, conn: conn, rate: rate, began: s.Now()}
}

// Sessions is how many connections for streaming were ever opened.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}

// Streaming is how many of them stand.
func (s *Server) Streaming() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streaming
}

// left ends a connection.
func (l *live) left() {
	_ = l.conn.CloseNow()
	l.s.mu.Lock()
	l.s.streaming--
	l.s.mu.Unlock()
}

// Cut breaks the streaming connections that stand, and those of a moment after.
func (s *Server) Cut() {
	s.mu.Lock()
	close(s.cut)
	s.cut = make(chan struct{})
	s.mu.Unlock()
}

// next reads a message. Nil: the connection is over; it is cut without a word, or
// idle has said so.
func (l *live) next(idle func()) (kind websocket.MessageType, b []byte, ok bool) {
	l.s.mu.Lock()
	cut := l.s.cut
	l.s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type message struct {
		kind websocket.MessageType
		b    []byte
		err  error
	}
	came := make(chan message, 1)
	go func() {
		kind, b, err := l.conn.Read(ctx)
		came <- message{kind, b, err}
	}()
	var late <-chan time.Time
	if l.idle > 0 {
		t := time.NewTimer(l.idle)
		defer t.Stop()
		late = t.C
	}
	select {
	case m := <-came:
		return m.kind, m.b, m.err == nil
	case <-late:
		idle()
	case <-cut:
		_ = l.conn.CloseNow()
	case <-l.s.closing:
		_ = l.conn.CloseNow()
	}
	return 0, nil, false
}

func (l *live) say(v any) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if text, err := json.Marshal(v); err == nil {
		_ = l.conn.Write(ctx, websocket.MessageText, text) // whoever is gone is gone
	}
}

// hear takes audio, and returns what was said when somebody has paused. times are
// seconds of the connection's audio.
func (l *live) hear(b []byte) []Said {
	n := len(b) / 2
	loud := 0.0
	for i := range n {
		v := int16(binary.LittleEndian.Uint16(b[2*i:]))
		loud += float64(v) * float64(v)
		l.audio = append(l.audio, v)
	}
	l.got += n
	if math.Sqrt(loud/float64(max(n, 1))) >= voiceLevel {
		l.silent = 0
		return nil
	}
	if l.silent += n; l.silent == len(l.audio) { // nobody has begun
		keep := min(len(l.audio), l.rate/5)
		l.at += len(l.audio) - keep
		l.audio, l.silent, l.told = append([]int16(nil), l.audio[len(l.audio)-keep:]...), keep, 0
		return nil
	}
	if time.Duration(l.silent)*time.Second/time.Duration(l.rate) < endOfVoice {
		return nil
	}
	return l.rest()
}

// rest is what was said in the voice that goes on.
func (l *live) rest() []Said {
	list := l.spoken(l.audio[:len(l.audio)-l.silent])
	l.words += len(list)
	l.at += len(l.audio)
	l.audio, l.silent, l.told = nil, 0, 0
	return list
}

// soFar is what was said in the voice that goes on, of the script, each second.
func (l *live) soFar() []Said {
	voice := len(l.audio) - l.silent
	if l.s.o.LiveEar != nil || voice-l.told < l.rate {
		return nil
	}
	l.told = voice
	return l.spoken(l.audio[:voice])
}

// spoken are the words of a voice that begins with audio.
func (l *live) spoken(voice []int16) []Said {
	if len(voice) == 0 {
		return nil
	}
	start, length := float64(l.at)/float64(l.rate), float64(len(voice))/float64(l.rate)
	var texts []string
	if l.s.o.LiveEar != nil {
		texts = strings.Fields(l.s.o.LiveEar(voice, l.rate))
	} else {
		script := reader(l.s.o.Script)
		for n := range max(1, int(length/0.4)) {
			texts = append(texts, script[(l.words+n)%len(script)])
		}
	}
	list := make([]Said, len(texts))
	for i, text := range texts {
		list[i] = Said{Text: text, Start: round(start + length*float64(i)/float64(len(texts))), End: round(start + length*float64(i+1)/float64(len(texts)))}
	}
	return list
}

// deepgramLive is Deepgram's Live Audio.
func (s *Server) deepgramLive(w http.ResponseWriter, r *http.Request) {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
	refuse := func(status int, code, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("dg-error", text)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"err_code": code, "err_msg": text, "request_id": s.uuid()})
	}
	q := r.URL.Query()
	rate, err := strconv.Atoi(q.Get("sample_rate"))
	switch {
	case !slices.Contains(s.o.Keys, key):
		refuse(401, "INVALID_AUTH", "Invalid credentials.")
		return
	case q.Get("model") != "" && !known(q.Get("model")):
		refuse(400, "Bad Request", "Bad Request: No such model/language/tier combination found.")
		return
	case q.Get("encoding") != "linear16" || err != nil || rate < 8000 || rate > 48000:
		refuse(400, "Bad Request", "Bad Request: encoding and sample_rate are required for raw audio")
		return
	}
	l := s.accept(w, r, rate)
	if l == nil {
		return
	}
	defer l.left()
	l.idle = s.o.Idle
	if l.idle == 0 {
		l.idle = deepgramIdle
	}
	id := s.uuid()
	for {
		kind, b, ok := l.next(func() {
			_ = l.conn.Close(websocket.StatusInternalError, "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001")
		})
		if !ok {
			return
		}
		if kind == websocket.MessageBinary {
			l.deepgram(l.hear(b), id, q)
			if q.Get("interim_results") == "true" {
				l.results(l.soFar(), false, false, id, q)
			}
			continue
		}
		var m struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(b, &m)
		switch m.Type {
		case "KeepAlive":
		case "Finalize":
			l.deepgram(l.rest(), id, q)
		case "CloseStream":
			l.deepgram(l.rest(), id, q)
			l.say(map[string]any{"type": "Metadata", "transaction_key": "deprecated", "request_id": id, "sha256": "", "created": stamp(s.Now()),
				"duration": float64(l.got) / float64(l.rate), "channels": 1})
			_ = l.conn.Close(websocket.StatusNormalClosure, "")
			return
		default:
			_ = l.conn.Close(websocket.StatusPolicyViolation, "DATA-0000")
			return
		}
	}
}

// deepgram tells of what was said: in two final results, the second of which ends
// the utterance.
func (l *live) deepgram(words []Said, id string, q url.Values) {
	if len(words) == 0 {
		return
	}
	half := len(words) / 2
	l.results(words[:half], true, false, id, q)
	l.results(words[half:], true, true, id, q)
}

// results tells words in one message.
func (l *live) results(words []Said, final, ended bool, id string, q url.Values) {
	if len(words) == 0 {
		return
	}
	list, texts := []map[string]any{}, []string{}
	for _, w := range words {
		list = append(list, map[string]any{"word": bare(w.Text), "punctuated_word": w.Text, "start": w.Start, "end": w.End, "confidence": 0.9, "language": "en"})
		texts = append(texts, w.Text)
	}
	alternative := map[string]any{"transcript": strings.Join(texts, " "), "confidence": 0.9, "words": list}
	if q.Get("language") == "multi" {
		alternative["languages"] = []string{"en"}
	}
	l.say(map[string]any{"type": "Results", "channel_index": []int{0, 1}, "start": words[0].Start, "duration": words[len(words)-1].End - words[0].Start,
		"is_final": final, "speech_final": ended, "from_finalize": false, "channel": map[string]any{"alternatives": []any{alternative}},
		"metadata": map[string]any{"request_id": id, "model_uuid": "1"}})
}

// assemblyLive is AssemblyAI's Universal Streaming, v3.
func (s *Server) assemblyLive(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	rate := 16000
	if text := q.Get("sample_rate"); text != "" {
		rate, _ = strconv.Atoi(text)
	}
	l := s.accept(w, r, rate)
	if l == nil {
		return
	}
	defer l.left()
	fail := func(code websocket.StatusCode, text string) {
		l.say(map[string]any{"type": "Error", "error_code": code, "error": text})
		_ = l.conn.Close(code, text)
	}
	switch {
	case !slices.Contains(s.o.Keys, r.Header.Get("Authorization")):
		fail(websocket.StatusPolicyViolation, "Unauthorized Connection: Missing Authorization header")
		return
	case q.Get("speech_model") == "":
		fail(3006, "Invalid Message: speech_model is required")
		return
	case rate < 8000 || rate > 48000 || q.Get("encoding") != "" && q.Get("encoding") != "pcm_s16le":
		fail(3006, "Invalid Message: sample_rate or encoding is not supported")
		return
	}
	l.idle = s.o.Idle
	l.say(map[string]any{"type": "Begin", "id": s.uuid(), "expires_at": s.Now().Add(sessionMost).Unix()})
	turn := 0
	tell := func(words []Said) {
		if len(words) == 0 {
			return
		}
		for _, step := range []struct{ ended, formatted bool }{{false, false}, {true, false}, {true, true}} {
			if step.formatted && q.Get("format_turns") != "true" {
				continue
			}
			l.say(turnOf(words, turn, step.ended, step.formatted))
		}
		turn++
	}
	for {
		kind, b, ok := l.next(func() { fail(3008, "Session Expired: no audio came") })
		if !ok {
			return
		}
		if kind == websocket.MessageBinary {
			ms := len(b) / 2 * 1000 / l.rate
			elapsed, got := s.Now().Sub(l.began), time.Duration(l.got+len(b)/2)*time.Second/time.Duration(l.rate)
			switch {
			case ms < 50 || ms > 1000:
				fail(3007, fmt.Sprintf("Input duration violation: %d ms. Expected between 50 and 1000 ms", ms))
				return
			case got > elapsed+tooFast:
				fail(3007, fmt.Sprintf("Audio Transmission Rate Exceeded: Received %.1f sec. audio in %.1f sec", got.Seconds(), elapsed.Seconds()))
				return
			case elapsed > sessionMost:
				fail(3008, "Session Expired: Maximum session duration exceeded")
				return
			}
			tell(l.hear(b))
			if words := l.soFar(); len(words) > 0 {
				l.say(turnOf(words, turn, false, false))
			}
			continue
		}
		var m struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(b, &m) != nil {
			fail(3006, "Invalid JSON: "+string(b[:min(len(b), 40)]))
			return
		}
		switch m.Type {
		case "KeepAlive", "UpdateConfiguration":
		case "ForceEndpoint":
			tell(l.rest())
		case "Terminate":
			tell(l.rest())
			l.say(map[string]any{"type": "Termination", "audio_duration_seconds": l.got / l.rate, "session_duration_seconds": int(s.Now().Sub(l.began).Seconds())})
			_ = l.conn.Close(websocket.StatusNormalClosure, "")
			return
		default:
			fail(3006, "Invalid Message Type: "+m.Type)
			return
		}
	}
}

// turnOf is a message that tells how far a turn is.
func turnOf(words []Said, order int, ended, formatted bool) map[string]any {
	list, texts := []map[string]any{}, []string{}
	for _, w := range words {
		text := bare(w.Text)
		if formatted {
			text = w.Text
		}
		list = append(list, map[string]any{"start": int(w.Start * 1000), "end": int(w.End * 1000), "text": text, "confidence": 0.9, "word_is_final": ended})
		texts = append(texts, text)
	}
	return map[string]any{"type": "Turn", "turn_order": order, "turn_is_formatted": formatted, "end_of_turn": ended, "end_of_turn_confidence": 0.8,
		"transcript": strings.Join(texts, " "), "language_code": "en", "words": list}
}
