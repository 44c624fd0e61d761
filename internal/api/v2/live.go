package v2

import (
	"context"

	"steno/internal/account"
	"steno/internal/api/door"
)

type chatInput struct {
	BotID string `path:"bot_id" doc:"The id of the bot, a UUID."`
	Body  struct {
		Message string `json:"message" minLength:"1" maxLength:"500" doc:"What the bot posts in the meeting's chat."`
	}
}

func (s *Surface) sendChatMessage(ctx context.Context, c account.Caller, in *chatInput) (*messageOutput, error) {
	id, err := botInput{in.BotID}.id()
	if err != nil {
		return nil, err
	}
	if err := door.Plain(map[string]string{"/message": in.Body.Message}); err != nil {
		return nil, err
	}
	if err := s.Bots.SendChat(ctx, c.TeamID, id, in.Body.Message); err != nil {
		return nil, err
	}
	return say("Chat message sent"), nil
}

// pauseInput has a body that may be missing.
type pauseInput struct {
	BotID string `path:"bot_id" doc:"The id of the bot, a UUID."`
	Body  *struct {
		ChatMessage string `json:"chat_message,omitempty" maxLength:"500" doc:"Posted in the meeting's chat."`
	} `required:"false"`
}

func (in *pauseInput) read() (id, text string, err error) {
	if id, err = (botInput{in.BotID}).id(); err != nil || in.Body == nil {
		return id, "", err
	}
	return id, in.Body.ChatMessage, door.Plain(map[string]string{"/chat_message": in.Body.ChatMessage})
}

func (s *Surface) pauseBotRecording(ctx context.Context, c account.Caller, in *pauseInput) (*messageOutput, error) {
	id, text, err := in.read()
	if err != nil {
		return nil, err
	}
	if err := s.Bots.Pause(ctx, c.TeamID, id, text); err != nil {
		return nil, err
	}
	return say("Recording paused"), nil
}

func (s *Surface) resumeBotRecording(ctx context.Context, c account.Caller, in *pauseInput) (*messageOutput, error) {
	id, text, err := in.read()
	if err != nil {
		return nil, err
	}
	if err := s.Bots.Resume(ctx, c.TeamID, id, text); err != nil {
		return nil, err
	}
	return say("Recording resumed"), nil
}
