package remote

import (
	"errors"
	"fmt"
	"net/http"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/contexts"
)

// unknownToken is the code of the API's error for a request without a valid API token.
const unknownToken = 10000

// Coded wraps an error of a control plane in the exit code that fits it. Other errors are returned as they are.
func Coded(err error) error {
	if err == nil {
		return nil
	}
	if _, missing := errors.AsType[*contexts.NotFoundError](err); missing || client.IsNotFound(err) {
		return cli.Exit(cli.ExitNotFound, err)
	}
	answer, ok := errors.AsType[*client.Error](err)
	if !ok {
		return err
	}
	if answer.Code == unknownToken {
		err = fmt.Errorf("%w: the API token is unknown, expired or revoked: give another one with --token "+
			"(PLUMB_TOKEN, PLUMB_TOKEN_FILE), --context or --data", err)
	}
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return cli.Exit(cli.ExitRefused, err)
	case http.StatusConflict, http.StatusPreconditionFailed:
		return cli.Exit(cli.ExitConflict, err)
	}
	return err
}
