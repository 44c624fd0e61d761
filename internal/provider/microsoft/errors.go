package microsoft

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/access"
)

// tenantForm is what a tenant may be: common, organizations, consumers, an id
// or a domain. It becomes part of a path.
var tenantForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,253}$`)

// tokenEndpoint of the identity platform (reference 2.2, OAuth). The refresh
// token is replaced at every use.
func tokenEndpoint(login, scope string) access.Endpoint {
	return access.Endpoint{
		Platform: calendar.Microsoft,
		URL: func(c calendar.Credentials) (string, error) {
			tenant := c.Tenant
			if tenant == "" {
				tenant = "common"
			}
			if !tenantForm.MatchString(tenant) || strings.Contains(tenant, "..") {
				return "", errors.New("oauth_tenant_id is neither common, organizations, consumers nor the id of a tenant")
			}
			return login + "/" + tenant + "/oauth2/v2.0/token", nil
		},
		Scope:    scope,
		Classify: classifyToken,
	}
}

// verdicts are the AADSTS numbers whose meaning differs from that of their
// error (reference 2.2).
var verdicts = map[int]struct {
	kind    calendar.ErrorKind
	message string
}{
	65001:   {calendar.PermissionDenied, "the user has not consented to the permissions that this needs"},
	90094:   {calendar.PermissionDenied, "an administrator has to approve the application"},
	700016:  {calendar.BadClient, "the application is not known in this tenant"},
	90002:   {calendar.BadClient, "the tenant does not exist"},
	500011:  {calendar.BadClient, "the tenant does not know the resource"},
	7000215: {calendar.BadClient, "the client secret is wrong"},
	7000222: {calendar.BadClient, "the client secret has expired"},
	50194:   {calendar.BadClient, "the application belongs to one tenant; give its id as oauth_tenant_id"},
	700082:  {calendar.Revoked, "the refresh token was not used for too long; connect the account again"},
	50173:   {calendar.Revoked, "the grant was revoked, for instance by a new password; connect the account again"},
	70043:   {calendar.Revoked, "the organisation asks for a new sign-in; connect the account again"},
	50076:   {calendar.Revoked, "the organisation asks for a second factor; connect the account again"},
	50079:   {calendar.Revoked, "the organisation asks for a second factor; connect the account again"},
	53003:   {calendar.Revoked, "the organisation's access rules forbid this; connect the account again"},
}

var aadsts = regexp.MustCompile(`AADSTS([0-9]{4,8})`)

func classifyToken(status int, body []byte) *calendar.Error {
	var a struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	_ = json.Unmarshal(body, &a) // what is unreadable has no reason and is not believed
	code := 0
	if len(a.Codes) > 0 {
		code = a.Codes[0]
	} else if m := aadsts.FindStringSubmatch(a.Description); m != nil {
		code, _ = strconv.Atoi(m[1])
	}
	e := &calendar.Error{Reason: a.Error}
	if code != 0 {
		e.Reason = "AADSTS" + strconv.Itoa(code)
	}
	if v, ok := verdicts[code]; ok {
		e.Kind, e.Message = v.kind, v.message
	} else {
		e.Kind, e.Message = meaning(a.Error, status)
	}
	if e.Kind == calendar.Revoked && status != http.StatusBadRequest {
		e.Kind = calendar.Transient
	}
	return e
}

func meaning(code string, status int) (calendar.ErrorKind, string) {
	switch code {
	case "invalid_grant", "interaction_required", "login_required":
		return calendar.Revoked, "the refresh token has expired or was revoked; connect the account again"
	case "consent_required", "invalid_scope", "access_denied":
		return calendar.PermissionDenied, "the user has not consented to the permissions that this needs"
	case "invalid_client", "unauthorized_client", "invalid_request", "invalid_resource", "unsupported_grant_type":
		return calendar.BadClient, "the OAuth client id, secret or tenant is wrong"
	}
	return calendar.Transient, fmt.Sprintf("the token endpoint answered %d", status)
}

// refusal is what classify needs to know of {"error":{"code":…}}.
type refusal struct {
	code, inner string // lower case: Graph is not consistent
	own         string // as sent
	message     string // lower case
}

func readRefusal(body []byte) refusal {
	var v struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Inner   struct {
				Code string `json:"code"`
			} `json:"innerError"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &v) // an HTML page of a gateway has no code
	return refusal{
		code: strings.ToLower(v.Error.Code), inner: strings.ToLower(v.Error.Inner.Code),
		own: v.Error.Code, message: strings.ToLower(v.Error.Message),
	}
}

// is reports whether either code is one of the given, in lower case.
func (r refusal) is(codes ...string) bool {
	for _, c := range codes {
		if r.code == c || r.inner == c {
			return true
		}
	}
	return false
}

func (r refusal) says(words ...string) bool {
	for _, w := range words {
		if strings.Contains(r.message, w) {
			return true
		}
	}
	return false
}

// classify implements the tables of reference 2.2.
func classify(status int, header http.Header, body []byte) *calendar.Error {
	r := readRefusal(body)
	e := &calendar.Error{Reason: r.own}
	set := func(k calendar.ErrorKind, message string) *calendar.Error {
		e.Kind, e.Message = k, message
		return e
	}
	server := status >= 500
	switch {
	case !server && r.is("syncstatenotfound", "resyncrequired", "syncstateinvalid"):
		return set(calendar.CursorLost, "the delta token is no longer valid")
	case status == http.StatusGone:
		return set(calendar.CursorLost, "the delta token is no longer valid")
	case status == http.StatusBadRequest && r.says("skiptoken", "skip token", "deltatoken", "delta token", "sync state"):
		return set(calendar.CursorLost, "the page or delta token is not accepted")
	case unlicensed(status, r):
		return set(calendar.Unlicensed, "the account has no Exchange Online mailbox; check its Microsoft 365 licence")
	case full(status, r):
		e.Reason = crowded
		return set(calendar.RateLimited, "the mailbox's limit of calls at a time is reached")
	case status == http.StatusTooManyRequests || r.is("toomanyrequests", "applicationthrottled", "errorservertoobusy"), status == 509:
		return set(calendar.RateLimited, "the service's rate limit is reached")
	case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		return set(calendar.RateLimited, "the service is busy and says when to come back")
	case r.is("errorexceededmessagelimit"):
		e.RetryAfter = 30 * time.Minute
		return set(calendar.RateLimited, "the mailbox's limit of messages is reached")
	case server || status == http.StatusRequestTimeout || r.is("errorinternalservertransienterror", "errorserverbusy", "errortimeoutexpired", "unknownerror"):
		return set(calendar.Transient, fmt.Sprintf("the service answered %d", status))
	case status == http.StatusNotFound || r.is("erroritemnotfound", "errorinvalididmalformed", "errorinvalidid", "errorfoldernotfound"):
		return set(calendar.NotFound, "the calendar or event does not exist or is not visible to this account")
	case status == http.StatusConflict:
		e.Reason = conflict
		return set(calendar.Refused, "the service has this already")
	case status == http.StatusForbidden:
		return set(calendar.PermissionDenied, "the granted permissions do not allow this")
	}
	return set(calendar.Refused, fmt.Sprintf("the service refused the request with %d", status))
}

func unlicensed(status int, r refusal) bool {
	return status < 500 && (r.is("mailboxnotenabledforrestapi", "mailboxnotsupportedforrestapi") ||
		r.says("rest api is not yet supported for this mailbox", "the mailbox is either inactive, soft-deleted, or is hosted on-premise"))
}

// crowded is the Reason of a call that was refused because the mailbox had four
// in flight already.
const crowded = "MailboxConcurrency"

// full: the code of such a refusal differs; its text names the limit, or a 503
// says that the server is busy (trap 28).
func full(status int, r refusal) bool {
	return (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && (r.is("mailboxconcurrency") || r.says("mailboxconcurrency")) ||
		status == http.StatusServiceUnavailable && r.is("errorserverbusy")
}

func isCrowded(e *calendar.Error) bool { return e.Reason == crowded }

// wholeApplication: some limits count all mailboxes of an application.
func wholeApplication(e *calendar.Error) bool {
	return strings.EqualFold(e.Reason, "ApplicationThrottled")
}
