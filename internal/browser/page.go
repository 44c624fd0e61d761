package browser

import (
	"context"
	"errors"

	"steno/internal/platform"
)

// Browser is a running browser with one page.
type Browser struct{}

var _ platform.Page = (*Browser)(nil)

var errNotYet = errors.New("browser: not built yet")

// Launch starts a browser and waits until its page answers. The browser does
// not outlive this process. ctx bounds the start only.
func Launch(ctx context.Context, o Options) (*Browser, error) { return nil, errNotYet }

// Find returns the program to run: named if set, else $STENO_BROWSER, else the
// first that is installed. The error says what to do.
func Find(named string) (string, error) { return "", errNotYet }

func (b *Browser) Navigate(ctx context.Context, url string) error             { return errNotYet }
func (b *Browser) Eval(ctx context.Context, expression string, out any) error { return errNotYet }
func (b *Browser) Click(ctx context.Context, selector string) error           { return errNotYet }
func (b *Browser) Type(ctx context.Context, selector, text string) error      { return errNotYet }
func (b *Browser) AddScript(ctx context.Context, source string) error         { return errNotYet }
func (b *Browser) Screenshot(ctx context.Context) ([]byte, error)             { return nil, errNotYet }
func (b *Browser) Grant(ctx context.Context, origin string, p ...Permission) error {
	return errNotYet
}
func (b *Browser) Press(ctx context.Context, key string) error { return errNotYet }
func (b *Browser) Ping(ctx context.Context) error              { return errNotYet }
func (b *Browser) Done() <-chan struct{}                       { return nil }
func (b *Browser) Crashed() <-chan struct{}                    { return nil }
func (b *Browser) Console() []string                           { return nil }
func (b *Browser) PID() int                                    { return 0 }
func (b *Browser) Usage() (Usage, error)                       { return Usage{}, errNotYet }
func (b *Browser) Close() error                                { return errNotYet }
