// Package unified is the surface of the unified calendar: routes as data, wire
// structs in camelCase, and errors in one function. A handler decodes, calls one
// method of the room, and encodes.
//
// It must not hold rules about calendars and must not import another surface.
package unified

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/calendar"
	"steno/internal/calendar/unified"
)

// Calendar is what the surface needs of the room of the unified calendar.
type Calendar interface {
	Events(ctx context.Context, team string, q unified.Query) (unified.List, error)
	Event(ctx context.Context, team string, p calendar.Platform, id string) (unified.Event, error)
	Create(ctx context.Context, team, key string, n unified.NewEvent) (unified.Event, error)
	Update(ctx context.Context, team, key string, p calendar.Platform, id string, scope unified.Scope, d unified.Draft) (unified.Event, error)
	Delete(ctx context.Context, team, key string, p calendar.Platform, id string, scope unified.Scope) error
	Availability(ctx context.Context, team string, w calendar.Window, partial bool) (unified.Availability, error)
	Prefer(ctx context.Context, team, calendarID string) error
	FreeSlots(ctx context.Context, team string, q unified.SlotQuery) (unified.Slots, error)
}

// Accounts recognises callers by their API key.
type Accounts interface {
	Authenticate(ctx context.Context, key string) (account.Caller, error)
}

// Surface is the unified calendar API. All fields but Rate are required.
type Surface struct {
	Calendar Calendar
	Feeds    Feeds
	Accounts Accounts
	Rate     door.Rater // nil: no limit
	Log      *slog.Logger
	Version  string // of the program, for the OpenAPI document
	Public   string // how clients reach the API, for the URLs of feeds
	// Patience is how long a handler may take; 0: that of the door.
	Patience time.Duration
}

// KeyHeader may carry the API key, as in the other surfaces.
const KeyHeader = "x-meeting-baas-api-key"

// base is where the surface is.
const base = "/api/v2/calendar"

// Mount puts the surface's routes on r, with its OpenAPI document, and answers
// everything else below its path in its own words.
func (s *Surface) Mount(r chi.Router) huma.API {
	d := door.New(r, door.Options{
		Title: "Steno unified calendar API", Version: s.Version,
		Description: "The events of all connected calendars of Google and Microsoft as one calendar.",
		Security: map[string]*huma.SecurityScheme{
			"Bearer":     {Type: "http", Scheme: "bearer", Description: "a JWT, or an API key"},
			"ApiKeyAuth": {Type: "apiKey", In: "header", Name: KeyHeader},
		},
		Format: format, Identify: s.identify, Problem: s.answer, Refuse: refuse, Body: reflect.TypeFor[Problem](), Rate: s.Rate, Patience: s.Patience,
	})
	d.UseMiddleware(textOnly)
	for _, rt := range routes {
		rt.register(s, d, huma.Operation{
			OperationID: rt.id, Method: rt.method, Path: base + rt.path, Summary: rt.summary, Tags: []string{"Calendar"}, DefaultStatus: http.StatusOK,
			Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusBadGateway},
		})
	}
	s.mountFeed(r, d)
	d.Serve(r, base+"/openapi.json")
	r.HandleFunc(base, s.nothing)
	r.HandleFunc(base+"/*", s.nothing)
	return d
}

// textOnly answers for ids that are no text, which PostgreSQL would refuse to look
// for: there is nothing by them.
func textOnly(ctx huma.Context, next func(huma.Context)) {
	if path := ctx.URL().Path; !utf8.ValidString(path) || strings.ContainsRune(path, 0) {
		ctx.SetHeader("Content-Type", "application/json")
		ctx.SetStatus(http.StatusNotFound)
		_ = format.Marshal(ctx.BodyWriter(), &Problem{Message: "the path holds an id that is no text in UTF-8", Code: codeNotFound}) // the client may be gone
		return
	}
	next(ctx)
}

// identify recognises the caller by a Bearer token or by the header of the
// other surfaces.
func (s *Surface) identify(ctx huma.Context) (account.Caller, error) {
	key := ctx.Header(KeyHeader)
	if scheme, token, ok := strings.Cut(ctx.Header("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		key = strings.TrimSpace(token)
	}
	return s.Accounts.Authenticate(ctx.Context(), key)
}

// format takes null for absent, as clients mean it.
var format = door.Lenient()

// nothing answers paths and methods that there are not.
func (s *Surface) nothing(w http.ResponseWriter, r *http.Request) {
	write(w, &Problem{Message: "there is nothing at " + r.Method + " " + r.URL.Path, Code: codeNotFound, status: http.StatusNotFound})
}

// Serves reports whether a path is one of this surface, there or not.
func Serves(path string) bool { return path == base || strings.HasPrefix(path, base+"/") }

// Panicked answers a request whose handler panicked.
func (s *Surface) Panicked(w http.ResponseWriter, _ *http.Request) {
	write(w, &Problem{Message: door.Phrase, Code: codeInternal, status: http.StatusInternalServerError})
}

// write answers outside of the door.
func write(w http.ResponseWriter, p *Problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	_ = format.Marshal(w, p) // the client may be gone
}

// answer is problem for the door.
func (s *Surface) answer(ctx context.Context, err error) door.Problem { return s.problem(ctx, err) }

// maxIssues bounds how many broken rules an answer names.
const maxIssues = 5

// refuse words what is wrong with a request that no handler saw.
func refuse(r door.Refusal) door.Problem {
	switch r.Status {
	case http.StatusRequestEntityTooLarge:
		return &Problem{Message: door.TooLarge, Code: codeTooLarge, status: r.Status}
	case http.StatusUnsupportedMediaType:
		return &Problem{Message: door.NotJSON, Code: codeMediaType, status: r.Status}
	case http.StatusRequestTimeout:
		return &Problem{Message: door.TooSlow, Code: codeTimeout, status: r.Status}
	}
	if len(r.Issues) == 0 {
		return &Problem{Message: door.Phrase, Code: codeInternal, status: http.StatusInternalServerError}
	}
	var text []string
	for _, i := range r.Issues[:min(len(r.Issues), maxIssues)] {
		text = append(text, strings.ReplaceAll(strings.TrimPrefix(i.Pointer, "/"), "/", ".")+": "+i.Rule)
	}
	return &Problem{Message: brief(strings.TrimPrefix(strings.Join(text, "; "), ": ")), Code: unified.CodeValidation, status: http.StatusBadRequest}
}
