package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"plumbline.dev/services/internal/credential"
)

// recheckEvery is how often the token of a request that lasts is checked again.
const recheckEvery = time.Second

// endedError is why a request was ended whose token may no longer do it.
type endedError struct{ why error }

func (e *endedError) Error() string {
	return fmt.Sprintf("the API token may no longer do this: %v", e.why)
}

func (e *endedError) Unwrap() error { return e.why }

// tokenEnded returns why a context was ended by [Service.whilePermitted], and nil if it was not.
func tokenEnded(ctx context.Context) error {
	if e, ok := errors.AsType[*endedError](context.Cause(ctx)); ok {
		return e
	}
	return nil
}

// whilePermitted runs the handler of a request that lasts. The token is checked again each second: once it is
// deleted, disabled, expired, narrowed, or not usable from the client's address any more, the request's context
// ends. The client's own context stays in c.client.
func (s *Service) whilePermitted(c *call, handle func(*call) error) error {
	ctx, end := context.WithCancelCause(c.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer end(nil)
	watching.Go(func() {
		for {
			select {
			case <-s.clock.After(recheckEvery):
			case <-ctx.Done():
				return
			}
			if why := s.recheck(c); why != nil {
				s.log.Warn("a request was ended: its API token may no longer do it", "token", c.token.ID, "path", c.URL.Path, "err", why)
				end(&endedError{why: why})
				return
			}
		}
	})
	c.client, c.Request = c.Context(), c.WithContext(ctx)
	err := handle(c)
	why := tokenEnded(ctx)
	if err == nil || why == nil || errors.Is(err, http.ErrAbortHandler) || errors.As(err, new(*endedError)) {
		return err
	}
	return why
}

// recheck checks the credentials of a request that was admitted, by what the view of the tokens holds now.
func (s *Service) recheck(c *call) error {
	account := c.account
	t := s.tokens.lookUp(c.PathValue("account") != "", &account, credential.Hash(c.given.secret))
	if err := s.authentic(c.Request, t, c.given); err != nil {
		return err
	}
	if account != c.account || t.ID != c.token.ID {
		return errAuthentication
	}
	if !permits(t, c.need, c.zone) {
		return lacks(c.need)
	}
	return nil
}
