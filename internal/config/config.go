// Package config is the table of options: what each is called, what it means,
// its default, whether it is a secret. Each is a flag (--data), an environment
// variable (STENO_DATA) and a key of the configuration file (data:). The help
// is printed from the same table.
//
// It only reads; it opens nothing.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"steno/internal/account"
	"steno/internal/bot"
	"steno/internal/meeting"
)

// Storage says where state lives. All commands that touch state share it.
type Storage struct {
	Data        string `placeholder:"DIR" default:"${data}" help:"Folder for everything that Steno keeps."`
	DatabaseURL string `placeholder:"URL" name:"database-url" help:"PostgreSQL, as postgres://user:password@host/name. Default: SQLite in the data folder."`
	StorageURL  string `placeholder:"URL" name:"storage-url" help:"Where artifacts go: s3://bucket?region=…&endpoint=…, or file:///folder. Default: files in the data folder."`
	SecretKey   string `placeholder:"KEY" name:"secret-key" help:"32 random bytes in base64 that encrypt what is secret in the database. Default: the file secret.key in the data folder, made at the first start."`
	// Driver is for tests, see store.Options.
	Driver string `kong:"-" json:"-"`
}

// Tools are the programs that bots need.
type Tools struct {
	Browser string `placeholder:"FILE" help:"Chromium to use. Default: the headless shell, then Chromium, where Debian puts them."`
	FFmpeg  string `placeholder:"FILE" name:"ffmpeg" help:"ffmpeg to use. Default: the one on PATH."`
	Packs   string `placeholder:"DIR" help:"Folder of platform packs (meet.yaml, teams.yaml, …) that take the place of those built in; read anew for new bots. Default: none."`
}

// Hosts are the meeting services beside the well-known ones.
type Hosts struct {
	GaleneHost     []string `placeholder:"HOST" name:"galene-host" help:"Galène server whose meetings bots may join, as host or host:port; may be repeated."`
	GaleneInsecure bool     `name:"galene-insecure" help:"Accept any TLS certificate of the Galène servers."`
	LabHost        []string `placeholder:"HOST" name:"lab-host" help:"Server of test meetings (steno lab), as host:port; may be repeated."`
}

// Log says how the program speaks to its operator.
type Log struct {
	LogLevel  slog.Level `name:"log-level" default:"info" help:"debug, info, warn or error."`
	LogFormat string     `name:"log-format" enum:"text,json" default:"text" help:"text or json."`
}

// Serve is the configuration of `steno serve`.
type Serve struct {
	Storage       `embed:""`
	Tools         `embed:""`
	Hosts         `embed:""`
	Log           `embed:""`
	Targets       `embed:""`
	Calendars     `embed:""`
	Zoom          `embed:""`
	Tokens        `embed:""`
	Transcription `embed:""`

	Listen      string        `placeholder:"ADDR" default:"127.0.0.1:8080" help:"Address of the API, as host:port."`
	PublicURL   string        `placeholder:"URL" name:"public-url" help:"How clients reach the API, for links to artifacts. Default: http:// and the listening address."`
	AdminKey    []string      `placeholder:"KEY" name:"admin-key" help:"Key that opens the admin API under /admin/v1, or its hash as sha256:…; may be repeated. steno key admin makes one. Default: none, and no admin API."`
	Roles       []string      `enum:"api,worker,bots" default:"api,worker,bots" help:"What this process does: api, worker, bots."`
	JoinLead    time.Duration `name:"join-lead" default:"30s" help:"How long before its time a scheduled bot is started, so that its browser is ready when it is to join; at most 3m."`
	Screenshots time.Duration `name:"screenshot-every" default:"5s" help:"How often a bot takes a screenshot of its meeting, with video only. 0: never."`
	// WebhookLogDays: the log of webhooks is what can be replayed, too.
	WebhookLogDays int    `name:"webhook-log-days" default:"30" help:"How many days the log of webhooks is kept. 0: for ever."`
	Profiles       string `placeholder:"DIR" help:"Folder of signed-in browser profiles, PLATFORM/NAME each; a bot uses one of its platform that is free, else it is a guest. steno profile makes them. Default: none."`
	MaxBots        int    `name:"max-bots" default:"0" help:"Bots at a time on this machine. 0: as many as its cores and memory carry."`
}

// Providers says where the calendar services are. Other addresses than the
// real ones are for simulators, gateways and national clouds.
type Providers struct {
	GoogleAPIURL      string `placeholder:"URL" name:"google-api-url" help:"Google Calendar API. Default: the real one."`
	GoogleTokenURL    string `placeholder:"URL" name:"google-token-url" help:"Google's token endpoint. Default: the real one."`
	MicrosoftGraphURL string `placeholder:"URL" name:"microsoft-graph-url" help:"Microsoft Graph. Default: the real one."`
	MicrosoftLoginURL string `placeholder:"URL" name:"microsoft-login-url" help:"Microsoft's login server. Default: the real one."`
}

// Zoom says where Zoom is. Other addresses than the real ones are for
// simulators and gateways.
type Zoom struct {
	ZoomOAuthURL string `placeholder:"URL" name:"zoom-oauth-url" help:"Zoom's authorization server. Default: the real one."`
	ZoomAPIURL   string `placeholder:"URL" name:"zoom-api-url" help:"Zoom's API. Default: the real one."`
}

// Transcription says who transcribes. A service is there for all bots when it has
// a key, or an address of its own that needs none.
type Transcription struct {
	TranscriptionService string        `placeholder:"NAME" name:"transcription-service" enum:",gladia,assemblyai,deepgram,openai,captions" default:"" help:"Who transcribes for bots that name no service: gladia, assemblyai, deepgram, openai (any server that speaks its API), captions (what the meeting platform itself shows). Default: the first of them that is set up; captions if none is."`
	TranscriptionParams  string        `placeholder:"JSON" name:"transcription-params" help:"Options for that service, as a JSON object, for bots that bring none. Default: none."`
	TranscriptionTimeout time.Duration `name:"transcription-timeout" default:"3h" help:"How long a service may take for a part of a recording, at most an hour of it."`
	TranscriptionPoll    time.Duration `name:"transcription-poll" default:"30s" help:"How often a service is asked about a job without a callback, where it was given an address for one (--push-url)."`
	GladiaKey            string        `placeholder:"KEY" name:"gladia-key" help:"API key of Gladia."`
	GladiaURL            string        `placeholder:"URL" name:"gladia-url" help:"Where Gladia is. Default: the real one."`
	AssemblyAIKey        string        `placeholder:"KEY" name:"assemblyai-key" help:"API key of AssemblyAI."`
	AssemblyAIURL        string        `placeholder:"URL" name:"assemblyai-url" help:"Where AssemblyAI is. Default: the real one."`
	DeepgramKey          string        `placeholder:"KEY" name:"deepgram-key" help:"API key of Deepgram."`
	DeepgramURL          string        `placeholder:"URL" name:"deepgram-url" help:"Where Deepgram is. Default: the real one."`
	OpenAIKey            string        `placeholder:"KEY" name:"openai-key" help:"API key of OpenAI, or of a server that speaks its API."`
	OpenAIURL            string        `placeholder:"URL" name:"openai-url" help:"A server that speaks OpenAI's API, such as Whisper on a machine of your own, without the /v1; it needs no key then. Default: OpenAI."`
}

// TranscriptionAccess is how a transcription service is reached.
type TranscriptionAccess struct{ Key, URL string }

// Ready reports whether bots may use it without a key of their own: other
// addresses than the real ones may want none.
func (a TranscriptionAccess) Ready() bool { return a.Key != "" || a.URL != "" }

// Access returns how each service is reached.
func (t *Transcription) Access() map[string]TranscriptionAccess {
	return map[string]TranscriptionAccess{
		"gladia": {t.GladiaKey, t.GladiaURL}, "assemblyai": {t.AssemblyAIKey, t.AssemblyAIURL},
		"deepgram": {t.DeepgramKey, t.DeepgramURL}, "openai": {t.OpenAIKey, t.OpenAIURL},
	}
}

func (t *Transcription) check() error {
	for name, a := range t.Access() {
		if err := checkURL("--"+name+"-url", a.URL); err != nil {
			return err
		}
	}
	var params map[string]json.RawMessage
	switch a, is := t.Access()[t.TranscriptionService]; {
	case is && !a.Ready():
		return fmt.Errorf("--transcription-service: %[1]s needs --%[1]s-key", t.TranscriptionService)
	case t.TranscriptionParams != "" && json.Unmarshal([]byte(t.TranscriptionParams), &params) != nil:
		return errors.New("--transcription-params is no JSON object")
	case t.TranscriptionTimeout < time.Second:
		return fmt.Errorf("--transcription-timeout: %s is less than a second", t.TranscriptionTimeout)
	case t.TranscriptionPoll < time.Second:
		return fmt.Errorf("--transcription-poll: %s is less than a second", t.TranscriptionPoll)
	}
	return nil
}

// Tokens says whose tokens are accepted beside API keys.
type Tokens struct {
	JWTIssuer    string   `placeholder:"URL" name:"jwt-issuer" help:"Issuer whose tokens (JWT) the calendar API accepts beside API keys, as in their claim iss. Default: none."`
	JWTAudience  []string `placeholder:"TEXT" name:"jwt-audience" help:"What tokens must name in their claim aud; may be repeated."`
	JWTKeys      string   `placeholder:"URL|FILE" name:"jwt-keys" help:"The issuer's public keys (JWKS). Default: where the issuer's OpenID configuration says."`
	JWTTeamClaim string   `placeholder:"CLAIM" name:"jwt-team-claim" default:"team" help:"Claim that holds the name or id of the team."`
	JWTScope     string   `placeholder:"SCOPE" name:"jwt-scope" help:"Scope that tokens must have. Default: none."`
}

func (t *Tokens) check() error {
	switch {
	case t.JWTIssuer == "" && (len(t.JWTAudience) > 0 || t.JWTKeys != "" || t.JWTScope != ""):
		return errors.New("--jwt-issuer is missing; without it no tokens are accepted")
	case t.JWTIssuer == "":
		return nil
	case len(t.JWTAudience) == 0 || slices.Contains(t.JWTAudience, ""):
		return errors.New("--jwt-audience is missing; without it a token for any other service would open this one")
	case t.JWTTeamClaim == "":
		return errors.New("--jwt-team-claim is empty; name the claim that holds the team")
	case t.JWTKeys == "":
		return checkURL("--jwt-issuer", t.JWTIssuer)
	}
	return nil
}

// Calendars says how calendars are kept current.
type Calendars struct {
	Providers `embed:""`

	PushURL          string        `placeholder:"URL" name:"push-url" help:"How Google, Microsoft and transcription services reach this server, as https://…; without it they are polled. Default: --public-url, if that is given."`
	CalendarDays     int           `name:"calendar-days" default:"30" help:"How many days ahead events are kept, 1 to 400."`
	CalendarPastDays int           `name:"calendar-past-days" default:"0" help:"How many days back events are kept current, 0 to 400."`
	CalendarPoll     time.Duration `name:"calendar-poll" default:"15m" help:"How often a calendar is looked at without a push."`
	MaxCalendars     int           `name:"max-calendars" default:"1000" help:"Calendars that any team may connect, whatever its own limit. 0: no such bound."`
}

func (c *Calendars) check() error {
	switch {
	case c.CalendarDays < 1 || c.CalendarDays > 400:
		return fmt.Errorf("--calendar-days: %d is not 1 to 400", c.CalendarDays)
	case c.CalendarPastDays < 0 || c.CalendarPastDays > 400:
		return fmt.Errorf("--calendar-past-days: %d is not 0 to 400", c.CalendarPastDays)
	case c.CalendarPoll < time.Second:
		return fmt.Errorf("--calendar-poll: %s is less than a second", c.CalendarPoll)
	case c.MaxCalendars < 0:
		return fmt.Errorf("--max-calendars: %d is less than none", c.MaxCalendars)
	}
	return checkURL("--push-url", c.PushURL)
}

func checkURL(option, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%s: %q is not an http:// or https:// URL", option, text)
	}
	return nil
}

// PushBase is the address that services are given for their messages; empty:
// they cannot reach this server. It must be asked before PublicURL is filled in.
func (s *Serve) PushBase() string {
	base := s.PushURL
	if base == "" {
		base = s.PublicURL
	}
	return strings.TrimRight(base, "/")
}

// Targets says which addresses may be called.
type Targets struct {
	AllowPrivateTargets []string `placeholder:"CIDR" name:"allow-private-targets" help:"Private networks that webhooks, callbacks and the browsers of bots may reach, as 10.0.0.0/8; may be repeated. Default: none."`
}

// Meetings returns the hosts in the form that package meeting takes.
func (h Hosts) Meetings() meeting.Hosts {
	return meeting.Hosts{Galene: lower(h.GaleneHost), Lab: lower(h.LabHost)}
}

// Reach is what the browsers of bots may reach beside public addresses.
func (h Hosts) Reach(private []netip.Prefix) bot.Reach {
	return bot.Reach{Hosts: lower(slices.Concat(h.GaleneHost, h.LabHost)), Networks: private}
}

// Has reports whether the process has a role.
func (s *Serve) Has(role string) bool {
	return slices.Contains(s.Roles, role)
}

// Validate checks what can be checked without touching anything. Kong calls it
// after parsing; the error names the option.
func (s *Serve) Validate() error {
	if err := checkURL("--public-url", s.PublicURL); err != nil {
		return err
	}
	if err := errors.Join(s.Calendars.check(), s.Tokens.check(), s.Transcription.check()); err != nil {
		return err
	}
	if err := errors.Join(checkURL("--zoom-oauth-url", s.ZoomOAuthURL), checkURL("--zoom-api-url", s.ZoomAPIURL)); err != nil {
		return err
	}
	if s.JoinLead < 0 || s.JoinLead > 3*time.Minute {
		return fmt.Errorf("--join-lead: %s is not 0s to 3m", s.JoinLead)
	}
	if s.Screenshots < 0 || s.Screenshots > 0 && s.Screenshots < time.Second {
		return fmt.Errorf("--screenshot-every: %s is neither 0 nor a second or more", s.Screenshots)
	}
	if s.WebhookLogDays < 0 {
		return fmt.Errorf("--webhook-log-days: %d is less than none", s.WebhookLogDays)
	}
	if s.MaxBots < 0 {
		return fmt.Errorf("--max-bots: %d is less than none", s.MaxBots)
	}
	if _, err := account.NewOperators(s.AdminKey); err != nil {
		return fmt.Errorf("--admin-key: %w", err)
	}
	_, err := s.PrivateTargets()
	return err
}

// PrivateTargets returns the allowed private networks. A plain address counts
// as a network of one.
func (s *Targets) PrivateTargets() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range s.AllowPrivateTargets {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if addr, aerr := netip.ParseAddr(text); aerr == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("--allow-private-targets: %q is no network such as 10.0.0.0/8", text)
		}
		list = append(list, p)
	}
	return list, nil
}

func lower(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}
