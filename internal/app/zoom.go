package app

import (
	"steno/internal/netguard"
	zoomoauth "steno/internal/provider/zoom"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/zoom"
)

// buildZoom makes the room of Zoom credentials, which bots are checked against.
func (s *server) buildZoom() error {
	client, err := zoomoauth.New(s.o.ZoomOAuthURL, s.o.ZoomAPIURL, netguard.Options{})
	if err != nil {
		return err
	}
	s.closeZoom = client.Close
	s.zoom = &zoom.Service{Store: store.Zoom{DB: s.DB, Vault: seal.Zoom{Sealer: s.Vault.Sealer}}, OAuth: client, Clock: s.Clock}
	s.bots.Zoom = s.zoom
	return nil
}
