package remote

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/contexts"
	"plumbline.dev/services/plumb/datadir"
)

// Flags name the control plane of a command.
type Flags struct {
	Context string `completes:"context" help:"Context to use, see plumb context. Default: the current one, unless --url or --data is given." placeholder:"NAME" group:"Control plane"`
	URL     string `name:"url" help:"URL of the control plane. Default: the context's, or http://127.0.0.1:8400." placeholder:"URL" group:"Control plane"`
	Token   string `help:"API token; prefer PLUMB_TOKEN_FILE. Default: the context's, or the one under --data." placeholder:"TOKEN" group:"Control plane"`
	Account string `env:"PLUMB_ACCOUNT,PLUMB_ACCOUNT_ID" help:"Account id. Default: the context's, or the one under --data." placeholder:"ID" group:"Control plane"`
	Data    string `type:"path" help:"Data directory of a local plumb up. Default: ./plumb-data." placeholder:"PATH" group:"Control plane"`
}

const (
	defaultURL  = "http://127.0.0.1:8400"
	defaultData = "./plumb-data"
)

// Client returns a client of the control plane that the flags name.
func (r *Flags) Client() (*client.Client, error) {
	cfg, err := r.config()
	if err != nil {
		return nil, err
	}
	return client.New(cfg)
}

// PatientClient returns a client that waits while the control plane is unavailable, and says so on the terminal. Only
// reads are repeated.
func (r *Flags) PatientClient(t *cli.Terminal) (*client.Client, error) {
	cfg, err := r.config()
	if err != nil {
		return nil, err
	}
	cfg.Wait = WaitAloud(t)
	return client.New(cfg)
}

func (r *Flags) config() (client.Config, error) {
	c, err := r.context()
	if err != nil {
		return client.Config{}, err
	}
	d := datadir.Dir(cmp.Or(r.Data, defaultData))
	token := cmp.Or(r.Token, c.Token)
	if token == "" && c.TokenFile != "" {
		if token, err = datadir.Read(c.TokenFile); err != nil {
			return client.Config{}, fmt.Errorf("API token of the context: %w", err)
		}
	}
	if token, err = orStored(token, d.TokenPath(), "API token", "--token (PLUMB_TOKEN, PLUMB_TOKEN_FILE)"); err != nil {
		return client.Config{}, err
	}
	text, err := orStored(cmp.Or(r.Account, c.Account), d.AccountPath(), "account", "--account (PLUMB_ACCOUNT)")
	if err != nil {
		return client.Config{}, err
	}
	account, err := proto.ParseAccount(text)
	if err != nil {
		return client.Config{}, err
	}
	url := cmp.Or(r.URL, c.URL, defaultURL)
	return client.Config{URL: url, Token: token, Account: account, Transport: Transport()}, nil
}

// Transport returns a transport that uses the proxy of the environment. Commands use it, services do not.
func Transport() http.RoundTripper { return http.DefaultTransport.(*http.Transport).Clone() }

// context returns the context of the flags, or the current one. The current one is not used with --url or --data: its
// token belongs to the control plane that it names.
func (r *Flags) context() (contexts.Context, error) {
	if r.Context == "" && (r.URL != "" || r.Data != "") {
		return contexts.Context{}, nil
	}
	path, err := ContextsFile()
	if err != nil && r.Context == "" {
		return contexts.Context{}, nil // without a home directory there is no file to read
	}
	if err != nil {
		return contexts.Context{}, err
	}
	f, err := contexts.Load(path)
	if err != nil {
		return contexts.Context{}, err
	}
	name := cmp.Or(r.Context, f.Current)
	if name == "" {
		return contexts.Context{}, nil
	}
	c, err := f.Get(name)
	if err == nil && r.URL != "" && r.URL != c.URL && r.Token == "" {
		return c, cli.Usage("the API token of context %s is for %s: give --token for %s", name, c.URL, r.URL)
	}
	return c, err
}

// ContextsFile returns the path of the file that holds the contexts.
func ContextsFile() (string, error) { return cli.ConfigFile("plumb", "contexts.yaml") }

// orStored returns the given value, or the content of a file of a local data directory. Without either, the error names
// the value and the flag.
func orStored(given, path, what, flag string) (string, error) {
	if given != "" {
		return given, nil
	}
	text, err := datadir.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || (err == nil && text == ""):
		return "", fmt.Errorf("no %s: %s does not exist; give %s, --context or --data", what, path, flag)
	case err != nil:
		return "", err
	}
	return text, nil
}
