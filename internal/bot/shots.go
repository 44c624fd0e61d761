package bot

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"steno/internal/page"
)

// KindScreenshot is the tag of a StoredArtifact that shows what the bot's page
// looked like; a bot has many, named by ShotName.
const KindScreenshot = "screenshot"

// KindEvidence is the tag of a StoredArtifact that tells operators why a bot ended:
// what its page showed. It is in no answer to the team.
const KindEvidence = "evidence"

// ShotName is the name of the n-th screenshot, so that names sort like numbers.
func ShotName(n int) string { return fmt.Sprintf("%06d", n) }

// Shot is a screenshot as the API shows it.
type Shot struct {
	ID  int // counts from 1
	URL string
}

// ShotPage is a part of a bot's screenshots, oldest first. The cursors are
// empty where nothing follows.
type ShotPage struct {
	Shots      []Shot
	Next, Prev string
}

// ShotQuery asks for screenshots behind or, when Backward, before the one of
// that number, nearest first. From 0 is before the first.
type ShotQuery struct {
	From     int
	Backward bool
	Limit    int
}

// Screenshots returns a page of a bot's screenshots with fresh URLs. limit is at
// least 1; cursor is empty or comes from an earlier page.
func (s *Service) Screenshots(ctx context.Context, team, id string, limit int, cursor string) (p ShotPage, err error) {
	if _, err := s.Store.Bot(ctx, team, id); err != nil {
		return p, err
	}
	q := ShotQuery{Limit: page.Limit(limit)}
	if cursor != "" {
		if q.From, q.Backward, err = readShotCursor(cursor); err != nil {
			return p, err
		}
	}
	found, err := s.Store.Screenshots(ctx, team, id, q)
	if err != nil {
		return p, err
	}
	found, p.Next, p.Prev = page.Turn(found, q.Limit, q.Backward, q.From > 0, func(a StoredArtifact, backward bool) string {
		return shotCursor(a.Name, backward)
	})
	for _, a := range found {
		n, err := strconv.Atoi(a.Name)
		if err != nil {
			return p, fmt.Errorf("read the number of a screenshot: %w", err)
		}
		u, err := s.Signer.URL(ctx, a.Key)
		if err != nil {
			return p, fmt.Errorf("sign the URL of a screenshot: %w", err)
		}
		p.Shots = append(p.Shots, Shot{n, u})
	}
	return p, nil
}

// A cursor is base64 of the number, with a minus sign in front when it leads
// backward. The reference shows the minus sign inside, too (digest 1.6, C3).
func shotCursor(name string, backward bool) string {
	c := base64.StdEncoding.EncodeToString([]byte(strings.TrimLeft(name, "0")))
	if backward {
		return "-" + c
	}
	return c
}

func readShotCursor(text string) (n int, backward bool, err error) {
	text, backward = strings.CutPrefix(text, "-")
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err == nil {
		digits, inside := strings.CutPrefix(string(plain), "-")
		backward = backward || inside
		n, err = strconv.Atoi(digits)
	}
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, false, Invalid(Issue{Pointer: "/cursor", Rule: "must be cursor or prev_cursor of an earlier page"})
	}
	return n, backward, nil
}
