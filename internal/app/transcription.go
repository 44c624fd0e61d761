package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"steno/internal/blob"
	"steno/internal/netguard"
	"steno/internal/provider/transcribe"
	"steno/internal/provider/transcribe/all"
	"steno/internal/scribe"
	"steno/internal/store"
)

// buildServices makes the clients of the transcription services and says which
// of them bots may use.
func (s *server) buildServices() error {
	s.services = scribe.Services{ByName: map[string]scribe.Provider{}, Default: s.o.TranscriptionService}
	var open []all.Service
	s.closeServices = func() {
		for _, c := range open {
			c.Close()
		}
	}
	access := s.o.Transcription.Access()
	for _, name := range all.Names {
		a := access[name]
		client, err := all.New(name, transcribe.Options{URL: a.URL, Net: netguard.Options{}, Clock: s.Clock})
		if err != nil {
			s.closeServices()
			return err
		}
		open = append(open, client)
		s.services.ByName[name] = scribe.Provider{Service: client, Key: a.Key, Ready: a.Ready()}
		if s.services.Default == "" && a.Ready() {
			s.services.Default = name
		}
	}
	if s.services.Default == "" {
		s.services.Default = scribe.FromCaptions
	}
	if p, ok := s.services.ByName[s.services.Default]; ok && s.o.TranscriptionParams != "" {
		p.Custom = json.RawMessage(s.o.TranscriptionParams)
		s.services.ByName[s.services.Default] = p
	}
	s.bots.Services, s.bots.Files = s.services, files{s.objects}
	return nil
}

// buildDoor makes where services tell that jobs have ended. Its keys come from the
// server's secret key, so that any server of an installation knows the others'.
func (s *server) buildDoor() error {
	keys, err := s.Vault.Derive("transcription callbacks")
	if err != nil {
		return fmt.Errorf("derive the key of transcription callbacks: %w", err)
	}
	s.door = scribe.Door{Keys: keys, Called: store.Transcriptions{DB: s.DB}.PutCalled, Nudge: func() {
		if s.desk != nil {
			s.desk.Nudge()
		}
	}}
	if s.pushBase != "" {
		s.door.URL = s.pushBase + "/push/transcription"
	}
	return nil
}

// buildDesk makes what has recordings transcribed.
func (s *server) buildDesk() {
	s.desk = &scribe.Desk{
		Orders: store.Transcriptions{DB: s.DB, Vault: s.Vault}, Ender: s.bots, Objects: s.objects, Services: s.services, Door: s.door,
		Host: s.host, Work: filepath.Join(s.o.Data, "transcribing"), FFmpeg: s.o.FFmpeg, Clock: s.Clock, Log: s.Log, Patience: s.o.TranscriptionTimeout, Poll: s.o.TranscriptionPoll,
	}
	s.desk.Open()
	s.bots.RouseScribe = s.desk.Nudge
}

// files are the objects as the room of bots reads them.
type files struct{ *blob.Store }

// Read implements bot.Files.
func (f files) Read(ctx context.Context, key string) (io.ReadCloser, error) {
	return f.Open(ctx, key)
}
