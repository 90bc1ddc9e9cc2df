package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
	"plumbline.dev/services/plumb/datadir"
)

// remote says which control plane a command speaks to.
type remote struct {
	URL     string `name:"url" default:"http://127.0.0.1:8400" help:"Control plane." group:"Control plane"`
	Token   string `help:"API token; better by PLUMB_TOKEN_FILE. Without one: the one under --data." placeholder:"TOKEN" group:"Control plane"`
	Account string `env:"PLUMB_ACCOUNT,PLUMB_ACCOUNT_ID" help:"Account id. Without one: the one under --data." placeholder:"ID" group:"Control plane"`
	Data    string `default:"./plumb-data" type:"path" help:"Data directory of a plumb on this machine." group:"Control plane"`
}

// output is how a command shows what it was told.
type output struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"${enum}."`
}

func (r *remote) client() (*client.Client, error) {
	d := datadir.Dir(r.Data)
	token, err := orKept(r.Token, d.TokenPath(), "API token", "--token (PLUMB_TOKEN, PLUMB_TOKEN_FILE)")
	if err != nil {
		return nil, err
	}
	text, err := orKept(r.Account, d.AccountPath(), "account", "--account (PLUMB_ACCOUNT)")
	if err != nil {
		return nil, err
	}
	account, err := proto.ParseAccount(text)
	if err != nil {
		return nil, err
	}
	// Unlike services, a person's tool goes where the environment's proxy variables send it.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return client.New(client.Config{URL: r.URL, Token: token, Account: account, Transport: transport})
}

// orKept is what was given, else what a data directory on this machine has.
func orKept(given, path, what, flag string) (string, error) {
	if given != "" {
		return given, nil
	}
	text, err := datadir.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || (err == nil && text == ""):
		return "", fmt.Errorf("no %s: %s is not there; give %s, or --data", what, path, flag)
	case err != nil:
		return "", err
	}
	return text, nil
}

// show writes v as the output says: as JSON, or by table.
func (o *output) show(t *cli.Terminal, v any, table func(*table)) error {
	if o.Output == "json" {
		enc := json.NewEncoder(t.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	tab := newTable(t)
	table(tab)
	return tab.flush()
}
