package microsoft

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"steno/simulator/service"
)

// token is the token endpoint. Every refresh replaces the refresh token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	_, leave := s.Enter("token")
	defer leave()
	s.Run(w, r, "token", s.Grants.Holder(service.Form(r, "refresh_token")), oauthVoice{voice{s}}, func() service.Reply {
		tenant := r.PathValue("tenant")
		if s.singleTenant && (tenant == "common" || tenant == "consumers" || tenant == "organizations") {
			return s.aad(50194)
		}
		if tenant != Tenant && tenant != "common" && tenant != "organizations" && tenant != "consumers" {
			return s.aad(90002)
		}
		t, refused := s.Grants.Exchange(r)
		switch refused {
		case "":
			return service.Reply{Body: map[string]any{"token_type": "Bearer", "scope": strings.Join(t.Grant.Scopes, " "),
				"expires_in": int(t.Expires.Seconds()), "ext_expires_in": int(t.Expires.Seconds()), "access_token": t.Access, "refresh_token": t.Refresh}}
		case service.BadClient:
			return s.aad(700016)
		case service.BadSecret:
			return s.aad(7000215)
		case service.BadGrantType:
			return s.aadSays(http.StatusBadRequest, "unsupported_grant_type", 70003, "")
		case service.SpentGrant:
			return s.aad(70000)
		case service.Failing:
			code, _ := strconv.Atoi(strings.TrimPrefix(t.Grant.Failure, "AADSTS"))
			return s.aad(code)
		}
		return s.aad(50173)
	})
}

// aad words an error of the identity platform by its AADSTS number.
func (s *Server) aad(code int) service.Reply {
	switch code {
	case 7000215, 7000222:
		return s.aadSays(http.StatusUnauthorized, "invalid_client", code, "")
	case 700016:
		return s.aadSays(http.StatusBadRequest, "unauthorized_client", code, "")
	case 90002, 50194, 500011:
		return s.aadSays(http.StatusBadRequest, "invalid_request", code, "")
	case 65001:
		return s.aadSays(http.StatusBadRequest, "invalid_grant", code, "consent_required")
	case 50076, 50079, 53003:
		return s.aadSays(http.StatusBadRequest, "interaction_required", code, "basic_action")
	case 50173, 70043:
		return s.aadSays(http.StatusBadRequest, "invalid_grant", code, "bad_token")
	}
	return s.aadSays(http.StatusBadRequest, "invalid_grant", code, "")
}

var aadTexts = map[int]string{
	700082: "The refresh token has expired due to inactivity.", 50173: "The provided grant has expired due to it being revoked.",
	70043: "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
	65001: "The user or administrator has not consented to use the application.", 50076: "You must use multi-factor authentication to access.",
	700016: "Application was not found in the directory.", 90002: "Tenant not found.", 7000215: "Invalid client secret provided.",
	7000222: "The provided client secret keys are expired.", 50194: "Application is not configured as a multi-tenant application.",
	90094: "An administrator must grant consent.", 70000: "The provided value for the 'refresh_token' is not valid.",
}

func (s *Server) aadSays(status int, name string, code int, sub string) service.Reply {
	body := map[string]any{"error": name, "error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s", code, aadTexts[code], s.requestID()),
		"error_codes": []int{code}, "timestamp": s.Now().Format("2006-01-02 15:04:05Z"), "trace_id": s.requestID(), "correlation_id": s.requestID()}
	if sub != "" {
		body["suberror"] = sub
	}
	return service.Reply{Status: status, Body: body}
}

type oauthVoice struct{ voice }

// ServerError is a 5xx of the token endpoint.
func (v oauthVoice) ServerError(n uint64) service.Reply {
	if n%2 == 0 {
		return service.Reply{Status: http.StatusServiceUnavailable, Body: map[string]string{"error": "temporarily_unavailable", "error_description": "AADSTS90033: A transient error has occurred."}}
	}
	return service.Reply{Status: http.StatusInternalServerError, Header: http.Header{"Content-Type": {"text/plain"}}, Body: "Internal Server Error"}
}
