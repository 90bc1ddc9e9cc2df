package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"plumbline.dev/services/internal/client"
	"plumbline.dev/services/plumb/apply"
)

// Kinds are those that are brought over: all but the organization, which is another here.
func Kinds() []client.Kind {
	return []client.Kind{client.KindTag, client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck,
		client.KindGroup, client.KindPolicy, client.KindApplication}
}

// needed are the kinds that an account has to let us read; the others are left out where it does not.
var needed = map[client.Kind]bool{client.KindIntegration: true, client.KindCheck: true, client.KindPolicy: true, client.KindApplication: true}

// Account reads an account. What the API token may not read is left out and told, unless nothing could be
// made of the rest.
func Account(ctx context.Context, cl *client.Client) (state apply.State, leftOut []string, err error) {
	state = apply.State{}
	for _, k := range Kinds() {
		all, err := cl.Objects(k).List(ctx)
		var refused *client.Error
		if !needed[k] && errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Status == http.StatusNotFound) {
			leftOut = append(leftOut, fmt.Sprintf("%ss: %v", strings.ReplaceAll(string(k), "_", " "), err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%ss: %w", strings.ReplaceAll(string(k), "_", " "), err)
		}
		for _, i := range all {
			state[k] = append(state[k], i.Value)
		}
	}
	return state, leftOut, nil
}
