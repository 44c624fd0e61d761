package admin

import (
	"context"
	"net/http"
	"strconv"

	"steno/internal/fail"
	"steno/internal/quota"
)

// Quota is what teams may have, and their tokens.
type Quota interface {
	Limits(ctx context.Context, team string) (quota.Limits, error)
	SetLimits(ctx context.Context, team string, c quota.Change) (quota.Limits, error)
	Account(ctx context.Context, team string) (quota.Account, error)
	Give(ctx context.Context, team string, amount quota.Tokens, note string) (quota.Account, error)
	Free(ctx context.Context, team, note string) (quota.Account, error)
	Ledger(ctx context.Context, team string, q quota.LedgerQuery) ([]quota.Entry, error)
}

var quotaRoutes = []route{
	{"getLimits", http.MethodGet, "/teams/{team_id}/limits", http.StatusOK, "Limits", "Show what a team may have", do(ofTeam((*Surface).getLimits))},
	{"setLimits", http.MethodPatch, "/teams/{team_id}/limits", http.StatusOK, "Limits", "Change what a team may have", do(ofTeam((*Surface).setLimits))},
	{"getTokens", http.MethodGet, "/teams/{team_id}/tokens", http.StatusOK, "Tokens", "Show a team's balance", do(ofTeam((*Surface).getTokens))},
	{"giveTokens", http.MethodPost, "/teams/{team_id}/tokens", http.StatusOK, "Tokens", "Give a team tokens; the first time, this ends its unlimited use", do(ofTeam((*Surface).giveTokens))},
	{"freeTokens", http.MethodDelete, "/teams/{team_id}/tokens", http.StatusOK, "Tokens", "Make a team's tokens unlimited again", do(ofTeam((*Surface).freeTokens))},
	{"listLedger", http.MethodGet, "/teams/{team_id}/ledger", http.StatusOK, "Tokens", "List where a team's tokens went, newest first", do(ofTeam((*Surface).listLedger))},
}

func (s *Surface) getLimits(ctx context.Context, in *TeamInput) (*one[quota.Limits], error) {
	l, err := s.Quota.Limits(ctx, in.TeamID)
	if err != nil {
		return nil, err
	}
	return answer(l), nil
}

type limitsInput struct {
	TeamInput
	Body struct {
		Plan string `json:"plan,omitempty" enum:"payg,pro,scale,enterprise" doc:"Takes all limits of a plan. The other members come on top."`
		quota.Change
	}
}

func (s *Surface) setLimits(ctx context.Context, in *limitsInput) (*one[quota.Limits], error) {
	change := in.Body.Change
	if in.Body.Plan != "" {
		change = quota.Plans[in.Body.Plan].All().With(change)
	}
	if change == (quota.Change{}) {
		return nil, fail.New(fail.Invalid, quota.CodeValidation, "say what to change, as {\"bots_per_day\": 100} or {\"plan\": \"pro\"}; -1 is no limit")
	}
	l, err := s.Quota.SetLimits(ctx, in.TeamID, change)
	if err != nil {
		return nil, err
	}
	return answer(l), nil
}

// Tokens is a team's balance.
type Tokens struct {
	Unlimited bool    `json:"unlimited" doc:"The team uses tokens without a balance."`
	Balance   float64 `json:"balance" doc:"May be below zero: a meeting lasts as long as it lasts."`
	Reserved  float64 `json:"reserved" doc:"Held for bots that have not ended."`
}

func wireTokens(a quota.Account) Tokens {
	return Tokens{!a.Limited, number(a.Balance), number(a.Reserved)}
}

// number is an amount as people and JSON write it.
func number(t quota.Tokens) float64 { return float64(t) / float64(quota.Token) }

func (s *Surface) getTokens(ctx context.Context, in *TeamInput) (*one[Tokens], error) {
	return answerTokens(s.Quota.Account(ctx, in.TeamID))
}

func answerTokens(a quota.Account, err error) (*one[Tokens], error) {
	if err != nil {
		return nil, err
	}
	return answer(wireTokens(a)), nil
}

type giveInput struct {
	TeamInput
	Body struct {
		Amount float64 `json:"amount" minimum:"-1000000000" maximum:"1000000000" doc:"Tokens, to the thousandth; below zero they are taken away."`
		Note   string  `json:"note,omitempty" maxLength:"255" doc:"Why, for the ledger."`
	}
}

func (s *Surface) giveTokens(ctx context.Context, in *giveInput) (*one[Tokens], error) {
	amount, err := quota.ParseTokens(strconv.FormatFloat(in.Body.Amount, 'f', -1, 64))
	if err != nil {
		return nil, err
	}
	return answerTokens(s.Quota.Give(ctx, in.TeamID, amount, in.Body.Note))
}

type freeInput struct {
	TeamInput
	Note string `query:"note" maxLength:"255" doc:"Why, for the ledger."`
}

func (s *Surface) freeTokens(ctx context.Context, in *freeInput) (*one[Tokens], error) {
	return answerTokens(s.Quota.Free(ctx, in.TeamID, in.Note))
}

// Entry is a row of the ledger.
type Entry struct {
	N        int64   `json:"n" doc:"1, 2, 3 within the team."`
	At       string  `json:"at" format:"date-time"`
	Kind     string  `json:"kind" enum:"given,freed,reserved,released,charged"`
	BotID    *string `json:"bot_id"`
	Amount   float64 `json:"amount" doc:"What it adds to the balance."`
	Held     float64 `json:"held" doc:"What it adds to the reservations."`
	Balance  float64 `json:"balance" doc:"After it."`
	Reserved float64 `json:"reserved" doc:"After it."`
	Note     string  `json:"note"`
}

func wireEntry(e quota.Entry) Entry {
	w := Entry{
		N: e.N, At: stamp(e.At), Kind: string(e.Kind), Amount: number(e.Amount), Held: number(e.Held),
		Balance: number(e.Balance), Reserved: number(e.Reserved), Note: e.Note,
	}
	if e.BotID != "" {
		w.BotID = &e.BotID
	}
	return w
}

type ledgerInput struct {
	TeamInput
	BotID  string `query:"bot_id" doc:"Only rows about this bot."`
	Limit  int    `query:"limit" minimum:"1" maximum:"250" default:"50"`
	Cursor int64  `query:"cursor" minimum:"1" doc:"The cursor of the page before."`
}

func (s *Surface) listLedger(ctx context.Context, in *ledgerInput) (*many[Entry], error) {
	rows, err := s.Quota.Ledger(ctx, in.TeamID, quota.LedgerQuery{BotID: in.BotID, Before: in.Cursor, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	more := len(rows) > in.Limit
	out := answerList(rows[:min(len(rows), in.Limit)], wireEntry)
	if more {
		cursor := strconv.FormatInt(rows[in.Limit-1].N, 10)
		out.Body.Cursor = &cursor
	}
	return out, nil
}
