package v2

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
)

// Resender tells of a bot's end once more.
type Resender interface {
	ResendFinal(ctx context.Context, team, id string) error
	RetryCallback(ctx context.Context, team, id string, instead *bot.CallbackRequest) error
}

func (s *Surface) resendFinalWebhook(ctx context.Context, c account.Caller, in *botInput) (*messageOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	if err := s.Bots.ResendFinal(ctx, c.TeamID, id); err != nil {
		return nil, err
	}
	return say("Final webhook queued for all endpoints"), nil
}

type retryInput struct {
	BotID string `path:"bot_id" doc:"The id of the bot, a UUID."`
	// Absent, null, {} or a callback; RawBody because the first three all mean
	// the bot's own one (digest 2.2).
	RawBody []byte `contentType:"application/json"`
}

// retryCallbackRoute describes the body, which the handler reads by itself.
func retryCallbackRoute(s *Surface, api *door.Door, scope account.Scope, op huma.Operation) {
	op.SkipValidateBody = true
	do((*Surface).retryCallback)(s, api, scope, op)
	config := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[callbackConfig](), true, "")
	api.OpenAPI().Paths[op.Path].Post.RequestBody = &huma.RequestBody{
		Description: "Another callback instead of the bot's own. Absent, null or {}: the bot's own.",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{AnyOf: []*huma.Schema{config, {Type: "null"}}}}},
	}
}

func (s *Surface) retryCallback(ctx context.Context, c account.Caller, in *retryInput) (*messageOutput, error) {
	id, err := botInput{in.BotID}.id()
	if err != nil {
		return nil, err
	}
	instead, err := callbackInstead(in.RawBody)
	if err != nil {
		return nil, err
	}
	if err := s.Bots.RetryCallback(ctx, c.TeamID, id, instead); err != nil {
		return nil, err
	}
	return say("Callback queued"), nil
}

// callbackInstead reads the body of retryCallback: nil means the bot's own
// callback.
func callbackInstead(body []byte) (*bot.CallbackRequest, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || string(body) == "null" {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, bot.Invalid(bot.Issue{Pointer: "/", Rule: "must be a JSON object or null"})
	}
	if len(members) == 0 {
		return nil, nil
	}
	out := &bot.CallbackRequest{}
	var people string
	for name, to := range map[string]*string{"url": &out.URL, "secret": &out.Secret, "method": &out.Method, "participants": &people} {
		raw, ok := members[name]
		if !ok || string(raw) == "null" {
			continue
		}
		if err := json.Unmarshal(raw, to); err != nil {
			return nil, bot.Invalid(bot.Issue{Pointer: "/" + name, Rule: "must be a string"})
		}
	}
	if people != "" && people != "names" && people != "objects" {
		return nil, bot.Invalid(bot.Issue{Pointer: "/participants", Rule: "must be names or objects", Value: door.Harmless("/participants", people)})
	}
	out.Objects = people == "objects"
	return out, nil
}
