package calendar

import "context"

// answer is a page, or why there is none.
type answer struct {
	page     Page
	err      error
	panicked any
}

// eachPage reads page after page and applies each while the service makes the
// next one: there are never more than two in memory. It returns when no call is
// under way any more. A panic of read comes up in the caller, where whoever
// runs the sync can catch it.
func eachPage(ctx context.Context, read func(ctx context.Context, token string) (Page, error), apply func(Page) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, 1)
	ask := func(token string) {
		var a answer
		defer func() {
			a.panicked = recover()
			answers <- a
		}()
		a.page, a.err = read(ctx, token)
	}
	go ask("")
	for {
		a := <-answers
		if a.panicked != nil {
			panic(a.panicked)
		}
		if a.err != nil {
			return a.err
		}
		more := a.page.Next != ""
		if more {
			go ask(a.page.Next)
		}
		if err := apply(a.page); err != nil {
			cancel()
			if more {
				<-answers
			}
			return err
		}
		if !more {
			return nil
		}
	}
}
