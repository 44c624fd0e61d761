package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/ident"
)

// Codes of this package's errors besides those of a refused key.
const (
	CodeTeamExists = "TEAM_ALREADY_EXISTS"
	CodeNoTeam     = "TEAM_NOT_FOUND"
	CodeNoKey      = "API_KEY_NOT_FOUND"
	CodeBadInput   = "FST_ERR_VALIDATION"
)

// Store keeps teams and keys. Lookups return fail.NotFound errors.
type Store interface {
	AddTeam(ctx context.Context, t Team) error
	Teams(ctx context.Context) ([]Team, error)
	RenameTeam(ctx context.Context, id, name string) error
	AddKey(ctx context.Context, k Key) error
	Keys(ctx context.Context, team string) ([]Key, error)
	KeyByHash(ctx context.Context, hash string) (Key, error)
	RevokeKey(ctx context.Context, id string, at time.Time) error
	TouchKey(ctx context.Context, id string, at time.Time) error
}

const (
	// remember is how long a looked-up key is trusted without asking again: the
	// time for which a key that another process revoked may still work.
	remember = 2 * time.Second
	// touchEvery is how often the time of last use is written.
	touchEvery = time.Minute
)

// Service manages teams and keys and recognises callers. It is safe for
// concurrent use.
type Service struct {
	store Store
	clock clock.Clock
	log   *slog.Logger

	mu    sync.Mutex
	known map[string]*entry // by hash
}

type entry struct {
	caller  Caller
	expires *time.Time // nil: never
	checked time.Time
	touched time.Time
}

// New returns a service.
func New(store Store, c clock.Clock, log *slog.Logger) *Service {
	return &Service{store: store, clock: c, log: log, known: map[string]*entry{}}
}

// CreateTeam adds a team; its name must be new.
func (s *Service) CreateTeam(ctx context.Context, name string) (Team, error) {
	name, err := goodName("team", name)
	if err != nil {
		return Team{}, err
	}
	t := Team{ID: ident.New(), Name: name, CreatedAt: s.clock.Now()}
	return t, s.store.AddTeam(ctx, t)
}

// goodName returns a name as it is stored.
func goodName(of, name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 255 || strings.ContainsRune(name, 0) {
		return "", fail.New(fail.Invalid, CodeBadInput, "a %s's name has 1 to 255 bytes, and no U+0000", of)
	}
	return name, nil
}

// RenameTeam gives a team another name; it must be new.
func (s *Service) RenameTeam(ctx context.Context, id, name string) (Team, error) {
	name, err := goodName("team", name)
	if err != nil {
		return Team{}, err
	}
	if err := s.store.RenameTeam(ctx, id, name); err != nil {
		return Team{}, err
	}
	return s.Team(ctx, id)
}

// Team returns the team with that id.
func (s *Service) Team(ctx context.Context, id string) (Team, error) {
	teams, err := s.store.Teams(ctx)
	if err != nil {
		return Team{}, err
	}
	for _, t := range teams {
		if t.ID == id {
			return t, nil
		}
	}
	return Team{}, fail.New(fail.NotFound, CodeNoTeam, "there is no team with id %q", id)
}

// Teams returns all teams, oldest first.
func (s *Service) Teams(ctx context.Context) ([]Team, error) { return s.store.Teams(ctx) }

// FindTeam returns the team with that name or id. An empty name means the only
// team there is.
func (s *Service) FindTeam(ctx context.Context, name string) (Team, error) {
	teams, err := s.store.Teams(ctx)
	if err != nil {
		return Team{}, err
	}
	if name == "" {
		if len(teams) == 1 {
			return teams[0], nil
		}
		return Team{}, fail.New(fail.NotFound, CodeNoTeam, "there are %d teams; say which one with --team", len(teams))
	}
	for _, t := range teams {
		if t.Name == name || t.ID == name {
			return t, nil
		}
	}
	return Team{}, fail.New(fail.NotFound, CodeNoTeam, "there is no team %q", name)
}

// CreateKey makes a key of a team and returns it in clear: the only time that
// anybody sees it.
func (s *Service) CreateKey(ctx context.Context, n NewKey) (plain string, k Key, err error) {
	if !n.Permission.Valid() {
		return "", Key{}, fail.New(fail.Invalid, CodeBadInput, "a key's permission is %q or %q", Full, Sending)
	}
	now := s.clock.Now()
	if n.ExpiresAt != nil && !n.ExpiresAt.After(now) {
		return "", Key{}, fail.New(fail.Invalid, CodeBadInput, "a key cannot expire in the past, at %s", n.ExpiresAt.UTC().Format(time.RFC3339))
	}
	name, err := goodName("key", n.Name)
	if err != nil {
		return "", Key{}, err
	}
	plain = newKey()
	k = Key{
		ID: ident.New(), TeamID: n.TeamID, Name: name, Permission: n.Permission, ExpiresAt: n.ExpiresAt,
		Hash: hash(plain), Hint: plain[:8], CreatedAt: now,
	}
	return plain, k, s.store.AddKey(ctx, k)
}

// Keys returns a team's keys, oldest first.
func (s *Service) Keys(ctx context.Context, team string) ([]Key, error) {
	return s.store.Keys(ctx, team)
}

// RevokeKeyOf is RevokeKey for a key that must belong to the team.
func (s *Service) RevokeKeyOf(ctx context.Context, team, id string) (Key, error) {
	k, err := s.Key(ctx, team, id)
	if err != nil {
		return Key{}, err
	}
	if err := s.RevokeKey(ctx, k.ID); err != nil {
		return Key{}, err
	}
	return s.Key(ctx, team, id)
}

// Key returns one key of a team.
func (s *Service) Key(ctx context.Context, team, id string) (Key, error) {
	keys, err := s.store.Keys(ctx, team)
	if err != nil {
		return Key{}, err
	}
	for _, k := range keys {
		if k.ID == id {
			return k, nil
		}
	}
	return Key{}, fail.New(fail.NotFound, CodeNoKey, "there is no API key with id %q", id)
}

// RevokeKey makes a key useless: at once in this process, within seconds in
// others.
func (s *Service) RevokeKey(ctx context.Context, id string) error {
	if err := s.store.RevokeKey(ctx, id, s.clock.Now()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, e := range s.known {
		if e.caller.KeyID == id {
			delete(s.known, h)
		}
	}
	return nil
}

// Authenticate recognises the caller by the key of a request. It returns
// fail.Unauthorized for a key that is missing, unknown, revoked or expired, and
// the store's own error when it cannot know.
func (s *Service) Authenticate(ctx context.Context, key string) (Caller, error) {
	if key == "" {
		return Caller{}, fail.New(fail.Unauthorized, CodeUnauthorized, "the API key is missing; send it in the header x-meeting-baas-api-key")
	}
	if !wellFormed(key) {
		return Caller{}, unknownKey()
	}
	h := hash(key)
	now := s.clock.Now()
	if c, ok := s.recall(h, now); ok {
		return c, nil
	}
	k, err := s.store.KeyByHash(ctx, h)
	if fail.Is(err, fail.NotFound) || (err == nil && !k.good(now)) {
		s.forget(h)
		return Caller{}, unknownKey()
	}
	if err != nil {
		return Caller{}, err
	}
	c := Caller{TeamID: k.TeamID, KeyID: k.ID, Permission: k.Permission}
	if s.learn(h, c, k.ExpiresAt, now) {
		// That a key was used is worth less than the request that used it.
		if err := s.store.TouchKey(ctx, k.ID, now); err != nil && !errors.Is(err, context.Canceled) {
			s.log.Warn("time of last use not stored", "key_id", k.ID, "error", err)
		}
	}
	return c, nil
}

func unknownKey() error {
	return fail.New(fail.Unauthorized, CodeUnauthorized, "this API key is unknown, revoked or expired")
}

func (s *Service) recall(h string, now time.Time) (Caller, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.known[h]
	if !ok || now.Sub(e.checked) > remember || e.expires != nil && !now.Before(*e.expires) {
		return Caller{}, false
	}
	return e.caller, true
}

func (s *Service) forget(h string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, h)
}

// learn remembers a caller and reports whether its last use should be written.
func (s *Service) learn(h string, c Caller, expires *time.Time, now time.Time) (touch bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.known[h]
	if !ok {
		e = &entry{}
		s.known[h] = e
	}
	e.caller, e.expires, e.checked = c, expires, now
	if now.Sub(e.touched) < touchEvery {
		return false
	}
	e.touched = now
	return true
}

// A key is "stn_" and 256 random bits in 43 digits of base 62. The prefix lets
// people and secret scanners recognise one.
const (
	keyPrefix = "stn_"
	keyDigits = 43
	alphabet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

func newKey() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails, see crypto/rand
	n := new(big.Int).SetBytes(raw)
	digits := make([]byte, keyDigits)
	base, rest := big.NewInt(int64(len(alphabet))), new(big.Int)
	for i := keyDigits - 1; i >= 0; i-- {
		n.DivMod(n, base, rest)
		digits[i] = alphabet[rest.Int64()]
	}
	return keyPrefix + string(digits)
}

func wellFormed(key string) bool {
	digits, ok := strings.CutPrefix(key, keyPrefix)
	return ok && len(digits) == keyDigits && strings.Trim(digits, alphabet) == ""
}

// hash is what is stored of a key. A key has 256 random bits, so it needs no
// salt and no slow hash; and a look-up by hash tells an attacker's stopwatch
// nothing about the key.
func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
