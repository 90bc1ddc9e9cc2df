package command

import (
	"errors"
	"fmt"
	"net/http"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/contexts"
)

func isNoContext(err error) bool {
	_, ok := errors.AsType[*contexts.NotFoundError](err)
	return ok
}

// unknownToken is the code of a refusal of whoever calls, contract.md 1.2.
const unknownToken = 10000

// coded gives an error of a control plane its exit code.
func coded(err error) error {
	var refused *client.Error
	switch {
	case err == nil:
		return nil
	case client.IsNotFound(err), isNoContext(err):
		return cli.Exit(cli.ExitNotFound, err)
	case !errors.As(err, &refused):
		return err
	}
	if refused.Code == unknownToken {
		err = fmt.Errorf("%w: the API token is not known there, or is no longer good: give another, by --token (PLUMB_TOKEN, PLUMB_TOKEN_FILE), --context or --data", err)
	}
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return cli.Exit(cli.ExitRefused, err)
	case http.StatusConflict, http.StatusPreconditionFailed:
		return cli.Exit(cli.ExitConflict, err)
	}
	return err
}
