package command

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type devicesCmd struct {
	List   deviceList   `cmd:"" help:"List some, or find some."`
	Import deviceImport `cmd:"" help:"Enrol or update the devices of a CSV, NDJSON or JSON file."`
	Show   deviceShow   `cmd:"" aliases:"get" help:"Show one."`
	Revoke deviceRevoke `cmd:"" help:"Revoke some: they are not polled any more, and pass no check."`
	Back   deviceBack   `cmd:"" name:"unrevoke" help:"Have some that were revoked polled again."`
	Delete deviceDelete `cmd:"" help:"Remove some."`
}

type deviceImport struct {
	remote
	output
	File   string `arg:"" help:"File; - is standard input."`
	Format string `enum:"auto,csv,ndjson,json" default:"auto" env:"-" help:"Format of the file: ${enum}. json is one array of objects; auto looks at the first character."`
}

// Help is shown by --help.
func (deviceImport) Help() string {
	return "A row has device_id, a UUID, and any of email, serial_number, mac_address, virtual_ipv4, hostname; CSV names its columns in the first line. " +
		"A row is the whole device: what it leaves out becomes empty. Devices that the file does not have stay as they are."
}

func (c *deviceImport) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
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
		return fmt.Errorf("import %s: %w; at least %d rows were handled before: import the list again to complete it", c.File, err, n)
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", c.File, err)
	}
	if err := c.show(t, done, func(tab *table) { importedRows(tab, done) }); err != nil {
		return err
	}
	if done.Refused > 0 {
		return fmt.Errorf("rows refused: %d; the others are enrolled", done.Refused)
	}
	return nil
}

// importProgress shows how many rows the control plane has handled. It is safe for concurrent use.
type importProgress struct {
	out   io.Writer
	shown bool // on a terminal
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

func importedRows(tab *table, done client.Imported) {
	tab.row("enrolled", done.Enrolled)
	tab.row("updated", done.Updated)
	tab.row("unchanged", done.Unchanged)
	tab.row("refused", done.Refused)
	for _, r := range done.Refusals {
		tab.row("", fmt.Sprintf("line %d: %s", r.Line, r.Message))
	}
	if more := done.Refused - len(done.Refusals); more > 0 {
		tab.row("", fmt.Sprintf("and %d more", more))
	}
}

// open returns the list.
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

// form tells what a list is written in.
func (c *deviceImport) form(list *bufio.Reader) (string, error) {
	if form := map[string]string{"csv": client.CSV, "ndjson": client.NDJSON, "json": client.JSON}[c.Format]; form != "" {
		return form, nil
	}
	head, err := list.Peek(512)
	if err != nil && err != io.EOF {
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

type deviceShow struct {
	remote
	reading
	Device string `arg:"" help:"Device: id, host name, serial number or e-mail address."`
}

func (c *deviceShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return c.run(ctx, t, func(ctx context.Context) (view, error) {
		id, err := cl.FindDevice(ctx, c.Device)
		if err != nil {
			return view{}, err
		}
		d, err := cl.Device(ctx, id)
		return view{d, func(tab *table) { objectRows(tab, d) }}, err
	})
}

type deviceDelete struct {
	remote
	confirmation
	Devices []string `arg:"" name:"device" help:"Devices: ids, host names, serial numbers or e-mail addresses."`
}

func (c *deviceDelete) Run(ctx context.Context, t *cli.Terminal) error {
	return c.remote.eachDevice(ctx, t, &c.confirmation, c.Devices, (*client.Client).DeleteDevice, "Remove", "removed")
}
