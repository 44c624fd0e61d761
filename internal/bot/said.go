package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Files reads what is in the object store.
type Files interface {
	Read(ctx context.Context, key string) (io.ReadCloser, error)
}

// SaidV1 is a bot's transcript in the words of v1, empty if there is none.
func (s *Service) SaidV1(ctx context.Context, artifacts []StoredArtifact) ([]UtteranceV1, error) {
	return s.said(ctx, artifacts)
}

// said reads the transcript among a bot's files; nil if there is none. It waits
// for the object store and must not be called inside of a transaction.
func (s *Service) said(ctx context.Context, artifacts []StoredArtifact) ([]UtteranceV1, error) {
	for _, a := range artifacts {
		if a.Kind == KindTranscription && s.Files != nil {
			return s.readSaid(ctx, a.Key)
		}
	}
	return nil, nil
}

func (s *Service) readSaid(ctx context.Context, key string) ([]UtteranceV1, error) {
	f, err := s.Files.Read(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read the transcript: %w", err)
	}
	defer f.Close()
	var t struct {
		Result struct {
			Utterances []struct {
				Speaker  string   `json:"speaker"`
				Language string   `json:"language"`
				Start    float64  `json:"start"`
				End      float64  `json:"end"`
				Words    []WordV1 `json:"words"`
			} `json:"utterances"`
		} `json:"result"`
	}
	if err := json.NewDecoder(f).Decode(&t); err != nil {
		return nil, fmt.Errorf("read the transcript: %w", err)
	}
	out := make([]UtteranceV1, len(t.Result.Utterances))
	for i, u := range t.Result.Utterances {
		out[i] = UtteranceV1{Speaker: u.Speaker, Lang: u.Language, Offset: u.Start, Start: u.Start, End: u.End, Words: u.Words}
	}
	return out, nil
}

// saidTo is the transcript as those are told it who hear of the bot's end: v1
// only.
func (s *Service) saidTo(ctx context.Context, d Details) ([]UtteranceV1, error) {
	if d.Surface != SurfaceV1 {
		return nil, nil
	}
	return s.said(ctx, d.Artifacts)
}

// saidOf is saidTo of a bot that is yet to be read.
func (s *Service) saidOf(ctx context.Context, team, id string) ([]UtteranceV1, error) {
	d, err := s.Store.Details(ctx, team, id)
	if err != nil {
		return nil, err
	}
	return s.saidTo(ctx, d)
}
