package v2

import (
	"context"
	"encoding/json"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
)

type updateConfigInput struct {
	BotID string `path:"bot_id" doc:"The id of the bot, a UUID."`
	Body  struct {
		// Required, but null must pass: the schema sees neither absence nor null.
		Extra json.RawMessage `json:"extra" required:"false" doc:"Required. Its members replace those of the same name; null clears all."`
	}
}

func (s *Surface) updateBotConfig(ctx context.Context, c account.Caller, in *updateConfigInput) (*messageOutput, error) {
	id, err := botInput{in.BotID}.id()
	if err != nil {
		return nil, err
	}
	if len(in.Body.Extra) == 0 {
		return nil, bot.Invalid(bot.Issue{Pointer: "/extra", Rule: "is required"})
	}
	extra, err := door.Object("/extra", in.Body.Extra)
	if err != nil {
		return nil, err
	}
	if err := s.Bots.MergeExtra(ctx, c.TeamID, id, extra); err != nil {
		return nil, err
	}
	return say("Bot configuration updated"), nil
}
