package client

import (
	"context"
	"net/http"

	"plumbline.dev/proto"
)

// Account is an account of the control plane.
type Account struct {
	ID   proto.Account `json:"id"`
	Name string        `json:"name"`
}

// Accounts returns the accounts of a credential. It ignores cfg.Account.
func Accounts(ctx context.Context, cfg Config) ([]Account, error) {
	cfg.Account = proto.Account{}
	c, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	return decode[[]Account](c.call(ctx, http.MethodGet, accountsPath, nil))
}
