// Package v2 is the surface of the Meeting BaaS v2 API: routes as data, wire
// structs, and errors in one function. A handler decodes, calls one method of
// a room, and encodes.
//
// It must not hold rules about bots and must not import another surface.
package v2

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
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
	Create(ctx context.Context, team string, r bot.Request) (string, error)
	Details(ctx context.Context, team, id string) (bot.Details, error)
	// TranscriptionStatus returns the bot, too.
	TranscriptionStatus(ctx context.Context, team, id string) (bot.Bot, string, error)
	List(ctx context.Context, team string, f bot.Filter, limit int, cursor string) (bot.Page, error)
	Leave(ctx context.Context, team, id string) error
	DeleteData(ctx context.Context, team, id string, keepAtService bool) error
	MergeExtra(ctx context.Context, team, id string, extra json.RawMessage) error
	Resender
	Schedule(ctx context.Context, team string, r bot.Request, joinAt time.Time) (string, error)
	Scheduled(ctx context.Context, team, id string) (bot.Scheduled, error)
	ListScheduled(ctx context.Context, team string, f bot.ScheduledFilter, limit int, cursor string) (bot.ScheduledPage, error)
	Reschedule(ctx context.Context, team, id string, joinAt *time.Time, change func(bot.Request) (bot.Request, error)) error
	Unschedule(ctx context.Context, team, id string) error
	SendChat(ctx context.Context, team, id, text string) error
	Pause(ctx context.Context, team, id, text string) error
	Resume(ctx context.Context, team, id, text string) error
	Screenshots(ctx context.Context, team, id string, limit int, cursor string) (bot.ShotPage, error)
	CheckLive(ctx context.Context, team, id string) error
	Talk(ctx context.Context, team, id string, after int64) (bot.Talk, error)
	// Check returns what is wrong with a request whose meeting is not known yet.
	Check(r bot.Request) error
	CheckZoom(ctx context.Context, team string, z *bot.Zoom) error
	URLs(ctx context.Context, artifacts []bot.StoredArtifact) (map[string]string, error)
	Voices(ctx context.Context, artifacts []bot.StoredArtifact) ([]bot.Voice, error)
}

// Calendars is what the surface needs of the room of calendars.
type Calendars interface {
	RawCalendars(ctx context.Context, p calendar.Platform, c calendar.Credentials) ([]calendar.Info, error)
	Connect(ctx context.Context, team string, r calendar.ConnectRequest) (calendar.Connection, error)
	Connections(ctx context.Context, team string, q calendar.ConnectionQuery, limit int, cursor string) (calendar.List[calendar.Connection], error)
	Get(ctx context.Context, team, id string) (calendar.Connection, error)
	Reconnect(ctx context.Context, team, id string, ch calendar.CredentialsChange) (calendar.Connection, error)
	Disconnect(ctx context.Context, team, id string) error
	Refresh(ctx context.Context, team, id string) (done bool, err error)
	Resubscribe(ctx context.Context, team, id string) (time.Time, error)

	Events(ctx context.Context, team, calendar string, q calendar.EventQuery, limit int, cursor string) (calendar.List[calendar.Event], error)
	Event(ctx context.Context, team, calendar, id string) (calendar.FullEvent, error)
	Series(ctx context.Context, team, calendar string, q calendar.SeriesQuery, limit int, cursor string) (calendar.List[calendar.SeriesEvents], error)
	Decisions(ctx context.Context, team, calendar, id string) ([]calendar.Decision, error)

	ScheduleBots(ctx context.Context, team, calendar string, t calendar.Target, settings []byte) ([]calendar.Outcome, error)
	ChangeBots(ctx context.Context, team, calendar string, t calendar.Target, change func(old []byte) ([]byte, error)) ([]calendar.Outcome, error)
	WithdrawBots(ctx context.Context, team, calendar string, t calendar.Target) ([]calendar.Outcome, error)
}

// Accounts recognises callers by their API key.
type Accounts interface {
	Authenticate(ctx context.Context, key string) (account.Caller, error)
}

// Quota limits the rate of requests and knows what bots cost.
type Quota interface {
	// Take counts a request; beyond the limit it returns fail.Limited.
	Take(ctx context.Context, team string) (quota.Rate, error)
	Charges(ctx context.Context, team string, bots []string) (map[string]quota.Charge, error)
}

// Surface is the API v2. All fields but Quota are required.
type Surface struct {
	Bots        Bots
	Calendars   Calendars
	Accounts    Accounts
	Quota       Quota // nil: no limits, no costs
	Zoom        ZoomCredentials
	Transcripts Transcripts
	Clock       clock.Clock
	Log         *slog.Logger
	Version     string // of the program, for the OpenAPI document
	// Patience is how long a request may take; 0: httpx.Patience.
	Patience time.Duration

	// Closing is closed when the server stops, for answers that go on until then;
	// nil: it never does.
	Closing <-chan struct{}

	schemas   huma.Registry // of the bodies
	listeners listeners
}

// KeyHeader carries the API key (digest 1.2).
const KeyHeader = "x-meeting-baas-api-key"

// Mount puts the surface's routes on r, with its OpenAPI document at
// /v2/openapi.json, and answers everything else below /v2
// and all unknown paths in the surface's own words.
func (s *Surface) Mount(r chi.Router) huma.API {
	d := door.New(r, door.Options{
		Title: "Steno API v2", Description: "Send bots to meetings, record them, and hear about it by webhook.", Version: s.Version,
		Security: map[string]*huma.SecurityScheme{"ApiKeyAuth": {Type: "apiKey", In: "header", Name: KeyHeader}},
		Format:   jsonFormat, // requests may hold more than we know (digest 1.8)
		Identify: func(ctx huma.Context) (account.Caller, error) {
			return s.Accounts.Authenticate(ctx.Context(), ctx.Header(KeyHeader))
		},
		Problem: func(ctx context.Context, err error) door.Problem { return s.problem(ctx, err) },
		Refuse:  refused, Body: reflect.TypeFor[Problem](), Rate: s.rate(), Patience: s.Patience,
	})
	for _, rt := range routes {
		rt.register(s, d, rt.scope, huma.Operation{
			OperationID: rt.id, Method: rt.method, Path: rt.path, Summary: rt.summary, Tags: []string{rt.tag()}, DefaultStatus: rt.status,
			Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError},
		})
	}
	s.documentBatches(d)
	d.Serve(r, "/v2/openapi.json")
	r.NotFound(s.NotFound)
	r.MethodNotAllowed(s.MethodNotAllowed)
	return d
}

// rate is what limits requests; nil if nothing does.
func (s *Surface) rate() door.Rater {
	if s.Quota == nil {
		return nil
	}
	return s.Quota
}

// do makes a route of a handler.
func do[I, O any](handler func(s *Surface, ctx context.Context, c account.Caller, in *I) (*O, error)) register {
	return func(s *Surface, d *door.Door, scope account.Scope, op huma.Operation) {
		door.Handle(d, op, scope, func(ctx context.Context, c account.Caller, in *I) (*O, error) { return handler(s, ctx, c, in) })
	}
}
