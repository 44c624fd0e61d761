package browser

import (
	"context"
	"encoding/json"
	"fmt"

	"steno/internal/platform"
)

// findVisible scrolls the first visible match into view and returns its
// middle, or null.
const findVisible = `(selector => {
  for (const e of document.querySelectorAll(selector)) {
    if (!e.checkVisibility({visibilityProperty: true})) continue;
    e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
    const r = e.getBoundingClientRect();
    if (r.width > 0 && r.height > 0) return {x: r.x + r.width / 2, y: r.y + r.height / 2};
  }
  return null;
})(%s)`

// selectText focuses the first visible match and selects what is in it.
const selectText = `(selector => {
  for (const e of document.querySelectorAll(selector)) {
    if (!e.checkVisibility({visibilityProperty: true})) continue;
    e.focus();
    if (e.select) e.select();
    else getSelection().selectAllChildren(e);
    return true;
  }
  return false;
})(%s)`

// Click clicks the middle of the first visible element that the CSS selector
// finds, by mouse events. platform.ErrNoElement if there is none.
func (b *Browser) Click(ctx context.Context, selector string) error {
	var at *struct{ X, Y float64 }
	if err := b.Eval(ctx, fmt.Sprintf(findVisible, quote(selector)), &at); err != nil {
		return fmt.Errorf("click %s: %w", selector, err)
	}
	if at == nil {
		return fmt.Errorf("click %s: %w", selector, platform.ErrNoElement)
	}
	for _, event := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		p := map[string]any{"type": event, "x": at.X, "y": at.Y}
		if event != "mouseMoved" {
			p["button"], p["clickCount"] = "left", 1
		}
		if err := b.call(ctx, "Input.dispatchMouseEvent", p, nil); err != nil {
			return fmt.Errorf("click %s: %w", selector, err)
		}
	}
	return nil
}

// Type focuses the first visible element that the selector finds and replaces
// its text by key events.
func (b *Browser) Type(ctx context.Context, selector, text string) error {
	var found bool
	if err := b.Eval(ctx, fmt.Sprintf(selectText, quote(selector)), &found); err != nil {
		return fmt.Errorf("type into %s: %w", selector, err)
	}
	if !found {
		return fmt.Errorf("type into %s: %w", selector, platform.ErrNoElement)
	}
	if text == "" {
		return b.Press(ctx, "Backspace")
	}
	for _, r := range text {
		if err := b.Press(ctx, string(r)); err != nil {
			return fmt.Errorf("type into %s: %w", selector, err)
		}
	}
	return nil
}

// namedKeys are those that are not characters: their Windows key codes, which
// the protocol wants, and the text that they make.
var namedKeys = map[string]struct {
	code int
	text string
}{
	"Enter": {13, "\r"}, "Tab": {9, ""}, "Escape": {27, ""}, "Backspace": {8, ""}, "Delete": {46, ""},
	"ArrowLeft": {37, ""}, "ArrowUp": {38, ""}, "ArrowRight": {39, ""}, "ArrowDown": {40, ""},
}

// Press presses a key once, in whatever has the focus: "Enter", "Escape",
// "Tab", … or one character.
func (b *Browser) Press(ctx context.Context, key string) error {
	if key == "\n" || key == "\r" {
		key = "Enter"
	}
	down := map[string]any{"type": "keyDown", "key": key, "text": key}
	up := map[string]any{"type": "keyUp", "key": key}
	if k, ok := namedKeys[key]; ok {
		down["code"], up["code"] = key, key
		down["windowsVirtualKeyCode"], up["windowsVirtualKeyCode"] = k.code, k.code
		down["text"] = k.text
		if k.text == "" {
			down["type"] = "rawKeyDown"
		}
	}
	for _, p := range []any{down, up} {
		if err := b.call(ctx, "Input.dispatchKeyEvent", p, nil); err != nil {
			return fmt.Errorf("press %s: %w", key, err)
		}
	}
	return nil
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a string always marshals
	return string(b)
}
