package app

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/api/artifacts"
	"steno/internal/artifact"
)

// newSigner returns what signs the URLs of artifacts. Its keys come from the
// server's secret key, so that all hosts of one installation share them.
func (s *server) newSigner() (*artifact.Signer, error) {
	keys, err := s.Vault.Derive("artifact URLs")
	if err != nil {
		return nil, fmt.Errorf("derive the key of artifact URLs: %w", err)
	}
	return artifact.NewSigner(s.o.PublicURL, keys, s.Clock)
}

// downloadTime bounds one download. Other requests get much less.
const downloadTime = time.Hour

func (s *server) mountArtifacts(r chi.Router) {
	files := &artifacts.Handler{Objects: s.objects, Verifier: s.signer, Log: s.Log}
	r.Handle(artifact.Route+"*", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(s.Clock.Now().Add(downloadTime)) // not every writer has deadlines
		files.ServeHTTP(w, r)
	}))
}
