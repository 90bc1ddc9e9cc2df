package v6

import (
	"github.com/cloudflare/cloudflare-go/v6"
	"github.com/cloudflare/cloudflare-go/v6/zero_trust"
)

// The parameters of an application's own policies, with another shape in v7.

func newOwn(account string, precedence int64) zero_trust.AccessApplicationPolicyNewParams {
	return zero_trust.AccessApplicationPolicyNewParams{AccountID: cloudflare.F(account),
		Precedence: cloudflare.F(precedence)}
}

func changedOwn(account string, precedence int64) zero_trust.AccessApplicationPolicyUpdateParams {
	return zero_trust.AccessApplicationPolicyUpdateParams{AccountID: cloudflare.F(account),
		Precedence: cloudflare.F(precedence)}
}
