// Package quota is the room of what a team may have: how many requests, bots
// and calendars, for how long recordings are kept, and the tokens that bots
// cost. Every token that moves is a row of the ledger that explains itself.
//
// It knows no SQL and no HTTP, and nothing of bots but their ids.
package quota

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"steno/internal/fail"
)

// NoLimit is the value of a limit that is none. For RetentionDays it means that
// recordings are kept until somebody deletes them.
const NoLimit = -1

// Limits are what a team may have (digest 5.4).
type Limits struct {
	RequestsPerSecond int  `json:"requests_per_second"` // POST, PATCH and DELETE
	BotsPerDay        int  `json:"bots_per_day"`        // in any 24 hours
	Calendars         int  `json:"calendars"`           // connected at a time
	RetentionDays     int  `json:"retention_days"`      // of artifacts and transcripts
	BYOK              bool `json:"byok"`                // own key of the transcription service
}

// Plans are the columns of the contract's table of plans.
var Plans = map[string]Limits{
	"payg":       {RequestsPerSecond: 5, BotsPerDay: 75, Calendars: 2, RetentionDays: 3},
	"pro":        {RequestsPerSecond: 10, BotsPerDay: 300, Calendars: 10, RetentionDays: 7, BYOK: true},
	"scale":      {RequestsPerSecond: 20, BotsPerDay: 1000, Calendars: 100, RetentionDays: 14, BYOK: true},
	"enterprise": {RequestsPerSecond: 20, BotsPerDay: 3000, Calendars: 1000, RetentionDays: 30, BYOK: true},
}

// Default is what a team has until an admin changes it.
func Default() Limits { return Plans["enterprise"] }

// Change names the limits that an admin sets; nil leaves one as it is.
type Change struct {
	RequestsPerSecond *int  `json:"requests_per_second,omitempty"`
	BotsPerDay        *int  `json:"bots_per_day,omitempty"`
	Calendars         *int  `json:"calendars,omitempty"`
	RetentionDays     *int  `json:"retention_days,omitempty"`
	BYOK              *bool `json:"byok,omitempty"`
}

// All makes a Change of all limits, as of a plan.
func (l Limits) All() Change {
	return Change{&l.RequestsPerSecond, &l.BotsPerDay, &l.Calendars, &l.RetentionDays, &l.BYOK}
}

// check refuses numbers that mean nothing.
func (c Change) check() error {
	for name, v := range map[string]*int{
		"requests_per_second": c.RequestsPerSecond, "bots_per_day": c.BotsPerDay, "calendars": c.Calendars, "retention_days": c.RetentionDays,
	} {
		if v != nil && (*v < NoLimit || *v > 1_000_000_000) {
			return fail.New(fail.Invalid, CodeValidation, "/%s: must be 0 or more, or %d for no limit", name, NoLimit)
		}
	}
	if c.RetentionDays != nil && *c.RetentionDays == 0 {
		return fail.New(fail.Invalid, CodeValidation, "/retention_days: must be 1 or more, or %d to keep recordings for ever", NoLimit)
	}
	return nil
}

// On returns the limits with the change made.
func (c Change) On(l Limits) Limits {
	set(&l.RequestsPerSecond, c.RequestsPerSecond)
	set(&l.BotsPerDay, c.BotsPerDay)
	set(&l.Calendars, c.Calendars)
	set(&l.RetentionDays, c.RetentionDays)
	set(&l.BYOK, c.BYOK)
	return l
}

// With returns the change with a later one made on top.
func (c Change) With(d Change) Change {
	over(&c.RequestsPerSecond, d.RequestsPerSecond)
	over(&c.BotsPerDay, d.BotsPerDay)
	over(&c.Calendars, d.Calendars)
	over(&c.RetentionDays, d.RetentionDays)
	over(&c.BYOK, d.BYOK)
	return c
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func over[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// Tokens is an amount in thousandths of a token.
type Tokens int64

// Token is one.
const Token Tokens = 1000

// String writes the amount as a decimal number: 0.5, 12, -0.025.
func (t Tokens) String() string {
	sign := ""
	if t < 0 {
		sign, t = "-", -t
	}
	text := fmt.Sprintf("%s%d.%03d", sign, t/Token, t%Token)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// MarshalJSON writes a JSON number.
func (t Tokens) MarshalJSON() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalJSON reads a JSON number of at most three decimals.
func (t *Tokens) UnmarshalJSON(data []byte) (err error) {
	var n json.Number
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	*t, err = ParseTokens(n.String())
	return err
}

// ParseTokens reads what String writes.
func ParseTokens(text string) (Tokens, error) {
	bad := fail.New(fail.Invalid, CodeValidation, "%q is no number of tokens such as 100 or 0.5", text)
	digits, negative := strings.CutPrefix(text, "-")
	whole, part, _ := strings.Cut(digits, ".")
	if len(part) > 3 || len(whole) > 12 || whole == "" {
		return 0, bad
	}
	n, err := strconv.ParseUint(whole+(part + "000")[:3], 10, 63)
	if err != nil {
		return 0, bad
	}
	if negative {
		return -Tokens(n), nil
	}
	return Tokens(n), nil
}

// Account is what a team has: its limits and its tokens.
type Account struct {
	TeamID string
	Custom Change // what an admin has set
	// Limited: the team pays with its balance. Until an admin gives it one, it
	// may use as many tokens as it likes.
	Limited  bool
	Balance  Tokens // may fall below zero: a meeting lasts as long as it lasts
	Reserved Tokens // for bots that have not ended
	Starts   int64  // bots counted so far
	Entries  int64  // rows of the ledger
}

// Limits returns what the team may have.
func (a Account) Limits() Limits { return a.Custom.On(Default()) }

// Available is what is left for new bots; it means nothing if not Limited.
func (a Account) Available() Tokens { return a.Balance - a.Reserved }

// Kind is what a row of the ledger does.
type Kind string

// The kinds of rows.
const (
	Given    Kind = "given"    // an admin changed the balance
	Freed    Kind = "freed"    // an admin made the tokens unlimited
	Reserved Kind = "reserved" // held for a bot that starts; counts for the daily cap
	Released Kind = "released" // no longer held
	Charged  Kind = "charged"  // used by a bot
)

// Entry is a row of the ledger.
type Entry struct {
	TeamID string
	N      int64 // 1, 2, 3 within the team
	At     time.Time
	Kind   Kind
	BotID  string // empty: about no bot
	Amount Tokens // what it adds to the balance
	Held   Tokens // what it adds to the reservations
	Charge Charge // with Charged
	// Balance, Reserved and Limited are those of the account after it.
	Balance  Tokens
	Reserved Tokens
	Limited  bool
	Note     string // why, for people
	Start    int64  // with Reserved: which start of the team it is
}

// Charge is what a bot used.
type Charge struct {
	Recording         Tokens `json:"recording"`
	Transcription     Tokens `json:"transcription"`
	BYOKTranscription Tokens `json:"byok_transcription"`
	StreamingInput    Tokens `json:"streaming_input"`
	StreamingOutput   Tokens `json:"streaming_output"`
}

// Total adds everything up.
func (c Charge) Total() Tokens {
	return c.Recording + c.Transcription + c.BYOKTranscription + c.StreamingInput + c.StreamingOutput
}

// Plus adds two charges.
func (c Charge) Plus(d Charge) Charge {
	c.Recording += d.Recording
	c.Transcription += d.Transcription
	c.BYOKTranscription += d.BYOKTranscription
	c.StreamingInput += d.StreamingInput
	c.StreamingOutput += d.StreamingOutput
	return c
}

// Codes of this room's errors (digest 1.5).
const (
	CodeValidation = "FST_ERR_VALIDATION"
	CodeRate       = "FST_ERR_TOO_MANY_REQUESTS"
	CodeDailyCap   = "FST_ERR_DAILY_BOT_CAP_REACHED"
	CodeTokens     = "FST_ERR_INSUFFICIENT_TOKENS"
	CodeBYOK       = "FST_ERR_BYOK_TRANSCRIPTION_NOT_ENABLED_ON_PLAN"
)
