package v4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// RecheckEvery is the interval at which the token of a long request is checked again.
const RecheckEvery = time.Second

// endedError reports that a request was ended because its token lost the permission.
type endedError struct{ why error }

func (e *endedError) Error() string {
	return fmt.Sprintf("the API token lost its permission: %v", e.why)
}

func (e *endedError) Unwrap() error { return e.why }

// TokenEnded returns the reason that [Edge.whilePermitted] ended a context, or nil if it did not end it.
func TokenEnded(ctx context.Context) error {
	if e, ok := errors.AsType[*endedError](context.Cause(ctx)); ok {
		return e
	}
	return nil
}

// whilePermitted runs the handler of a long request and rechecks the token each second. Once the token is deleted,
// disabled, expired, restricted, or not usable from the client's address, the request's context ends. The client's own
// context is in c.Client.
func (e *Edge) whilePermitted(c *Call, handle func(*Call) error) error {
	ctx, end := context.WithCancelCause(c.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer end(nil)
	watching.Go(func() {
		for {
			select {
			case <-e.Clock.After(RecheckEvery):
			case <-ctx.Done():
				return
			}
			if why := c.Recheck(); why != nil {
				e.Log.Warn("request canceled: its API token lost the permission", "token", c.Token.ID, "path", c.URL.Path, "err",
					why)
				end(&endedError{why: why})
				return
			}
		}
	})
	c.Client, c.Request = c.Context(), c.WithContext(ctx)
	err := handle(c)
	why := TokenEnded(ctx)
	if err == nil || why == nil || errors.Is(err, http.ErrAbortHandler) || errors.As(err, new(*endedError)) {
		return err
	}
	return why
}
