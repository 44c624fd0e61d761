package v2

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/quota"
)

// limit counts a request that changes something against the team's rate, and
// tells the client where it stands (digest 1.7). Reading is free.
func (s *Surface) limit(ctx huma.Context, c account.Caller) error {
	if s.Quota == nil || ctx.Method() == http.MethodGet {
		return nil
	}
	r, err := s.Quota.Take(ctx.Context(), c.TeamID)
	if r.Limit > 0 {
		ctx.SetHeader("X-Ratelimit-Limit", strconv.Itoa(r.Limit))
		ctx.SetHeader("X-Ratelimit-Remaining", strconv.Itoa(r.Remaining))
		ctx.SetHeader("X-Ratelimit-Reset", strconv.Itoa(wholeSeconds(r.Reset)))
	}
	return err
}

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
