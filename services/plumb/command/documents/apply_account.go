package documents

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

// maxReferenced is the largest file that a document may refer to, in bytes.
const maxReferenced = 1 << 20

// lookup returns the value of a reference in a document: kind is env or file, and base is the directory that relative
// paths start from.
func lookup(kind, name, base string) (string, error) {
	if kind == "env" {
		value, ok := cli.Variable(name)
		if !ok || value == "" {
			return "", errors.New("the environment variable is not set")
		}
		return value, nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(base, name)
	}
	text, err := os.ReadFile(name)
	if err == nil && len(text) > maxReferenced {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxReferenced)
	}
	return strings.TrimSpace(string(text)), err
}

// account adapts a client to package apply.
type account struct{ cl *client.Client }

func (a account) Get(ctx context.Context, k client.Kind, id string) (client.Object, string, error) {
	i, err := a.cl.Objects(k).Get(ctx, id)
	return i.Value, i.Revision, err
}

func (a account) Create(ctx context.Context, k client.Kind, body any) (client.Object, error) {
	if k.Traits().Single { // it always exists
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
