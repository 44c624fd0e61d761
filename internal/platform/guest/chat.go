package guest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"steno/internal/platform"
	"steno/internal/platform/pack"
)

var errNoChat = errors.New("the page shows no field for chat messages")

// openPanels opens the list of people and the chat, once each, so that they are
// in the page. That it does not work is no reason to end anything.
func (a *Adapter) openPanels(ctx context.Context, page platform.Page, s snapshot) {
	switch {
	case len(a.answers(s, pack.Staying)) > 0: // in the way
	case !a.peopleTried:
		a.peopleTried = true
		if s.PeopleOpen != "" {
			_ = page.Click(ctx, s.PeopleOpen)
			return
		}
		fallthrough
	case !a.chatTried:
		a.chatTried = true
		if s.ChatField == "" && s.ChatOpen != "" {
			_ = page.Click(ctx, s.ChatOpen)
		}
	}
}

// Say posts a chat message; a long one in several.
func (a *Adapter) Say(ctx context.Context, page platform.Page, text string) error {
	for _, part := range split(text, a.chatLimit()) {
		if err := a.post(ctx, page, part); err != nil {
			return fmt.Errorf("say: %w", err)
		}
	}
	return nil
}

func (a *Adapter) post(ctx context.Context, page platform.Page, text string) error {
	s, err := a.look(ctx, page)
	if err != nil {
		return err
	}
	if s.ChatField == "" && s.ChatOff == "" {
		if s.ChatOpen == "" {
			return platform.ErrNoChat
		}
		if err := page.Click(ctx, s.ChatOpen); err != nil {
			return err
		}
	}
	for s.ChatField == "" {
		if s.ChatOff != "" {
			return platform.ErrNoChat
		}
		if err := wait(ctx, pollEvery); err != nil {
			return fmt.Errorf("%w: %w", errNoChat, err)
		}
		if s, err = a.look(ctx, page); err != nil {
			return err
		}
	}
	if len(a.pack.Selectors.ChatSend) == 0 {
		return page.Type(ctx, s.ChatField, text+"\n")
	}
	if err := page.Type(ctx, s.ChatField, text); err != nil {
		return err
	}
	// The button comes to life with the text.
	if s, err = a.look(ctx, page); err != nil {
		return err
	}
	if s.ChatSend == "" {
		return errNoChat
	}
	return page.Click(ctx, s.ChatSend)
}

// split cuts a text into pieces of at most n characters, at spaces if it can.
// Line ends become spaces: typed, they would send the message.
func split(text string, n int) []string {
	words := strings.Fields(text)
	var out []string
	line := []rune{}
	flush := func() {
		if len(line) > 0 {
			out = append(out, string(line))
		}
		line = line[:0]
	}
	for _, w := range words {
		r := []rune(w)
		if len(line) > 0 && len(line)+1+len(r) > n {
			flush()
		}
		for len(r) > n {
			out = append(out, string(r[:n]))
			r = r[n:]
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		line = append(line, r...)
	}
	flush()
	return out
}
