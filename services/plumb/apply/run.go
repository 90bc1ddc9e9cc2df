package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/reference"
)

// Account is the control plane to change.
type Account interface {
	Get(ctx context.Context, k client.Kind, id string) (o client.Object, revision string, err error)
	Create(ctx context.Context, k client.Kind, body any) (client.Object, error)
	// Replace fails if the resource has another revision.
	Replace(ctx context.Context, k client.Kind, id, revision string, body any) (client.Object, error)
	Delete(ctx context.Context, k client.Kind, id string) error
}

// Steps are the callbacks of [Plan.Run].
type Steps struct {
	Lookup Lookup
	// Made saves the credentials of a new service token. The control plane returns them only once.
	Made func(name, clientID, secret string) error
	// Done is called after each change.
	Done func(*Change)
}

// Run makes the changes in order and stops at the first error. A new plan continues from there.
func (p *Plan) Run(ctx context.Context, a Account, s Steps) error {
	for _, c := range p.Changes {
		if err := p.step(ctx, a, s, c); err != nil {
			return fmt.Errorf("%s: %w", c.Label(), err)
		}
		if c.Action != Keep {
			s.Done(c)
		}
	}
	return nil
}

// Check returns an error for each reference without a value. A missing file is allowed if the plan creates service
// tokens, because their secrets may be written to it.
func (p *Plan) Check(lookup Lookup) error {
	makes := slices.ContainsFunc(p.Changes, (*Change).MakesSecret)
	var all []error
	for _, c := range p.Changes {
		for _, s := range c.secrets {
			if _, err := reference.Expand(s.ref, lookup.in(c.base)); err != nil && !(makes && errors.Is(err, fs.ErrNotExist)) {
				all = append(all, fmt.Errorf("%s: %s: %w", c.Label(), strings.Join(s.path, "."), err))
			}
		}
	}
	return errors.Join(all...)
}

func (p *Plan) step(ctx context.Context, a Account, s Steps, c *Change) error {
	switch c.Action {
	case Create:
		return p.create(ctx, a, s, c)
	case Update:
		return p.update(ctx, a, s, c)
	case Delete:
		return a.Delete(ctx, c.Kind, c.ID)
	}
	return nil
}

func (p *Plan) create(ctx context.Context, a Account, s Steps, c *Change) error {
	body, err := p.body(c, c.spec, s.Lookup)
	if err != nil {
		return err
	}
	made, err := a.Create(ctx, c.Kind, body)
	if err != nil {
		return err
	}
	p.state.add(c.Kind, made)
	clientID, _ := made["client_id"].(string)
	secret, _ := made["client_secret"].(string)
	if c.MakesSecret() && s.Made != nil {
		if err := s.Made(c.Name, clientID, secret); err != nil {
			return fmt.Errorf("it was created, but its secret was not saved; delete it: %w", err)
		}
	}
	return nil
}

// MakesSecret reports whether the change creates credentials, which the control plane returns only once.
func (c *Change) MakesSecret() bool {
	return c.Action == Create && c.Kind == client.KindServiceToken && len(c.secrets) == 0
}

// update fails if the resource has changed since the plan was made.
func (p *Plan) update(ctx context.Context, a Account, s Steps, c *Change) error {
	now, revision, err := a.Get(ctx, c.Kind, c.ID)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(canonical(c.Kind, now, p.state), c.have) {
		return &client.Error{Status: http.StatusConflict, Message: "it has changed since the plan was made: apply again"}
	}
	spec := c.spec
	if !c.Kind.Traits().Merges {
		spec = merge(c.Kind, c.have, c.spec)
	}
	body, err := p.body(c, spec, s.Lookup)
	if err != nil {
		return err
	}
	made, err := a.Replace(ctx, c.Kind, c.ID, revision, body)
	if err == nil && c.Name != "" && c.Name != now.ResourceName() {
		p.state.add(c.Kind, made) // later changes may refer to the new name
	}
	return err
}

// body returns the body of the request: the spec with ids in place of names, and with secrets.
func (p *Plan) body(c *Change, spec map[string]any, lookup Lookup) (map[string]any, error) {
	body := cloned(spec)
	if err := Refs(c.Kind, body, p.state.toID); err != nil {
		return nil, err
	}
	if policies, ok := body["policies"].([]any); ok && c.Kind == client.KindApplication {
		for n, item := range policies {
			if id, isText := item.(string); isText {
				policies[n] = map[string]any{"id": id, "precedence": json.Number(fmt.Sprint(n + 1))}
			} else if own, isObject := item.(map[string]any); isObject {
				own["precedence"] = json.Number(fmt.Sprint(n + 1))
			}
		}
	}
	for _, secret := range c.secrets {
		value, err := reference.Expand(secret.ref, lookup.in(c.base))
		if err != nil {
			return nil, err
		}
		put(body, secret.path, value)
	}
	return body, nil
}
