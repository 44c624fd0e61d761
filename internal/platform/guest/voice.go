package guest

import (
	"context"
	"fmt"

	"steno/internal/platform"
)

var (
	_ platform.Speaker = (*Adapter)(nil)
	_ platform.Camera  = (*Adapter)(nil)
)

// Unmute switches the microphone on.
func (a *Adapter) Unmute(ctx context.Context, page platform.Page) error {
	return a.toggle(ctx, page, "microphone", func(s snapshot) (is, click string) { return s.Mic, s.MicOff })
}

// Mute switches the microphone off.
func (a *Adapter) Mute(ctx context.Context, page platform.Page) error {
	return a.toggle(ctx, page, "microphone", func(s snapshot) (is, click string) { return s.MicOff, s.Mic })
}

// ShowCamera switches the camera on.
func (a *Adapter) ShowCamera(ctx context.Context, page platform.Page) error {
	return a.toggle(ctx, page, "camera", func(s snapshot) (is, click string) { return s.Cam, s.CamOff })
}

// toggle clicks a switch and looks until it is where it should be. look tells
// what shows that it is, and what is to be clicked as long as it is not.
func (a *Adapter) toggle(ctx context.Context, page platform.Page, device string, look func(snapshot) (is, click string)) error {
	clicked := false
	for {
		s, err := a.look(ctx, page)
		if err != nil {
			return err
		}
		is, click := look(s)
		switch {
		case is != "":
			return nil
		case click == "":
			return fmt.Errorf("switch the %s: the page shows no switch", device)
		case !clicked:
			clicked = true
			if err := page.Click(ctx, click); err != nil {
				return fmt.Errorf("switch the %s: %w", device, err)
			}
		}
		if err := wait(ctx, pollEvery); err != nil {
			return fmt.Errorf("switch the %s: %w", device, err)
		}
	}
}
