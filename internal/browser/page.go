package browser

import (
	"context"
	"encoding/json"
	"fmt"

	"steno/internal/platform"
)

var _ platform.Page = (*Browser)(nil)

// Navigate opens a URL and returns when the document, or one that it leads on
// to at once, is loaded.
func (b *Browser) Navigate(ctx context.Context, url string) error {
	loads, stop := b.loads.watch()
	defer stop()
	var nav struct {
		LoaderID  string `json:"loaderId"`
		ErrorText string `json:"errorText"`
	}
	if err := b.call(ctx, "Page.navigate", map[string]string{"url": url}, &nav); err != nil {
		return fmt.Errorf("navigate: %w", err)
	}
	if nav.ErrorText != "" {
		return fmt.Errorf("navigate to %s: %s", url, nav.ErrorText)
	}
	if nav.LoaderID == "" {
		return nil // a place within the same document
	}
	for {
		select {
		case l := <-loads:
			// A page that moves on by itself finishes under another id.
			if l.loader == nav.LoaderID || l.after == nav.LoaderID {
				return nil
			}
		case <-b.crashed:
			return fmt.Errorf("navigate to %s: %w", url, errCrashed)
		case <-b.pipe.gone:
			return fmt.Errorf("navigate to %s: %w", url, errGone)
		case <-ctx.Done():
			return fmt.Errorf("navigate to %s: %w", url, ctx.Err())
		}
	}
}

// Eval runs a JavaScript expression in the page as if a user had acted, awaits
// a promise, and decodes the JSON value into out, which may be nil.
func (b *Browser) Eval(ctx context.Context, expression string, out any) error {
	var r struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string          `json:"description"`
				Value       json.RawMessage `json:"value"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	err := b.call(ctx, "Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
	}, &r)
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	if e := r.Exception; e != nil {
		return fmt.Errorf("evaluate: %s %s%s", e.Text, e.Exception.Description, e.Exception.Value)
	}
	if out == nil || len(r.Result.Value) == 0 {
		return nil // undefined leaves out as it is
	}
	if err := json.Unmarshal(r.Result.Value, out); err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	return nil
}

// AddScript adds JavaScript that runs in every document before its own
// scripts, from the next navigation on.
func (b *Browser) AddScript(ctx context.Context, source string) error {
	err := b.call(ctx, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": source}, nil)
	if err != nil {
		return fmt.Errorf("add script: %w", err)
	}
	return nil
}

// Screenshot returns a PNG of the viewport.
func (b *Browser) Screenshot(ctx context.Context) ([]byte, error) {
	var r struct {
		Data []byte `json:"data"`
	}
	if err := b.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png", "optimizeForSpeed": true}, &r); err != nil {
		return nil, fmt.Errorf("take screenshot: %w", err)
	}
	return r.Data, nil
}

// Of Shot: 640 by 360 of the usual viewport, at a quality at which names can be
// read; some 20 kB.
const (
	shotQuality = 60
	shotScale   = 0.5
)

// Shot returns a small JPEG of the viewport, at half its size: what a look at a
// meeting costs most is the encoding of its pixels.
func (b *Browser) Shot(ctx context.Context) ([]byte, error) {
	var r struct {
		Data []byte `json:"data"`
	}
	args := map[string]any{
		"format": "jpeg", "quality": shotQuality, "optimizeForSpeed": true,
		"clip": map[string]any{"x": 0, "y": 0, "width": b.width, "height": b.height, "scale": shotScale},
	}
	if err := b.call(ctx, "Page.captureScreenshot", args, &r); err != nil {
		return nil, fmt.Errorf("take screenshot: %w", err)
	}
	return r.Data, nil
}

// Grant gives the origin ("https://meet.example") permissions without asking,
// and refuses it all others.
func (b *Browser) Grant(ctx context.Context, origin string, permissions ...Permission) error {
	err := b.pipe.call(ctx, "", "Browser.grantPermissions", map[string]any{"origin": origin, "permissions": permissions}, nil)
	if err != nil {
		return fmt.Errorf("grant permissions: %w", err)
	}
	return nil
}

// Ping asks the page for a number. An error (or ctx's end) means that the page
// hangs or is gone.
func (b *Browser) Ping(ctx context.Context) error {
	var n struct {
		Result struct {
			Value int `json:"value"`
		} `json:"result"`
	}
	if err := b.call(ctx, "Runtime.evaluate", map[string]any{"expression": "1", "returnByValue": true}, &n); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	if n.Result.Value != 1 {
		return fmt.Errorf("ping: the page does not compute")
	}
	return nil
}
