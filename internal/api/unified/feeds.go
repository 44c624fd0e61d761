package unified

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/calendar/unified"
)

// Feeds is what the surface needs of the room about feeds.
type Feeds interface {
	Create(ctx context.Context, team, name string) (unified.Feed, string, error)
	List(ctx context.Context, team string) ([]unified.Feed, error)
	Rotate(ctx context.Context, team, id string) (unified.Feed, string, error)
	Delete(ctx context.Context, team, id string) error
	Read(ctx context.Context, token string) (unified.Feed, []unified.FeedEvent, error)
}

type feed struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	CreatedAt string `json:"createdAt"`
	RotatedAt string `json:"rotatedAt" doc:"when it got its present token; empty if that is its first"`
	UsedAt    string `json:"usedAt" doc:"when it was last read, to the hour; empty if never"`
}

func wireFeed(f unified.Feed) feed {
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return stamp(*t)
	}
	return feed{f.ID, f.Name, stamp(f.CreatedAt), at(f.RotatedAt), at(f.UsedAt)}
}

type newFeedInput struct {
	Body struct {
		Name string `json:"name,omitempty" doc:"of the calendar in the program that subscribes to it"`
	}
}

type newFeedOutput struct {
	Body struct {
		Success bool   `json:"success"`
		Feed    feed   `json:"feed"`
		URL     string `json:"url" doc:"what to subscribe to; it holds the token and is shown only now"`
	}
}

func (s *Surface) showToken(f unified.Feed, token string, err error) (*newFeedOutput, error) {
	if err != nil {
		return nil, err
	}
	var out newFeedOutput
	out.Body.Success, out.Body.Feed, out.Body.URL = true, wireFeed(f), strings.TrimRight(s.Public, "/")+base+feedPath+"?token="+token
	return &out, nil
}

func (s *Surface) createFeed(ctx context.Context, c account.Caller, in *newFeedInput) (*newFeedOutput, error) {
	return s.showToken(s.Feeds.Create(ctx, c.TeamID, in.Body.Name))
}

type feedInput struct {
	ID string `path:"id"`
}

func (s *Surface) rotateFeed(ctx context.Context, c account.Caller, in *feedInput) (*newFeedOutput, error) {
	return s.showToken(s.Feeds.Rotate(ctx, c.TeamID, in.ID))
}

func (s *Surface) deleteFeed(ctx context.Context, c account.Caller, in *feedInput) (*messageOutput, error) {
	if err := s.Feeds.Delete(ctx, c.TeamID, in.ID); err != nil {
		return nil, err
	}
	return said("Feed deleted"), nil
}

type feedsOutput struct {
	Body struct {
		Success bool   `json:"success"`
		Feeds   []feed `json:"feeds"`
		Count   int    `json:"count"`
	}
}

func (s *Surface) listFeeds(ctx context.Context, c account.Caller, _ *struct{}) (*feedsOutput, error) {
	list, err := s.Feeds.List(ctx, c.TeamID)
	if err != nil {
		return nil, err
	}
	var out feedsOutput
	out.Body.Success, out.Body.Count, out.Body.Feeds = true, len(list), make([]feed, 0, len(list))
	for _, f := range list {
		out.Body.Feeds = append(out.Body.Feeds, wireFeed(f))
	}
	return &out, nil
}

// feedPath is where feeds are read. Who has the token needs no key.
const feedPath = "/events.ics"

func (s *Surface) mountFeed(r chi.Router, api huma.API) {
	r.Get(base+feedPath, s.readFeed)
	r.Head(base+feedPath, s.readFeed)
	text := &huma.Schema{Type: huma.TypeString}
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "readCalendarFeed", Method: http.MethodGet, Path: base + feedPath, Summary: "Read a feed in iCalendar format (RFC 5545)", Tags: []string{"Calendar"},
		Security:   []map[string][]string{{}},
		Parameters: []*huma.Param{{Name: "token", In: "query", Required: true, Schema: text}, {Name: "If-None-Match", In: "header", Schema: text}},
		Responses: map[string]*huma.Response{
			"200": {Description: "The events", Content: map[string]*huma.MediaType{"text/calendar": {Schema: text}}},
			"304": {Description: "Nothing has changed"}, "401": {Description: "No such feed"},
		},
	})
}

func (s *Surface) readFeed(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), feedTime)
	defer cancel()
	f, events, err := s.Feeds.Read(ctx, r.URL.Query().Get("token"))
	if err != nil {
		write(w, s.problem(ctx, err))
		return
	}
	body := iCalendar(f.Name, events)
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache") // ask whether it has changed
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	_, _ = w.Write(body) // the client may be gone
}

const feedTime = 20 * time.Second

// matches compares as RFC 9110 (13.1.2) says: weakly.
func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}
