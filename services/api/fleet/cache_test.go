package fleet

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"plumbline.dev/services/api/fleet/column"
)

// Requests that need a page at the same time read it once.
func TestSharedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, want, release := newColumns(), new(column.Page), make(chan struct{})
		var mu sync.Mutex
		reads, shared := 0, 0
		for range 10 {
			go func() {
				p, done, err := c.update(t.Context(), 3, func(*column.Page) (*column.Page, error) {
					mu.Lock()
					reads++
					mu.Unlock()
					<-release
					return want, nil
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || done && p != want {
					t.Errorf("%v, %v", p, err)
				}
				if !done {
					shared++
				}
			}()
		}
		synctest.Wait()
		if reads != 1 || shared != 0 {
			t.Fatalf("%d reads in progress, %d requests did not wait", reads, shared)
		}
		close(release)
		synctest.Wait()
		if reads != 1 || shared != 9 || c.page(3) != want {
			t.Errorf("%d reads, %d requests shared one", reads, shared)
		}
	})
}

// A read that fails does not fail the requests that wait for it, and a request that ends does not wait.
func TestSharedReadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, failed, release := newColumns(), errors.New("failed"), make(chan struct{})
		read := func(*column.Page) (*column.Page, error) {
			<-release
			return nil, failed
		}
		ctx, cancel := context.WithCancel(t.Context())
		errs := make([]error, 3)
		for n, ctx := range []context.Context{t.Context(), t.Context(), ctx} {
			go func() {
				_, _, errs[n] = c.update(ctx, 0, read)
			}()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		if !errors.Is(errs[2], context.Canceled) {
			t.Errorf("the request that ended: %v", errs[2])
		}
		close(release)
		synctest.Wait()
		if !errors.Is(errs[0], failed) || errs[1] != nil {
			t.Errorf("%v, %v", errs[0], errs[1])
		}
		_, done, err := c.update(t.Context(), 0, func(*column.Page) (*column.Page, error) { return new(column.Page), nil })
		if !done || err != nil || c.page(0) == nil {
			t.Errorf("afterwards: %v, %v", done, err)
		}
	})
}
