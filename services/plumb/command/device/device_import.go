package device

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

type deviceImport struct {
	remote.Flags
	render.Output
	File      string `arg:"" help:"File to import; - is standard input."`
	InputForm string `name:"format" enum:"auto,csv,ndjson,json" default:"auto" env:"-" help:"Format of the file: ${enum}. json is an array of objects; auto detects the format."`
}

// Help returns the text that --help shows below the summary.
func (deviceImport) Help() string {
	return "A row has device_id, a UUID, and any of email, serial_number, mac_address, virtual_ipv4 and hostname. " +
		"The first line of a CSV file names its columns. A row replaces the whole device: a value that it leaves out " +
		"becomes empty. Devices that are not in the file stay as they are."
}

func (c *deviceImport) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	in, closeIn, err := c.open(t)
	if err != nil {
		return err
	}
	defer closeIn()
	list := bufio.NewReader(in)
	form, err := c.form(list)
	if err != nil {
		return err
	}
	progress := importProgress{out: t.Err, shown: t.ErrTTY}
	done, err := cl.Import(ctx, form, list, progress.handled)
	progress.clear()
	if n := progress.rows.Load(); err != nil && n > 0 {
		return fmt.Errorf("import %s: %w; at least %d rows were handled: import the file again to complete it",
			c.File, err, n)
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", c.File, err)
	}
	if err := c.Show(t, done, func(tab *render.Table) { importedRows(tab, done) }); err != nil {
		return err
	}
	if done.Refused > 0 {
		return fmt.Errorf("rows refused: %d; the other rows were imported", done.Refused)
	}
	return nil
}

// importProgress shows how many rows the control plane has handled. It is safe for concurrent use.
type importProgress struct {
	out   io.Writer
	shown bool // out is a terminal
	rows  atomic.Int64
}

func (p *importProgress) handled(rows int) {
	p.rows.Store(int64(rows))
	if p.shown {
		fmt.Fprintf(p.out, "\rimporting: %d rows handled ", rows)
	}
}

func (p *importProgress) clear() {
	if p.shown && p.rows.Load() > 0 {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func importedRows(tab *render.Table, done client.Imported) {
	tab.Row("enrolled", done.Enrolled)
	tab.Row("updated", done.Updated)
	tab.Row("unchanged", done.Unchanged)
	tab.Row("refused", done.Refused)
	for _, r := range done.Refusals {
		tab.Row("", fmt.Sprintf("line %d: %s", r.Line, r.Message))
	}
	if more := done.Refused - len(done.Refusals); more > 0 {
		tab.Row("", fmt.Sprintf("and %d more", more))
	}
}

func (c *deviceImport) open(t *cli.Terminal) (io.Reader, func(), error) {
	if c.File == "-" {
		return t.In, func() {}, nil
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}

// form returns the media type of a list, by the flag or by its first character.
func (c *deviceImport) form(list *bufio.Reader) (string, error) {
	forms := map[string]string{"csv": client.CSV, "ndjson": client.NDJSON, "json": client.JSON}
	if form := forms[c.InputForm]; form != "" {
		return form, nil
	}
	head, err := list.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	switch head = bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\ufeff"))); {
	case len(head) == 0:
		return "", fmt.Errorf("%s is empty", c.File)
	case head[0] == '{':
		return client.NDJSON, nil
	case head[0] == '[':
		return client.JSON, nil
	}
	return client.CSV, nil
}
