package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
)

// Kinds are those that are brought over: all but the organization, which is another here.
func Kinds() []client.Kind {
	return []client.Kind{client.KindTag, client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck,
		client.KindGroup, client.KindPolicy, client.KindApplication}
}

// needed are the kinds that an account has to let us read; the others are left out where it does not.
var needed = map[client.Kind]bool{client.KindIntegration: true, client.KindCheck: true, client.KindPolicy: true, client.KindApplication: true}

// Account reads an account. What the API token may not read is in leftOut, unless nothing could be made of the rest,
// and so is what cannot be brought over, as with [Terraform].
func Account(ctx context.Context, cl *client.Client) (state apply.State, leftOut []string, err error) {
	var read []*resource
	for _, k := range Kinds() {
		all, err := cl.Objects(k).List(ctx)
		var refused *client.Error
		if !needed[k] && errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Status == http.StatusNotFound) {
			leftOut = append(leftOut, fmt.Sprintf("%ss: %v", label(k), err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%ss: %w", label(k), err)
		}
		for _, i := range all {
			address := fmt.Sprintf("%s %q (%s)", label(k), i.Value.ResourceName(), i.Value.ResourceID())
			read = append(read, &resource{address: address, kind: k, members: i.Value})
		}
	}
	leftOut = append(leftOut, normaliseAll(read)...)
	leftOut = append(leftOut, attach(read)...)
	return stateOf(read), leftOut, nil
}

// stateOf is what is brought over.
func stateOf(all []*resource) apply.State {
	found := apply.State{}
	for _, r := range all {
		if r.app == "" && !r.left {
			found[r.kind] = append(found[r.kind], r.members)
		}
	}
	return found
}
