package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// maxReferred bounds a file that a document refers to.
const maxReferred = 1 << 20

// lookup reads what a reference in a document stands for.
func lookup(kind, name, base string) (string, error) {
	if kind == "env" {
		value, ok := cli.Variable(name)
		if !ok || value == "" {
			return "", errors.New("the variable is not set")
		}
		return value, nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(base, name)
	}
	text, err := os.ReadFile(name)
	if err == nil && len(text) > maxReferred {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxReferred)
	}
	return strings.TrimSpace(string(text)), err
}

// account is a control plane as package apply wants it.
type account struct{ cl *client.Client }

func (a account) Get(ctx context.Context, k client.Kind, id string) (client.Object, string, error) {
	i, err := a.cl.Objects(k).Get(ctx, id)
	return i.Value, i.Revision, err
}

func (a account) Create(ctx context.Context, k client.Kind, body any) (client.Object, error) {
	if k == client.KindOrganization { // there always is one
		return a.Replace(ctx, k, "", "", body)
	}
	i, err := a.cl.Objects(k).Create(ctx, body)
	return i.Value, err
}

func (a account) Replace(ctx context.Context, k client.Kind, id, revision string, body any) (client.Object, error) {
	i, err := a.cl.Objects(k).Replace(ctx, id, revision, body)
	return i.Value, err
}

func (a account) Delete(ctx context.Context, k client.Kind, id string) error {
	return a.cl.Objects(k).Delete(ctx, id)
}
