package command

import (
	"context"
	"errors"
	"strings"

	"plumbline.dev/services/internal/cli"
)

// secretFile is how a secret is given that no command line should hold: by a file, or at the terminal.
type secretFile struct {
	ClientSecretFile []byte `env:"-" type:"filecontent" help:"File that holds the Client Secret; without it, it is asked for." placeholder:"PATH"`
}

// secret is the file's, or asked for where a person is there to answer.
func (c *secretFile) secret(ctx context.Context, t *cli.Terminal) (string, error) {
	if text := strings.TrimSpace(string(c.ClientSecretFile)); text != "" {
		return text, nil
	}
	return askSecret(ctx, t, "give --client-secret-file")
}

// clientSecret is how the Client Secret of a service token is given: by a file, a variable, or at the
// terminal.
type clientSecret struct {
	ClientSecret     string `help:"Its Client Secret; better by a file, or typed when asked for." placeholder:"SECRET"`
	ClientSecretFile []byte `env:"-" type:"filecontent" help:"File that holds the Client Secret." placeholder:"PATH"`
}

// given is the secret of the flags, empty where they have none.
func (c *clientSecret) given() (string, error) {
	fromFile := strings.TrimSpace(string(c.ClientSecretFile))
	if c.ClientSecret != "" && fromFile != "" {
		return "", cli.Usage("--client-secret and --client-secret-file are both given; keep one")
	}
	return c.ClientSecret + fromFile, nil
}

// secret is the one given, or asked for.
func (c *clientSecret) secret(ctx context.Context, t *cli.Terminal) (string, error) {
	text, err := c.given()
	if err != nil || text != "" {
		return text, err
	}
	return askSecret(ctx, t, "give --client-secret-file, or PLUMB_CLIENT_SECRET_FILE")
}

// askSecret asks for the secret of a service token or a provider.
func askSecret(ctx context.Context, t *cli.Terminal, otherwise string) (string, error) {
	return ask(ctx, t, "Client Secret", otherwise)
}

// ask asks a person for something that is not shown; where nobody is there, the error says what to give.
func ask(ctx context.Context, t *cli.Terminal, what, otherwise string) (string, error) {
	text, err := t.AskSecret(ctx, what+": ")
	switch {
	case errors.Is(err, cli.ErrNoTerminal):
		return "", cli.Usage("the %s is missing: %s", what, otherwise)
	case err != nil:
		return "", err
	case text == "":
		return "", cli.Usage("the %s is missing", what)
	}
	return text, nil
}
