package v2

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/quota"
)

// tokens is what a bot cost.
type tokens struct {
	Recording         quotaTokens `json:"recording"`
	Transcription     quotaTokens `json:"transcription"`
	BYOKTranscription quotaTokens `json:"byok_transcription"`
	StreamingInput    quotaTokens `json:"streaming_input"`
	StreamingOutput   quotaTokens `json:"streaming_output"`
	Total             quotaTokens `json:"total"`
}

// quotaTokens is an amount of tokens, a JSON number.
type quotaTokens struct{ quota.Tokens }

// Schema describes it.
func (quotaTokens) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeNumber} }

// charges returns what bots cost, by id; nothing for those that are not booked.
func (s *Surface) charges(ctx context.Context, team string, bots []string) (map[string]*tokens, error) {
	if s.Quota == nil || len(bots) == 0 {
		return nil, nil
	}
	found, err := s.Quota.Charges(ctx, team, bots)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*tokens, len(found))
	for id, c := range found {
		out[id] = &tokens{
			quotaTokens{c.Recording}, quotaTokens{c.Transcription}, quotaTokens{c.BYOKTranscription},
			quotaTokens{c.StreamingInput}, quotaTokens{c.StreamingOutput}, quotaTokens{c.Total()},
		}
	}
	return out, nil
}
