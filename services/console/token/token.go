package token

import (
	"embed"
	"errors"
	"net/http"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

const root = "/tokens"

// Register adds the screens of tokens and keys.
func Register(f *frame.Frame) {
	f.Get(root, list)
	f.Get(root+"/new", blank)
	f.Post(root, create)
	f.Get(root+"/{id}", show)
	f.Post(root+"/{id}/rotate", rotate)
	f.Post(root+"/{id}/refresh", refresh)
	f.Post(root+"/{id}/enable", enable(true))
	f.Post(root+"/{id}/disable", enable(false))
	f.Get(root+"/{id}/delete", confirm)
	f.Post(root+"/{id}/delete", remove)
	f.Get(root+"/api", listAPI)
	f.Post(root+"/api", createAPI)
	f.Post(root+"/api/{id}/roll", rollAPI)
	f.Post(root+"/api/{id}/delete", removeAPI)
	f.Get(root+"/keys", showKeys)
	f.Post(root+"/keys/rotate", rotateKeys)
	f.Post(root+"/keys", setInterval)
}

// denied reports whether the person may not do what a request asked for.
func denied(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status == http.StatusForbidden
}

// row is a service token in the list.
type row struct {
	client.ServiceToken
	Now time.Time
}

// soon is how long before its end a token is shown as expiring.
const soon = 30 * 24 * time.Hour

// Pill returns the kind and the word of the token's state.
func (t row) Pill() [2]string {
	switch {
	case !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(t.Now):
		return [2]string{"fail", "Expired"}
	case t.IsDisabled():
		return [2]string{"unk", "Disabled"}
	case !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(t.Now.Add(soon)):
		return [2]string{"warn", "Expires soon"}
	}
	return [2]string{"pass", "Active"}
}

func list(r *frame.Request) error {
	all, err := r.API.ServiceTokens.List(r.Context())
	if err != nil {
		return err
	}
	rows := make([]row, len(all))
	for n, t := range all {
		rows[n] = row{t.Value, r.Now}
	}
	return r.Page(frame.Page{Title: "Tokens and keys", Nav: root, Set: set, Name: "tokens", Data: rows})
}
