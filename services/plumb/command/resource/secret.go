package resource

import (
	"context"
	"errors"
	"os"
	"strings"

	"plumbline.dev/services/internal/cli"
)

// SecretFile is the flag for a secret that is read from a file or typed at the terminal.
type SecretFile struct {
	ClientSecretFile []byte `env:"-" type:"filecontent" help:"File with the client secret. Default: ask for it." placeholder:"PATH"`
}

// Secret returns the secret of the file, or asks for it.
func (c *SecretFile) Secret(ctx context.Context, t *cli.Terminal) (string, error) {
	if text := strings.TrimSpace(string(c.ClientSecretFile)); text != "" {
		return text, nil
	}
	return askClientSecret(ctx, t, "give --client-secret-file")
}

// ClientSecret are the flags for the Client Secret of a service token: the value, or a file.
type ClientSecret struct {
	ClientSecret     string `help:"Client Secret. Prefer a file, or type it when asked." placeholder:"SECRET"`
	ClientSecretFile []byte `env:"-" type:"filecontent" help:"File with the Client Secret." placeholder:"PATH"`
}

// Given returns the secret of the flags, or an empty string if there is none.
func (c *ClientSecret) Given() (string, error) {
	fromFile := strings.TrimSpace(string(c.ClientSecretFile))
	if c.ClientSecret != "" && fromFile != "" {
		return "", cli.Usage("give either --client-secret or --client-secret-file, not both")
	}
	return c.ClientSecret + fromFile, nil
}

// Secret returns the secret of the flags, or asks for it.
func (c *ClientSecret) Secret(ctx context.Context, t *cli.Terminal) (string, error) {
	text, err := c.Given()
	if err != nil || text != "" {
		return text, err
	}
	return askClientSecret(ctx, t, "give --client-secret-file, or set PLUMB_CLIENT_SECRET_FILE")
}

func askClientSecret(ctx context.Context, t *cli.Terminal, otherwise string) (string, error) {
	return Ask(ctx, t, "Client Secret", otherwise)
}

// Ask asks for a value that is not shown while it is typed. Without a terminal it returns an error that ends with
// otherwise.
func Ask(ctx context.Context, t *cli.Terminal, what, otherwise string) (string, error) {
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

// ValueOrFile returns a value of a flag, or the content of the file that it names as @PATH, without outer blanks.
func ValueOrFile(value string) (string, error) {
	path, found := strings.CutPrefix(value, "@")
	if !found {
		return value, nil
	}
	content, err := os.ReadFile(path)
	return strings.TrimSpace(string(content)), err
}
