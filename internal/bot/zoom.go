package bot

import (
	"context"

	"steno/internal/fail"
)

// ZoomFinder knows the Zoom credentials of teams. What is not there is
// fail.NotFound, what is not unique fail.Conflict.
type ZoomFinder interface {
	Find(ctx context.Context, team, credentialID, zoomUserID string) (id string, err error)
}

// CheckZoom refuses a bot that names a Zoom credential which its team does not
// have, so that this is known now and not when the meeting begins. It reads the
// database and must not be called inside of a transaction.
func (s *Service) CheckZoom(ctx context.Context, team string, z *Zoom) error {
	if s.Zoom == nil || z == nil || z.CredentialID == "" && z.CredentialUserID == "" {
		return nil
	}
	_, err := s.Zoom.Find(ctx, team, z.CredentialID, z.CredentialUserID)
	f := fail.As(err)
	if f == nil || f.Kind != fail.NotFound && f.Kind != fail.Conflict {
		return err
	}
	pointer, value := "/zoom_config/credential_id", z.CredentialID
	if value == "" {
		pointer, value = "/zoom_config/credential_user_id", z.CredentialUserID
	}
	return Invalid(Issue{pointer, f.Message, value})
}
