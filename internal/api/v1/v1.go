// Package v1 is the surface of the Meeting BaaS v1 API: bare JSON without an
// envelope, paths without a prefix. Routes are data, a handler decodes, calls one
// method of a room, and encodes.
//
// It must not hold rules about calendars or bots and must not import another
// surface.
package v1

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/quota"
)

// Bots is what the surface needs of the room of bots.
type Bots interface {
	// Check returns what is wrong with a request whose meeting is not known yet.
	Check(r bot.Request) error
	CheckZoom(ctx context.Context, team string, z *bot.Zoom) error

	Create(ctx context.Context, team string, r bot.Request) (string, error)
	Schedule(ctx context.Context, team string, r bot.Request, joinAt time.Time) (string, error)
	Leave(ctx context.Context, team, id string) error
	Erase(ctx context.Context, team, id string, keepAtService bool) (bot.Deletion, error)
	Retranscribe(ctx context.Context, team, id string, r bot.Retranscription) error
	Details(ctx context.Context, team, id string) (bot.Details, error)
	// SaidV1 reads the transcript among a bot's files.
	SaidV1(ctx context.Context, artifacts []bot.StoredArtifact) ([]bot.UtteranceV1, error)
	Recent(ctx context.Context, team string, f bot.Filter, by bot.Sort, limit int, cursor string) (bots []bot.Recent, next string, err error)
	AllScreenshots(ctx context.Context, team, id string) ([]bot.DatedShot, error)
	URLsV1(ctx context.Context, artifacts []bot.StoredArtifact) (map[string]string, error)
	// Numbers returns integers that stand for the team and for things of it.
	Numbers(ctx context.Context, team string, ids ...string) (map[string]int, error)
}

// Calendars is what the surface needs of the room of calendars.
type Calendars interface {
	RawCalendars(ctx context.Context, p calendar.Platform, c calendar.Credentials) ([]calendar.Info, error)
	Connect(ctx context.Context, team string, r calendar.ConnectRequest) (calendar.Connection, error)
	All(ctx context.Context, team string) ([]calendar.Connection, error)
	Get(ctx context.Context, team, id string) (calendar.Connection, error)
	Replace(ctx context.Context, team, id string, p calendar.Platform, c calendar.Credentials) (calendar.Connection, error)
	Disconnect(ctx context.Context, team, id string) error
	ResyncAll(ctx context.Context, team string, ahead time.Duration) ([]calendar.Resynced, error)

	PlannedEvents(ctx context.Context, team, calendar string, q calendar.EventQuery, cursor string) (calendar.List[calendar.PlannedEvent], error)
	PlannedEvent(ctx context.Context, team, id string) (calendar.PlannedEvent, error)
	ScheduleEvent(ctx context.Context, team, id string, all bool, settings []byte) ([]calendar.PlannedEvent, error)
	ChangeEvent(ctx context.Context, team, id string, all bool, change func(old []byte) ([]byte, error)) ([]calendar.PlannedEvent, error)
	WithdrawEvent(ctx context.Context, team, id string, all bool) ([]calendar.PlannedEvent, error)
}

// Accounts recognises callers by their API key.
type Accounts interface {
	Authenticate(ctx context.Context, key string) (account.Caller, error)
}

// Quota limits the rate of requests.
type Quota interface {
	Take(ctx context.Context, team string) (quota.Rate, error)
}

// Surface is the API v1. All fields but Quota are required.
type Surface struct {
	Bots      Bots
	Calendars Calendars
	Accounts  Accounts
	Quota     Quota // nil: no limits
	Zoom      ZoomCredentials
	Webhooks  Webhooks
	Clock     clock.Clock
	Log       *slog.Logger
	Version   string // of the program, for the OpenAPI document
	// Patience is how long a handler may take; 0: 20 seconds.
	Patience time.Duration

	deletions deletions
}

// The headers that carry the API key: the documented one, and its older name
// (digest 1.2). A bearer token is taken, too.
const (
	KeyHeader    = "x-meeting-baas-api-key"
	OldKeyHeader = "x-spoke-api-key"
)

// Mount puts the surface's routes on r, with its OpenAPI document at
// /openapi.json. What is not there, NotFound and MethodNotAllowed answer.
func (s *Surface) Mount(r chi.Router) huma.API {
	d := door.New(r, door.Options{
		Title: "Steno API v1", Description: "Send bots to meetings, connect calendars and put bots on their events.", Version: s.Version,
		Security: map[string]*huma.SecurityScheme{"ApiKeyAuth": {Type: "apiKey", In: "header", Name: KeyHeader}},
		Format:   door.Lenient("extra", "transcription_custom_parameters"),
		Identify: func(ctx huma.Context) (account.Caller, error) {
			return s.Accounts.Authenticate(ctx.Context(), keyOf(ctx))
		},
		Problem: func(ctx context.Context, err error) door.Problem { return s.problem(ctx, err) },
		Refuse:  refused, Body: reflect.TypeFor[Problem](), Rate: s.rate(), Patience: s.Patience,
	})
	for _, rt := range slices.Concat(routes, botRoutes) {
		rt.register(s, d, rt.scope, huma.Operation{
			OperationID: rt.id, Method: rt.method, Path: rt.path, Summary: rt.summary, Tags: []string{rt.tag()}, DefaultStatus: rt.status,
			Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError},
		})
	}
	d.Serve(r, "/openapi.json")
	return d
}

// keyOf returns the API key of a request.
func keyOf(ctx huma.Context) string {
	for _, name := range []string{KeyHeader, OldKeyHeader} {
		if key := ctx.Header(name); key != "" {
			return key
		}
	}
	kind, key, _ := strings.Cut(ctx.Header("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// rate is what limits requests; nil if nothing does.
func (s *Surface) rate() door.Rater {
	if s.Quota == nil {
		return nil
	}
	return s.Quota
}

type register func(*Surface, *door.Door, account.Scope, huma.Operation)

// do makes a route of a handler.
func do[I, O any](handler func(s *Surface, ctx context.Context, c account.Caller, in *I) (*O, error)) register {
	return func(s *Surface, d *door.Door, scope account.Scope, op huma.Operation) {
		door.Handle(d, op, scope, func(ctx context.Context, c account.Caller, in *I) (*O, error) { return handler(s, ctx, c, in) })
	}
}
