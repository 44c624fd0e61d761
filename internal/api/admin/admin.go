// Package admin is the surface for those who run the server: teams, API keys, limits,
// webhook endpoints, what became of their deliveries, and how bots ended. The original keeps
// these in its dashboard; nothing of the API v2 is here.
//
// Callers are operators, recognised by an admin key; a team's API key opens
// nothing here, and an admin key opens nothing elsewhere. Handlers decode, call
// one method of a room, and encode.
//
// It must not hold rules and must not import another surface.
package admin

import (
	"context"
	"log/slog"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/fail"
	"steno/internal/webhook"
)

// Prefix is where all routes of the surface are.
const Prefix = "/admin/v1"

// Teams is what the surface needs of the room of accounts.
type Teams interface {
	Teams(ctx context.Context) ([]account.Team, error)
	Team(ctx context.Context, id string) (account.Team, error)
	CreateTeam(ctx context.Context, name string) (account.Team, error)
	RenameTeam(ctx context.Context, id, name string) (account.Team, error)
	Keys
}

// Keys manages the API keys of teams.
type Keys interface {
	Keys(ctx context.Context, team string) ([]account.Key, error)
	CreateKey(ctx context.Context, n account.NewKey) (plain string, k account.Key, err error)
	RevokeKeyOf(ctx context.Context, team, id string) (account.Key, error)
}

// Webhooks manages the endpoints of teams.
type Webhooks interface {
	List(ctx context.Context, team string) ([]webhook.Endpoint, error)
	Get(ctx context.Context, team, id string) (webhook.Endpoint, error)
	Add(ctx context.Context, n webhook.New) (webhook.Endpoint, string, error)
	Update(ctx context.Context, team, id string, c webhook.Change) (webhook.Endpoint, error)
	Rotate(ctx context.Context, team, id string) (secret string, err error)
	Remove(ctx context.Context, team, id string) error
}

// Deliveries is the delivery log and what can be done with it.
type Deliveries interface {
	List(ctx context.Context, team string, q webhook.Query) ([]webhook.Delivery, error)
	Get(ctx context.Context, team, id string) (webhook.Record, error)
	Again(ctx context.Context, team, id string) error
	Replay(ctx context.Context, team string, s webhook.Scope) (webhook.Queued, error)
}

// Surface is the admin API. All fields are required.
type Surface struct {
	Operators  account.Operators
	Teams      Teams
	Webhooks   Webhooks
	Deliveries Deliveries
	Quota      Quota
	Evidence   Evidence
	Objects    Objects // where evidence is
	Log        *slog.Logger
	Version    string
}

// route is one operation: what it is called, where it is, what does it.
type route struct {
	id       string
	method   string
	path     string // below Prefix
	status   int
	tag      string
	summary  string
	register func(*Surface, *door.Door, huma.Operation)
}

// routes lists all operations. Each file of handlers has its own part.
func routes() []route {
	var all []route
	for _, part := range [][]route{teamRoutes, keyRoutes, quotaRoutes, webhookRoutes, deliveryRoutes, evidenceRoutes} {
		all = append(all, part...)
	}
	return all
}

// Mount puts the surface's routes on r, with its OpenAPI document at
// /admin/v1/openapi.json. What is not there is answered by whoever answers for
// the router.
func (s *Surface) Mount(r chi.Router) huma.API {
	d := door.New(r, door.Options{
		Title: "Steno admin API", Version: s.Version,
		Description: "For those who run the server: teams, API keys, limits, tokens, webhook endpoints and their delivery log, evidence of how bots ended.",
		Security:    map[string]*huma.SecurityScheme{"AdminKey": {Type: "http", Scheme: "bearer"}},
		Strict:      true, Identify: s.identify,
		Problem: func(ctx context.Context, err error) door.Problem { return s.problem(ctx, err) },
		Refuse:  refused, Body: reflect.TypeFor[AdminError](),
	})
	for _, rt := range routes() {
		rt.register(s, d, huma.Operation{
			OperationID: rt.id, Method: rt.method, Path: Prefix + rt.path, Summary: rt.summary, Tags: []string{rt.tag}, DefaultStatus: rt.status,
		})
	}
	d.Serve(r, Prefix+"/openapi.json")
	return d
}

// identify lets operators pass and nobody else.
func (s *Surface) identify(ctx huma.Context) (account.Caller, error) {
	key, isBearer := strings.CutPrefix(ctx.Header("Authorization"), "Bearer ")
	if !isBearer || !s.Operators.Recognise(strings.TrimSpace(key)) {
		return account.Caller{}, fail.New(fail.Unauthorized, account.CodeUnauthorized,
			"the admin key is missing or unknown; send it in the header Authorization: Bearer …")
	}
	return account.Caller{Permission: account.Full}, nil
}

// do makes a route of a handler. Who the operator is makes no difference.
func do[I, O any](handler func(s *Surface, ctx context.Context, in *I) (*O, error)) func(*Surface, *door.Door, huma.Operation) {
	return func(s *Surface, d *door.Door, op huma.Operation) {
		door.Handle(d, op, account.ScopeFull, func(ctx context.Context, _ account.Caller, in *I) (*O, error) { return handler(s, ctx, in) })
	}
}

// one is the answer of an operation on one thing.
type one[T any] struct {
	Body struct {
		Success bool `json:"success"`
		Data    T    `json:"data"`
	}
}

func answer[T any](data T) *one[T] {
	out := &one[T]{}
	out.Body.Success, out.Body.Data = true, data
	return out
}

// many is the answer of a list. cursor, if it is not null, leads to the next
// page.
type many[T any] struct {
	Body struct {
		Success bool    `json:"success"`
		Data    []T     `json:"data"`
		Cursor  *string `json:"cursor"`
	}
}

func answerList[F, T any](items []F, wire func(F) T) *many[T] {
	out := &many[T]{}
	out.Body.Success, out.Body.Data = true, make([]T, 0, len(items))
	for _, item := range items {
		out.Body.Data = append(out.Body.Data, wire(item))
	}
	return out
}
