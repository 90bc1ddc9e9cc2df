package documents

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/cloudflare"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/document"
)

// Import is the command plumb import.
type Import struct {
	Cloudflare importCloudflare `cmd:"" help:"Export a Cloudflare account, or a Terraform state of one, to files for plumb apply."`
}

type importCloudflare struct {
	Out               string        `type:"path" required:"" env:"-" help:"Directory for the new files, one per kind; - is standard output." placeholder:"DIR"`
	TerraformState    []byte        `env:"-" type:"filecontent" help:"Read this Terraform state (version 4) instead of an account." placeholder:"PATH"`
	CloudflareURL     string        `default:"https://api.cloudflare.com" help:"URL of the API of the account."`
	CloudflareAccount proto.Account `env:"PLUMB_CLOUDFLARE_ACCOUNT,CLOUDFLARE_ACCOUNT_ID" help:"Account id." placeholder:"ID"`
	CloudflareToken   string        `env:"PLUMB_CLOUDFLARE_TOKEN,CLOUDFLARE_API_TOKEN" help:"API token with read permissions; prefer PLUMB_CLOUDFLARE_TOKEN_FILE." placeholder:"TOKEN"`
}

// Help returns the text that --help shows below the summary.
func (importCloudflare) Help() string {
	return "Exports integrations, checks, applications, policies, groups, service tokens, identity providers, tags and " +
		"devices. A Terraform state has no devices. Settings that cannot be exported are listed, and the exit code is 7. " +
		"Secrets cannot be exported: the files refer to environment variables, and comments explain their values. " +
		"The command changes nothing; run plumb apply -f DIR afterwards."
}

func (c *importCloudflare) Run(ctx context.Context, t *cli.Terminal) error {
	found, leftOut, err := c.read(ctx, t)
	var devices kindFile
	if err == nil {
		var missing []string
		devices, missing, err = c.devices(ctx, t)
		leftOut = append(leftOut, missing...)
	}
	for _, what := range leftOut {
		fmt.Fprintf(t.Err, "left out: %s\n", render.Clean(what))
	}
	if err != nil && len(leftOut) > 0 {
		return cli.Exit(cli.ExitPartial, err)
	}
	if err != nil {
		return err
	}
	files, err := byKind(apply.Export(found))
	if err != nil {
		return err
	}
	if err := c.put(t, files, devices); err != nil {
		return err
	}
	if len(leftOut) > 0 {
		return cli.Exit(cli.ExitPartial,
			fmt.Errorf("%d settings listed above were left out: add them by hand before plumb apply", len(leftOut)))
	}
	return nil
}

// put writes the files to the directory, or to standard output.
func (c *importCloudflare) put(t *cli.Terminal, files []kindFile, devices kindFile) error {
	if c.Out == "-" || filepath.Base(c.Out) == "-" {
		for n, f := range files {
			if n > 0 {
				fmt.Fprintln(t.Out, "---")
			}
			if _, err := t.Out.Write(f.text); err != nil {
				return err
			}
		}
		if devices.count > 0 {
			fmt.Fprintf(t.Err, "%d devices are not shown: use --out DIR to write them to DIR/%s\n", devices.count, devicesFile)
		}
		return nil
	}
	if devices.count > 0 {
		files = append(files, devices)
	}
	if err := writeNew(t, c.Out, files); err != nil {
		return err
	}
	next := "a Terraform state has no devices: import them from a list with plumb devices import"
	if devices.count > 0 {
		next = "then run: plumb devices import " + filepath.Join(c.Out, devicesFile)
	}
	_, err := fmt.Fprintln(t.Err, next)
	return err
}

func (c *importCloudflare) read(ctx context.Context, t *cli.Terminal) (apply.State, []string, error) {
	if len(c.TerraformState) > 0 {
		return cloudflare.Terraform(c.TerraformState)
	}
	cl, err := c.account(t)
	if err != nil {
		return nil, nil, err
	}
	defer cl.Close()
	return cloudflare.Account(ctx, cl)
}

// account returns a client of the account to export.
func (c *importCloudflare) account(t *cli.Terminal) (*client.Client, error) {
	if c.CloudflareToken == "" || c.CloudflareAccount.IsZero() {
		return nil, cli.Usage("give --cloudflare-account and --cloudflare-token, or --terraform-state")
	}
	return client.New(client.Config{URL: c.CloudflareURL, Token: c.CloudflareToken, Account: c.CloudflareAccount,
		Transport: remote.Transport(), Wait: remote.WaitAloud(t)})
}

type kindFile struct {
	name  string
	count int
	text  []byte
}

func byKind(docs []document.Document) ([]kindFile, error) {
	var files []kindFile
	for _, k := range apply.Kinds() {
		var some []document.Document
		for _, d := range docs {
			if d.Kind == string(k) {
				some = append(some, d)
			}
		}
		if len(some) == 0 {
			continue
		}
		text, err := document.Write(some...)
		if err != nil {
			return nil, err
		}
		files = append(files, kindFile{plural(string(k)) + ".yaml", len(some), text})
	}
	return files, nil
}

func plural(kind string) string {
	if stem, ok := strings.CutSuffix(kind, "y"); ok {
		return stem + "ies"
	}
	return kind + "s"
}

// writeNew writes the files to a directory. It fails if one of them exists.
func writeNew(t *cli.Terminal, dir string, files []kindFile) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s already exists: name another directory with --out", path)
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, f.text, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "%s: %d\n", path, f.count)
	}
	_, err := fmt.Fprintf(t.Err, "check the files, then run: plumb apply -f %s\n", dir)
	return err
}
