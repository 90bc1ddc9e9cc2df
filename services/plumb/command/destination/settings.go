package destination

import (
	"context"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// settings are the flags of a destination, except its name and its secret.
type settings struct {
	URLFile  []byte   `name:"hook-url-file" env:"-" type:"filecontent" help:"File with the URL that receives messages, if a part of it is a secret." placeholder:"PATH"`
	Header   []string `env:"-" sep:"none" help:"Header of every message, as NAME=VALUE, or NAME=@PATH for a file with the value. May be repeated." placeholder:"NAME=VALUE"`
	Event    []string `env:"-" help:"Type of event to send. May be repeated. Default: all." placeholder:"TYPE"`
	Template []byte   `env:"-" type:"filecontent" help:"File with a Go template of the body, which must be valid JSON." placeholder:"PATH"`
}

// set sets the members of the given flags, and returns their number.
func (s *settings) set(body map[string]any, url string) (int, error) {
	n := 0
	fromFile := strings.TrimSpace(string(s.URLFile))
	switch {
	case url != "" && fromFile != "":
		return 0, cli.Usage("give either --hook-url or --hook-url-file, not both")
	case url+fromFile != "":
		body["url"] = url + fromFile
		n++
	}
	if len(s.Header) > 0 {
		headers := make([]client.DestinationHeader, len(s.Header))
		for i, text := range s.Header {
			name, value, ok := strings.Cut(text, "=")
			if !ok {
				return 0, cli.Usage("--header %q must be NAME=VALUE", name)
			}
			value, err := resource.ValueOrFile(value)
			if err != nil {
				return 0, err
			}
			headers[i] = client.DestinationHeader{Name: name, Value: value}
		}
		body["headers"] = headers
		n++
	}
	if len(s.Event) > 0 {
		body["events"] = s.Event
		n++
	}
	if len(s.Template) > 0 {
		body["template"] = string(s.Template)
		n++
	}
	return n, nil
}

type create struct {
	remote.Flags
	render.Output
	Name string `required:"" env:"-" help:"Name of the destination."`
	URL  string `name:"hook-url" env:"-" help:"URL that receives messages by POST." placeholder:"URL"`
	settings
	SecretFile string `type:"path" env:"-" help:"Write the secret to this new file, with mode 0600, instead of showing it." placeholder:"PATH"`
}

// Help returns the text that --help shows below the summary.
func (create) Help() string {
	return "Messages are those of Standard Webhooks 1.0.0: JSON, signed with the secret, which only this command shows. " +
		"The URL and the values of headers are never shown again. " +
		"Messages are sent in order, and again until the receiver accepts them, so one may come twice, with the same id."
}

// Run creates the destination.
func (c *create) Run(ctx context.Context, t *cli.Terminal) error {
	body := map[string]any{"name": c.Name}
	if _, err := c.set(body, c.URL); err != nil {
		return err
	}
	if body["url"] == nil {
		return cli.Usage("give --hook-url or --hook-url-file")
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	file, err := resource.Reserve(c.SecretFile, "--secret-file")
	if err != nil {
		return err
	}
	defer file.Release()
	made, err := cl.EventDestinations().Create(ctx, body)
	if err != nil {
		return err
	}
	return destinations.PrintSecret(ctx, t, cl, &c.Output, file, made, made.Value.Secret,
		"was created, but its secret was not saved; rotate it")
}

type edit struct {
	NewName string `name:"name" env:"-" help:"New name."`
	URL     string `name:"hook-url" env:"-" help:"New URL." placeholder:"URL"`
	settings
}

// Edit changes the members of the given flags.
func (c edit) Edit(_ context.Context, _ *cli.Terminal, _ *client.Client, _ client.EventDestination,
	body map[string]any) (int, error) {
	n, err := c.set(body, c.URL)
	if c.NewName != "" {
		body["name"] = c.NewName
		n++
	}
	return n, err
}
