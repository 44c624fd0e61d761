package guest

import (
	"context"
	"fmt"

	"steno/internal/platform"
)

var _ platform.Speaker = (*Adapter)(nil)

// Unmute switches the microphone on.
func (a *Adapter) Unmute(ctx context.Context, page platform.Page) error {
	return a.toggle(ctx, page, true)
}

// Mute switches the microphone off.
func (a *Adapter) Mute(ctx context.Context, page platform.Page) error {
	return a.toggle(ctx, page, false)
}

// toggle clicks the switch and looks until it is where it should be.
func (a *Adapter) toggle(ctx context.Context, page platform.Page, on bool) error {
	clicked := false
	for {
		s, err := a.look(ctx, page)
		if err != nil {
			return err
		}
		is, click := s.Mic, s.MicOff
		if !on {
			is, click = click, is
		}
		switch {
		case is != "":
			return nil
		case click == "":
			return fmt.Errorf("switch the microphone: the page shows no switch")
		case !clicked:
			clicked = true
			if err := page.Click(ctx, click); err != nil {
				return fmt.Errorf("switch the microphone: %w", err)
			}
		}
		if err := wait(ctx, pollEvery); err != nil {
			return fmt.Errorf("switch the microphone: %w", err)
		}
	}
}
