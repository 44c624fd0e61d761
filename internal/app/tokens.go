package app

import (
	"context"
	"fmt"

	"steno/internal/account"
	"steno/internal/provider/issuer"
)

// buildBearer makes what recognises callers by key or token.
func (s *server) buildBearer(ctx context.Context) error {
	s.bearer, s.closeTokens = &account.Bearer{Keys: s.Accounts}, func() {}
	o := s.o.Tokens
	if o.JWTIssuer == "" {
		return nil
	}
	v, err := issuer.New(ctx, issuer.Options{
		Issuer: o.JWTIssuer, Audience: o.JWTAudience, Keys: o.JWTKeys, TeamClaim: o.JWTTeamClaim, Scope: o.JWTScope, Clock: s.Clock,
	})
	if err != nil {
		return fmt.Errorf("tokens cannot be checked; look at --jwt-issuer and --jwt-keys: %w", err)
	}
	s.bearer.Tokens, s.closeTokens = v, v.Close
	return nil
}
