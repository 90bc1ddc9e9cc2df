package command

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

// remote says which control plane a command speaks to.
type remote struct {
	Context string `help:"Control plane that plumb context add gave a name; without it, the current one, where neither --url nor --data is given." placeholder:"NAME" group:"Control plane"`
	URL     string `name:"url" help:"Control plane. Without it or a context: http://127.0.0.1:8400." placeholder:"URL" group:"Control plane"`
	Token   string `help:"API token; better by PLUMB_TOKEN_FILE. Without one: the context's, or the one under --data." placeholder:"TOKEN" group:"Control plane"`
	Account string `env:"PLUMB_ACCOUNT,PLUMB_ACCOUNT_ID" help:"Account id. Without one: the context's, or the one under --data." placeholder:"ID" group:"Control plane"`
	Data    string `type:"path" help:"Data directory of a plumb on this machine. Without it or a context: ./plumb-data." placeholder:"PATH" group:"Control plane"`
}

const (
	defaultURL  = "http://127.0.0.1:8400"
	defaultData = "./plumb-data"
)

func (r *remote) client() (*client.Client, error) {
	c, err := r.context()
	if err != nil {
		return nil, err
	}
	d := datadir.Dir(cmp.Or(r.Data, defaultData))
	token := cmp.Or(r.Token, c.Token)
	if token == "" && c.TokenFile != "" {
		if token, err = datadir.Read(c.TokenFile); err != nil {
			return nil, fmt.Errorf("the token of the context: %w", err)
		}
	}
	if token, err = orKept(token, d.TokenPath(), "API token", "--token (PLUMB_TOKEN, PLUMB_TOKEN_FILE)"); err != nil {
		return nil, err
	}
	text, err := orKept(cmp.Or(r.Account, c.Account), d.AccountPath(), "account", "--account (PLUMB_ACCOUNT)")
	if err != nil {
		return nil, err
	}
	account, err := proto.ParseAccount(text)
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: cmp.Or(r.URL, c.URL, defaultURL), Token: token, Account: account, Transport: proxied()})
}

// proxied goes where the environment's proxy variables say: unlike services, a person's tool does.
func proxied() http.RoundTripper { return http.DefaultTransport.(*http.Transport).Clone() }

// context is the one that is named. The current one does not count beside an URL or a directory: its token is
// for the control plane that it names.
func (r *remote) context() (contexts.Context, error) {
	if r.Context == "" && (r.URL != "" || r.Data != "") {
		return contexts.Context{}, nil
	}
	path, err := contextsFile()
	if err != nil && r.Context == "" {
		return contexts.Context{}, nil // nobody's home: there is no file to look at
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
		return c, cli.Usage("the token of the context %s is for %s; give --token for %s", name, c.URL, r.URL)
	}
	return c, err
}

func contextsFile() (string, error) { return cli.ConfigFile("plumb", "contexts.yaml") }

// orKept is what was given, else what a data directory on this machine has.
func orKept(given, path, what, flag string) (string, error) {
	if given != "" {
		return given, nil
	}
	text, err := datadir.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || (err == nil && text == ""):
		return "", fmt.Errorf("no %s: %s is not there; give %s, --context, or --data", what, path, flag)
	case err != nil:
		return "", err
	}
	return text, nil
}
