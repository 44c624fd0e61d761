package app

import (
	"context"

	"github.com/go-chi/chi/v5"

	"steno/internal/bot"
)

// unsigned names files until signed URLs are wired.
type unsigned string

func (u unsigned) URL(_ context.Context, key string) (string, error) {
	return string(u) + "/artifacts/" + key, nil
}

func (s *server) signer() (bot.Signer, error) { return unsigned(s.o.PublicURL), nil }

func (s *server) mountArtifacts(chi.Router) {}
