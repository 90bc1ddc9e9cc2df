package command

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
	"plumbline.dev/services/internal/cli"
)

// clientSecret is how a Client Secret is given: by a file, a variable, or at the terminal.
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

// secret is the one given, or asked for where a person is there to answer.
func (c *clientSecret) secret(t *cli.Terminal) (string, error) {
	text, err := c.given()
	if err != nil || text != "" {
		return text, err
	}
	in, ok := t.In.(*os.File)
	if !ok || !t.ErrTTY || !term.IsTerminal(int(in.Fd())) {
		return "", cli.Usage("the Client Secret is missing: give --client-secret-file, or PLUMB_CLIENT_SECRET_FILE")
	}
	fmt.Fprint(t.Err, "Client Secret: ")
	typed, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(t.Err)
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(string(typed)); text == "" {
		return "", cli.Usage("the Client Secret is missing")
	}
	return text, nil
}
