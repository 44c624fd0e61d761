package admin

import (
	"context"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/api/door"
	"steno/internal/artifact"
	"steno/internal/blob"
	"steno/internal/bot"
	"steno/internal/fail"
)

// Evidence is what was kept of the ends of bots.
type Evidence interface {
	// Evidence returns the files of a team's bot, oldest first.
	Evidence(ctx context.Context, team, bot string) ([]bot.StoredArtifact, error)
}

// Objects is where the files are.
type Objects interface {
	Open(ctx context.Context, key string) (*blob.Object, error)
}

var evidenceRoutes = []route{
	{"listEvidence", http.MethodGet, "/teams/{team_id}/bots/{bot_id}/evidence", http.StatusOK, "Evidence", "List what was kept of a bot's end", do((*Surface).listEvidence)},
	{"getEvidence", http.MethodGet, "/teams/{team_id}/bots/{bot_id}/evidence/{name}", http.StatusOK, "Evidence", "Download a file of it", do((*Surface).getEvidence)},
}

// BotInput names a bot of a team.
type BotInput struct {
	TeamInput
	BotID string `path:"bot_id" doc:"The id of the bot."`
}

type evidenceFile struct {
	Name      string `json:"name"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"`
	CreatedAt string `json:"created_at" format:"date-time" doc:"When it was stored."`
}

func wireEvidence(a bot.StoredArtifact) evidenceFile {
	return evidenceFile{a.Name, a.Bytes, a.SHA256, stamp(a.StoredAt)}
}

func (s *Surface) evidence(ctx context.Context, in BotInput) ([]bot.StoredArtifact, error) {
	id, err := door.ID("/bot_id", in.BotID)
	if err != nil {
		return nil, err
	}
	return s.Evidence.Evidence(ctx, in.TeamID, id)
}

func (s *Surface) listEvidence(ctx context.Context, in *BotInput) (*many[evidenceFile], error) {
	all, err := s.evidence(ctx, *in)
	if err != nil {
		return nil, err
	}
	return answerList(all, wireEvidence), nil
}

type evidenceInput struct {
	BotInput
	Name string `path:"name" doc:"As in the list."`
}

// getEvidence hands out a file of the list; what is not in it is not looked for
// anywhere. What a page said must not run in the browser of an operator.
func (s *Surface) getEvidence(ctx context.Context, in *evidenceInput) (*huma.StreamResponse, error) {
	all, err := s.evidence(ctx, in.BotInput)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(a bot.StoredArtifact) bool { return a.Name == in.Name })
	if i < 0 {
		return nil, fail.New(fail.NotFound, blob.CodeNotFound, "there is no such file of this bot; the list has their names")
	}
	file, err := s.Objects.Open(ctx, all[i].Key)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer file.Close()
		for name, value := range map[string]string{
			"Content-Type": artifact.ContentType(in.Name), "Content-Length": strconv.FormatInt(file.Bytes, 10),
			"Content-Disposition":    mime.FormatMediaType("attachment", map[string]string{"filename": in.Name}),
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "no-store",
		} {
			hc.SetHeader(name, value)
		}
		hc.SetStatus(http.StatusOK)
		_, _ = io.Copy(hc.BodyWriter(), file) // the operator may be gone
	}}, nil
}
