// Package door is what the API surfaces share that are made with huma: who a
// request comes from, how long it may take, what refuses it before a handler
// sees it, and the surface's OpenAPI document.
//
// It must hold no rule of any surface: their words for errors, their headers and
// their wire structs stay with them.
package door

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/httpx"
	"steno/internal/bot"
	"steno/internal/fail"
	"steno/internal/quota"
)

// Problem is the body of an answer that is not a success. It may also be a
// huma.HeadersError.
type Problem = huma.StatusError

// Rater counts a request of a team; beyond the limit it returns fail.Limited.
type Rater interface {
	Take(ctx context.Context, team string) (quota.Rate, error)
}

// Options of a surface. Title, Identify, Problem, Refuse and Body are required.
type Options struct {
	Title, Description, Version string
	// Security names the ways to say who one is, as the document shows them.
	Security map[string]*huma.SecurityScheme
	// Format reads and writes bodies; zero: JSON as it is.
	Format huma.Format
	// Strict refuses members that a request body is not known to have.
	Strict bool
	// Identify recognises the caller.
	Identify func(ctx huma.Context) (account.Caller, error)
	// Problem is the one function of the surface that turns an error into an
	// answer.
	Problem func(ctx context.Context, err error) Problem
	// Refuse makes an answer of what is wrong with a request before any handler
	// sees it.
	Refuse func(r Refusal) Problem
	// Body is the type of problems, for the document.
	Body reflect.Type
	// Rate limits requests that change something; nil: no limit.
	Rate Rater
	// Patience is how long a request may take; 0: httpx.Patience.
	Patience time.Duration
}

// Door is a surface's way into huma.
type Door struct {
	huma.API
	o Options
}

const (
	doorKey  = "door"
	scopeKey = "scope"
)

type callerKey struct{}

// New returns a door that puts its routes on r.
func New(r chi.Router, o Options) *Door {
	once.Do(setUp)
	if o.Format.Marshal == nil {
		o.Format = JSON
	}
	if o.Patience == 0 {
		o.Patience = httpx.Patience
	}
	c := huma.DefaultConfig(o.Title, o.Version)
	c.CreateHooks = nil // they would add $schema to every answer
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.AllowAdditionalPropertiesByDefault = !o.Strict
	c.Formats = map[string]huma.Format{"application/json": o.Format, "json": o.Format}
	c.Components.SecuritySchemes = o.Security
	for name := range o.Security {
		c.Security = append(c.Security, map[string][]string{name: {}})
	}
	c.Info.Description = o.Description
	d := &Door{API: jsonOnly{humachi.New(r, c)}, o: o}
	d.UseMiddleware(d.enter)
	return d
}

// Handle adds an operation. The caller is an argument of its handler, so that
// none can forget to ask who it is.
func Handle[I, O any](d *Door, op huma.Operation, scope account.Scope, handler func(ctx context.Context, c account.Caller, in *I) (*O, error)) {
	op.MaxBodyBytes = httpx.MaxBody
	op.Metadata = map[string]any{doorKey: d, scopeKey: scope}
	huma.Register(d, op, func(ctx context.Context, in *I) (*O, error) {
		caller, ok := ctx.Value(callerKey{}).(account.Caller)
		if !ok {
			return nil, d.o.Problem(ctx, fail.New(fail.Unauthorized, account.CodeUnauthorized, "the caller is not known"))
		}
		out, err := handler(ctx, caller, in)
		if err != nil {
			return nil, d.o.Problem(ctx, err)
		}
		return out, nil
	})
}

// enter recognises the caller and checks the scope of the route before anything
// else of the request is looked at. All of it, and the handler, has the same time.
func (d *Door) enter(ctx huma.Context, next func(huma.Context)) {
	bounded, cancel := context.WithTimeout(ctx.Context(), d.o.Patience)
	defer cancel()
	ctx = huma.WithContext(ctx, bounded)
	caller, err := d.o.Identify(ctx)
	if err == nil {
		scope, _ := ctx.Operation().Metadata[scopeKey].(account.Scope)
		err = caller.May(scope)
	}
	if err == nil {
		err = d.limit(ctx, caller)
	}
	if err == nil {
		err = readable(ctx.URL().RawQuery)
	}
	if err != nil {
		d.write(ctx, d.o.Problem(bounded, err))
		return
	}
	next(huma.WithContext(ctx, context.WithValue(bounded, callerKey{}, caller)))
}

// limit counts a request that changes something against the team's rate, and
// tells the client where it stands (digest 1.7). Reading is free.
func (d *Door) limit(ctx huma.Context, c account.Caller) error {
	if d.o.Rate == nil || ctx.Method() == http.MethodGet {
		return nil
	}
	r, err := d.o.Rate.Take(ctx.Context(), c.TeamID)
	if r.Limit > 0 {
		ctx.SetHeader("X-Ratelimit-Limit", strconv.Itoa(r.Limit))
		ctx.SetHeader("X-Ratelimit-Remaining", strconv.Itoa(r.Remaining))
		ctx.SetHeader("X-Ratelimit-Reset", strconv.Itoa(WholeSeconds(r.Reset)))
	}
	return err
}

// WholeSeconds rounds up: whoever waits so long does not come too early.
func WholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// readable refuses a query of which a part would be passed over in silence.
func readable(query string) error {
	if _, err := url.ParseQuery(query); err != nil {
		return bot.Invalid(bot.Issue{Pointer: "/", Rule: "the query cannot be read: " + err.Error()})
	}
	return nil
}

// write answers outside of a handler.
func (d *Door) write(ctx huma.Context, p Problem) {
	ctx.SetHeader("Content-Type", "application/json")
	if h, ok := p.(huma.HeadersError); ok {
		for name := range h.GetHeaders() {
			ctx.SetHeader(name, h.GetHeaders().Get(name))
		}
	}
	ctx.SetStatus(p.GetStatus())
	_ = d.o.Format.Marshal(ctx.BodyWriter(), p) // the client may be gone
}

// Serve puts the OpenAPI document at the given paths. It is made once: routes do
// not change any more.
func (d *Door) Serve(r chi.Router, paths ...string) {
	DescribeErrors(d, d.o.Body)
	doc, err := d.OpenAPI().MarshalJSON()
	if err != nil {
		panic("door: OpenAPI document: " + err.Error()) // a mistake in the wire structs
	}
	for _, path := range paths {
		r.Get(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(doc) // the client may be gone
		})
	}
}

// DescribeErrors puts the error body of a surface into its document, in place of
// the one that huma takes from the whole process.
func DescribeErrors(api huma.API, body reflect.Type) {
	schemas := api.OpenAPI().Components.Schemas
	ours := schemas.Schema(body, true, "")
	theirs := reflect.TypeOf(huma.NewError(0, ""))
	for theirs.Kind() == reflect.Pointer {
		theirs = theirs.Elem()
	}
	delete(schemas.Map(), theirs.Name())
	delete(schemas.Map(), "ErrorDetail")
	for _, item := range api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			for status, r := range op.Responses {
				if code, err := strconv.Atoi(status); err != nil || code >= http.StatusBadRequest {
					r.Content = map[string]*huma.MediaType{"application/json": {Schema: ours}}
				}
			}
		}
	}
}

// Allowed returns the methods that a request's path exists for, as the header
// Allow wants them.
func Allowed(r *http.Request) string {
	var allowed []string
	if c := chi.RouteContext(r.Context()); c != nil && c.Routes != nil {
		for _, m := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
			if c.Routes.Match(chi.NewRouteContext(), m, r.URL.Path) {
				allowed = append(allowed, m)
			}
		}
	}
	return strings.Join(allowed, ", ")
}

// jsonOnly answers JSON whatever the client would rather have: a header Accept
// that is beyond understanding is no reason to fail.
type jsonOnly struct{ huma.API }

// Negotiate picks JSON.
func (jsonOnly) Negotiate(string) (string, error) { return "application/json", nil }

var once sync.Once

// setUp changes what huma keeps for the whole process: errors that it finds in a
// request are put into words by the surface that the request is for.
func setUp() {
	huma.DefaultArrayNullable = false
	others := huma.NewErrorWithContext
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		if ctx != nil && ctx.Operation() != nil {
			if d, ok := ctx.Operation().Metadata[doorKey].(*Door); ok {
				return d.o.Refuse(refusal(status, message, errs))
			}
		}
		return others(ctx, status, message, errs...)
	}
}
