package google

import (
	"net/http"
	"strings"

	"steno/simulator/service"
)

// token is the token endpoint. Google gives no new refresh token, unless
// Grants.Rotate says so.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	_, leave := s.Enter("token")
	defer leave()
	s.Run(w, r, "token", s.Grants.Holder(service.Form(r, "refresh_token")), oauthVoice{}, func() service.Reply {
		t, refused := s.Grants.Exchange(r)
		switch refused {
		case "":
			body := map[string]any{"access_token": t.Access, "expires_in": int(t.Expires.Seconds()),
				"scope": strings.Join(t.Grant.Scopes, " "), "token_type": "Bearer"}
			if t.Refresh != "" {
				body["refresh_token"] = t.Refresh
			}
			return service.Reply{Body: body}
		case service.BadClient:
			return oauth(http.StatusUnauthorized, "invalid_client", "The OAuth client was not found.")
		case service.BadSecret:
			return oauth(http.StatusUnauthorized, "invalid_client", "Unauthorized")
		case service.BadGrantType:
			return oauth(http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: "+r.PostForm.Get("grant_type"))
		case service.Failing:
			return oauth(http.StatusBadRequest, t.Grant.Failure, "The request was refused.")
		}
		return oauth(http.StatusBadRequest, "invalid_grant", "Token has been expired or revoked.")
	})
}

// revoke ends a grant, by its refresh or an access token.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	s.Run(w, r, "revoke", "", oauthVoice{}, func() service.Reply {
		if !s.Grants.Revoke(r.FormValue("token")) {
			return oauth(http.StatusBadRequest, "invalid_token", "Token expired or revoked")
		}
		return service.Reply{Body: map[string]any{}}
	})
}

func oauth(status int, code, text string) service.Reply {
	return service.Reply{Status: status, Body: map[string]string{"error": code, "error_description": text}}
}

type oauthVoice struct{ voice }

// ServerError is a 5xx of the token endpoint.
func (oauthVoice) ServerError(n uint64) service.Reply {
	if n%2 == 0 {
		return oauth(http.StatusServiceUnavailable, "temporarily_unavailable", "Please try again later.")
	}
	return oauth(http.StatusInternalServerError, "internal_failure", "")
}
