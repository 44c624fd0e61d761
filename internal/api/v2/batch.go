package v2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/api/httpx"
	"steno/internal/bot"
	"steno/internal/fail"
)

// maxBatch bounds the items of one request (digest 2.2).
const maxBatch = 100

// batchItems is the body of a batch: a bare array. What is wrong with an item is
// told beside the others' success, so nothing inside is looked at up front.
type batchItems []json.RawMessage

// Schema admits anything; documentBatches says what is expected.
func (batchItems) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// UnmarshalJSON also takes {"bots": [...]}, which one published example sends
// (C20). What is no list leaves none.
func (i *batchItems) UnmarshalJSON(data []byte) error {
	if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '{' {
		var wrapped struct {
			Bots json.RawMessage `json:"bots"`
		}
		if err := json.Unmarshal(data, &wrapped); err != nil {
			return err
		}
		data = wrapped.Bots
	}
	if len(data) == 0 || data[0] != '[' {
		return nil
	}
	return json.Unmarshal(data, (*[]json.RawMessage)(i))
}

func (i batchItems) check() error {
	switch n := len(i); {
	case n == 0:
		return bot.Invalid(bot.Issue{Pointer: "/", Rule: "must be an array of 1 to 100 bots"})
	case n > maxBatch:
		return bot.Invalid(bot.Issue{Pointer: "/", Rule: "must have at most 100 bots", Value: n})
	}
	return nil
}

type batchInput struct{ Body batchItems }

type batchOutput struct {
	Body struct {
		Success bool           `json:"success"`
		Data    []batchDone    `json:"data"`
		Errors  []batchProblem `json:"errors"`
	}
}

type batchDone struct {
	Index int             `json:"index"`
	BotID string          `json:"bot_id" format:"uuid"`
	Extra json.RawMessage `json:"extra"`
}

type batchProblem struct {
	Index   int             `json:"index"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Details *string         `json:"details"`
	Extra   json.RawMessage `json:"extra"`
}

// itemTypes are what the items of batches are made of, by operation.
var itemTypes = map[string]reflect.Type{
	"batchCreateBots":          reflect.TypeFor[botConfig](),
	"batchCreateScheduledBots": reflect.TypeFor[scheduledConfig](),
}

// documentBatches puts the items' real form into the OpenAPI document. The
// validator keeps the open form that it was given at registration.
func (s *Surface) documentBatches(api huma.API) {
	doc, low, high := api.OpenAPI(), 1, maxBatch
	s.schemas = doc.Components.Schemas
	for _, path := range doc.Paths {
		if path.Post == nil || itemTypes[path.Post.OperationID] == nil {
			continue
		}
		item := s.schemas.Schema(itemTypes[path.Post.OperationID], true, "")
		path.Post.RequestBody.Content["application/json"].Schema = &huma.Schema{Type: huma.TypeArray, Items: item, MinItems: &low, MaxItems: &high}
	}
}

// itemOf reads an item as huma reads a body.
func itemOf[T any](s *Surface, raw json.RawMessage) (v T, err error) {
	var loose any
	if err := jsonFormat.Unmarshal(raw, &loose); err != nil {
		return v, bot.Invalid(bot.Issue{Pointer: "/", Rule: "is not JSON"})
	}
	var res huma.ValidateResult
	path := huma.NewPathBuffer([]byte{}, 0)
	path.Push("body")
	huma.Validate(s.schemas, s.schemas.SchemaFromRef(s.schemas.Schema(reflect.TypeFor[T](), true, "").Ref), path, huma.ModeWriteToServer, loose, &res)
	if len(res.Errors) > 0 {
		return v, bot.Invalid(door.Issues(res.Errors)...)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		var ready *fail.Error
		if errors.As(err, &ready) {
			return v, err
		}
		return v, bot.Invalid(bot.Issue{Pointer: "/", Rule: "does not have the form of a bot"})
	}
	return v, nil
}

// batch makes the items one after the other; what fails stops none of the rest.
func (s *Surface) batch(ctx context.Context, list batchItems, create func(raw json.RawMessage) (id string, err error)) (*batchOutput, error) {
	if err := list.check(); err != nil {
		return nil, err
	}
	out := &batchOutput{}
	out.Body.Success, out.Body.Data, out.Body.Errors = true, []batchDone{}, []batchProblem{}
	for i, raw := range list {
		extra := extraOf(raw)
		id, err := create(raw)
		if err == nil {
			out.Body.Data = append(out.Body.Data, batchDone{i, id, extra})
			continue
		}
		// When the time is up, the client must still hear what was created.
		p := s.itemProblem(ctx, err)
		p.Index, p.Extra = i, extra
		out.Body.Errors = append(out.Body.Errors, p)
	}
	return out, nil
}

// extraOf returns what is echoed of an item: its extra, if that is an object.
func extraOf(raw json.RawMessage) json.RawMessage {
	var item struct {
		Extra json.RawMessage `json:"extra"`
	}
	_ = json.Unmarshal(raw, &item) // it may be no object at all
	extra, err := door.Object("/extra", item.Extra)
	if err != nil {
		return orNull(nil)
	}
	return orNull(extra)
}

// itemProblem is the error of one item: its code has no prefix (digest 1.5).
func (s *Surface) itemProblem(ctx context.Context, err error) batchProblem {
	f := fail.As(err)
	if f == nil || f.Kind == fail.Internal || f.Kind == fail.Unavailable {
		s.Log.Error("a bot of a batch was not created", "error", err, "request_id", httpx.RequestID(ctx))
		return batchProblem{Code: "BOT_CREATE_FAILED", Message: "the bot could not be created; try it again"}
	}
	p := batchProblem{Code: strings.TrimPrefix(f.Code, "FST_ERR_"), Message: f.Message, Details: text(f.Details)}
	if p.Code == "VALIDATION" {
		p.Code = "VALIDATION_ERROR"
	}
	return p
}

func (s *Surface) batchCreateBots(ctx context.Context, c account.Caller, in *batchInput) (*batchOutput, error) {
	return s.batch(ctx, in.Body, func(raw json.RawMessage) (string, error) {
		config, err := itemOf[botConfig](s, raw)
		if err != nil {
			return "", err
		}
		r, err := config.request()
		if err != nil {
			return "", err
		}
		return s.Bots.Create(ctx, c.TeamID, r)
	})
}
