package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
)

// Kinds lists the exported kinds.
func Kinds() []client.Kind {
	return client.Kinds(func(t client.Traits) bool { return t.Import != client.NoImport })
}

// Account reads an account. leftOut lists unreadable kinds and unsupported resources, as with [Terraform].
func Account(ctx context.Context, cl *client.Client) (state apply.State, leftOut []string, err error) {
	var read []*resource
	for _, k := range Kinds() {
		all, err := cl.Objects(k).List(ctx)
		var refused *client.Error
		if k.Traits().Import == client.Optional && errors.As(err, &refused) &&
			(refused.Status == http.StatusForbidden || refused.Status == http.StatusNotFound) {
			leftOut = append(leftOut, fmt.Sprintf("%ss: %v", k.Label(), err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%ss: %w", k.Label(), err)
		}
		for _, i := range all {
			address := fmt.Sprintf("%s %q (%s)", k.Label(), i.Value.ResourceName(), i.Value.ResourceID())
			read = append(read, &resource{address: address, kind: k, members: i.Value})
		}
	}
	leftOut = append(leftOut, normaliseAll(read)...)
	leftOut = append(leftOut, attach(read)...)
	return stateOf(read), leftOut, nil
}

// stateOf returns the exported resources by kind.
func stateOf(all []*resource) apply.State {
	found := apply.State{}
	for _, r := range all {
		if r.app == "" && !r.left {
			found[r.kind] = append(found[r.kind], r.members)
		}
	}
	return found
}
