package admin

import (
	"context"
	"net/http"
	"time"

	"steno/internal/account"
)

var teamRoutes = []route{
	{"listTeams", http.MethodGet, "/teams", http.StatusOK, "Teams", "List teams, oldest first", do((*Surface).listTeams)},
	{"createTeam", http.MethodPost, "/teams", http.StatusCreated, "Teams", "Add a team", do((*Surface).createTeam)},
	{"getTeam", http.MethodGet, "/teams/{team_id}", http.StatusOK, "Teams", "Show a team", do((*Surface).getTeam)},
	{"renameTeam", http.MethodPatch, "/teams/{team_id}", http.StatusOK, "Teams", "Rename a team", do((*Surface).renameTeam)},
}

var keyRoutes = []route{
	{"listKeys", http.MethodGet, "/teams/{team_id}/keys", http.StatusOK, "API keys", "List a team's API keys, oldest first", do(ofTeam((*Surface).listKeys))},
	{"createKey", http.MethodPost, "/teams/{team_id}/keys", http.StatusCreated, "API keys", "Make an API key; it is shown only now", do(ofTeam((*Surface).createKey))},
	{"revokeKey", http.MethodDelete, "/teams/{team_id}/keys/{key_id}", http.StatusOK, "API keys", "Make an API key useless", do((*Surface).revokeKey)},
}

// TeamInput names a team. What is embedded here has names in capitals: others are
// not seen by the package that reads requests.
type TeamInput struct {
	TeamID string `path:"team_id" doc:"The id of the team."`
}

func (in TeamInput) team() string { return in.TeamID }

// ofTeam has a handler called for teams that exist only. It is for lists, and
// for what makes something: what is looked up by an id of its own is not found
// in a team that does not exist.
func ofTeam[I interface{ team() string }, O any](handler func(*Surface, context.Context, I) (O, error)) func(*Surface, context.Context, I) (O, error) {
	return func(s *Surface, ctx context.Context, in I) (out O, err error) {
		if _, err := s.Teams.Team(ctx, in.team()); err != nil {
			return out, err
		}
		return handler(s, ctx, in)
	}
}

type team struct {
	ID        string `json:"team_id" format:"uuid"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at" format:"date-time"`
}

func wireTeam(t account.Team) team { return team{t.ID, t.Name, stamp(t.CreatedAt)} }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func maybeStamp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := stamp(*t)
	return &s
}

func (s *Surface) listTeams(ctx context.Context, _ *struct{}) (*many[team], error) {
	all, err := s.Teams.Teams(ctx)
	if err != nil {
		return nil, err
	}
	return answerList(all, wireTeam), nil
}

type nameBody struct {
	Name string `json:"name" minLength:"1" maxLength:"255"`
}

func (s *Surface) createTeam(ctx context.Context, in *struct{ Body nameBody }) (*one[team], error) {
	t, err := s.Teams.CreateTeam(ctx, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return answer(wireTeam(t)), nil
}

func (s *Surface) getTeam(ctx context.Context, in *TeamInput) (*one[team], error) {
	t, err := s.Teams.Team(ctx, in.TeamID)
	if err != nil {
		return nil, err
	}
	return answer(wireTeam(t)), nil
}

type renameInput struct {
	TeamInput
	Body nameBody
}

func (s *Surface) renameTeam(ctx context.Context, in *renameInput) (*one[team], error) {
	t, err := s.Teams.RenameTeam(ctx, in.TeamID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return answer(wireTeam(t)), nil
}

// Key is an API key without what opens anything.
type Key struct {
	ID         string  `json:"key_id" format:"uuid"`
	Name       string  `json:"name"`
	Permission string  `json:"permission" enum:"full,sending"`
	Hint       string  `json:"hint" doc:"How the key begins."`
	CreatedAt  string  `json:"created_at" format:"date-time"`
	LastUsedAt *string `json:"last_used_at" format:"date-time" doc:"To the minute."`
	RevokedAt  *string `json:"revoked_at" format:"date-time"`
	ExpiresAt  *string `json:"expires_at" format:"date-time" doc:"From then on the key opens nothing; null: never."`
}

func wireKey(k account.Key) Key {
	return Key{k.ID, k.Name, string(k.Permission), k.Hint, stamp(k.CreatedAt), maybeStamp(k.LastUsedAt), maybeStamp(k.RevokedAt), maybeStamp(k.ExpiresAt)}
}

type newKey struct {
	Key
	Plain string `json:"key" doc:"The key itself. It is shown only now."`
}

func (s *Surface) listKeys(ctx context.Context, in *TeamInput) (*many[Key], error) {
	all, err := s.Teams.Keys(ctx, in.TeamID)
	if err != nil {
		return nil, err
	}
	return answerList(all, wireKey), nil
}

type newKeyInput struct {
	TeamInput
	Body struct {
		Name       string     `json:"name" minLength:"1" maxLength:"255"`
		Permission string     `json:"permission,omitempty" enum:"full,sending" default:"full" doc:"sending: may create bots and nothing else."`
		ExpiresAt  *time.Time `json:"expires_at,omitempty" doc:"When the key ends by itself; null or absent: never."`
	}
}

func (s *Surface) createKey(ctx context.Context, in *newKeyInput) (*one[newKey], error) {
	plain, k, err := s.Teams.CreateKey(ctx, account.NewKey{
		TeamID: in.TeamID, Name: in.Body.Name, Permission: account.Permission(in.Body.Permission), ExpiresAt: in.Body.ExpiresAt,
	})
	if err != nil {
		return nil, err
	}
	return answer(newKey{wireKey(k), plain}), nil
}

type keyInput struct {
	TeamInput
	KeyID string `path:"key_id" doc:"The id of the key."`
}

func (s *Surface) revokeKey(ctx context.Context, in *keyInput) (*one[Key], error) {
	k, err := s.Teams.RevokeKeyOf(ctx, in.TeamID, in.KeyID)
	if err != nil {
		return nil, err
	}
	return answer(wireKey(k)), nil
}
