package command

import (
	"errors"
	"net/http"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
	"plumbline.dev/services/plumb/contexts"
)

func isNoContext(err error) bool {
	_, ok := errors.AsType[*contexts.NotFoundError](err)
	return ok
}

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
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return cli.Exit(cli.ExitRefused, err)
	case http.StatusConflict, http.StatusPreconditionFailed:
		return cli.Exit(cli.ExitConflict, err)
	}
	return err
}
