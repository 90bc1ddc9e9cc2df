package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
	"plumbline.dev/test/internal/stack"
)

// account is the account under test.
type account struct {
	Config
	control                *stack.Control
	tokens, policies, apps []string // ids
}

// makers is the number of resources created concurrently.
const makers = 4

func (a *account) fill(ctx context.Context) error {
	var err error
	if a.Devices > 0 {
		a.Progress("enrolling %d devices", a.Devices)
		done, err := a.control.Import(ctx, stack.Fleet(a.Devices))
		if err != nil || done.Enrolled != a.Devices {
			return fmt.Errorf("of %d devices %d were enrolled: %w", a.Devices, done.Enrolled, err)
		}
	}
	a.Progress("making %d service tokens, policies and applications", a.Resources)
	if a.tokens, err = a.make(ctx, "/access/service_tokens", func(n int) any {
		return map[string]any{"name": fmt.Sprintf("token %d", n)}
	}); err != nil {
		return err
	}
	if a.policies, err = a.make(ctx, "/access/policies", func(n int) any {
		return map[string]any{"name": fmt.Sprintf("policy %d", n), "decision": "non_identity",
			"include": []any{map[string]any{"service_token": map[string]string{"token_id": a.tokens[n]}}}}
	}); err != nil {
		return err
	}
	a.apps, err = a.make(ctx, "/access/apps", func(n int) any { return json.RawMessage(application(n, a.policies[n], n)) })
	return err
}

// application returns the body of an application linked to a policy.
func application(n int, policy string, host int) []byte {
	body, _ := json.Marshal(map[string]any{
		"name": fmt.Sprintf("app %d", n), "type": "self_hosted", "domain": fmt.Sprintf("h%d.example.com",
			host), "session_duration": "24h",
		"policies": []any{map[string]any{"id": policy, "precedence": 1}},
	}) // strings and numbers only, so there is no error
	return body
}

func (a *account) make(ctx context.Context, path string, body func(n int) any) ([]string, error) {
	ids := make([]string, a.Resources)
	g, ctx := errgroup.WithContext(ctx)
	for first := range makers {
		g.Go(func() error {
			for n := first; n < a.Resources; n += makers {
				var made struct{ ID string }
				if err := a.control.Call(ctx, http.MethodPost, path, body(n), &made); err != nil {
					return err
				}
				ids[n] = made.ID
			}
			return nil
		})
	}
	return ids, g.Wait()
}

// touch changes an application without measuring the request.
func (a *account) touch(n int) {
	_, _ = a.control.Fetch(context.Background(), http.MethodPut, "/access/apps/"+a.apps[n%len(a.apps)],
		// a failed change does not affect the measurement
		application(n%len(a.apps), a.policies[1%len(a.policies)], 4*a.Resources+n))
}

// deviceLists are the lists paged by cursor.
var deviceLists = []struct{ name, path string }{{"devices", "/devices/physical-devices"},
	{"registrations", "/devices/registrations"}}

// walked returns the paths of a list's pages, found by following the cursors.
func (a *account) walked(ctx context.Context, list string) (func(n int) string, error) {
	cursors, err := a.control.Cursors(ctx, list, a.Requests)
	return func(n int) string { return list + cursors[n%len(cursors)] }, err
}
