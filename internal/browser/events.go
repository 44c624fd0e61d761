package browser

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// load is a finished document of the main frame; after is the loader that was
// committed before it.
type load struct{ loader, after string }

// loadWatch hands out loads to those who wait for one.
type loadWatch struct {
	mu        sync.Mutex
	watchers  map[chan load]bool
	committed []string // loaders in the order in which they were committed
}

func (w *loadWatch) watch() (<-chan load, func()) {
	c := make(chan load, 16)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watchers == nil {
		w.watchers = map[chan load]bool{}
	}
	w.watchers[c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers, c)
	}
}

func (w *loadWatch) commit(loader string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.committed) > 8 {
		w.committed = w.committed[1:]
	}
	w.committed = append(w.committed, loader)
}

func (w *loadWatch) loaded(loader string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, l := range w.committed {
		if l != loader {
			continue
		}
		for c := range w.watchers {
			for _, after := range append([]string{loader}, w.committed[:i]...) {
				select {
				case c <- load{loader: loader, after: after}:
				default: // nobody reads this one any more
				}
			}
		}
		return
	}
}

// event is called by the pipe, in order.
func (b *Browser) event(session, method string, params json.RawMessage) {
	switch method {
	case "Inspector.targetCrashed":
		b.crash()
	case "Target.targetCrashed":
		var p struct {
			TargetID string `json:"targetId"`
		}
		if json.Unmarshal(params, &p) == nil && p.TargetID == b.target {
			b.crash()
		}
	case "Page.lifecycleEvent":
		b.lifecycle(params)
	case "Page.javascriptDialogOpening":
		// Somebody must answer, or the page stands still.
		go b.acceptDialog()
	}
}

func (b *Browser) lifecycle(params json.RawMessage) {
	var p struct {
		FrameID  string `json:"frameId"`
		LoaderID string `json:"loaderId"`
		Name     string `json:"name"`
	}
	// The main frame has the id of its target.
	if json.Unmarshal(params, &p) != nil || p.FrameID != b.target {
		return
	}
	switch p.Name {
	case "init", "commit":
		b.loads.commit(p.LoaderID)
	case "load":
		b.loads.loaded(p.LoaderID)
	}
}

func (b *Browser) acceptDialog() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := b.call(ctx, "Page.handleJavaScriptDialog", map[string]any{"accept": true}, nil); err != nil {
		b.log.Debug("dialog not answered", "error", err)
	}
}
