package device

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Devices is the command plumb devices.
type Devices struct {
	List     deviceList     `cmd:"" help:"List or search devices."`
	Export   deviceExport   `cmd:"" help:"Write every device with its newest results to standard output."`
	Import   deviceImport   `cmd:"" help:"Enrol or update the devices of a CSV, NDJSON or JSON file."`
	Show     deviceShow     `cmd:"" aliases:"get" help:"Show a device."`
	Revoke   deviceRevoke   `cmd:"" help:"Revoke devices. They are no longer polled and pass no check."`
	Unrevoke deviceUnrevoke `cmd:"" help:"Undo the revocation of devices. They are polled again."`
	Delete   deviceDelete   `cmd:"" help:"Delete devices."`
}

type deviceShow struct {
	remote.Flags
	render.Reading
	Device string `arg:"" completes:"device" help:"Device: id, host name, serial number or e-mail address."`
}

func (c *deviceShow) Run(ctx context.Context, t *cli.Terminal) error {
	return resource.Read(ctx, t, &c.Flags, &c.Reading,
		func(cl *client.Client, ctx context.Context) (json.RawMessage, error) {
			id, err := cl.FindDevice(ctx, c.Device)
			if err != nil {
				return nil, err
			}
			return cl.Device(ctx, id)
		}, memberRows)
}

// memberRows adds a row for each member of an object that is neither null nor empty, in the object's order.
func memberRows(tab *render.Table, raw json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return
	}
	for d.More() {
		name, _ := d.Token()
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return
		}
		var text string
		if json.Unmarshal(v, &text) != nil {
			text = string(v)
		}
		if name == "exemptions" {
			exemptionRows(tab, v)
			continue
		}
		if text != "" && text != "null" {
			tab.Row(strings.ReplaceAll(fmt.Sprint(name), "_", " "), text)
		}
	}
}

func exemptionRows(tab *render.Table, raw json.RawMessage) {
	var all []client.Exemption
	_ = json.Unmarshal(raw, &all)
	for _, x := range all {
		tab.Row("exempt", fmt.Sprintf("from %s until %s, by %s: %s", x.From(), render.Moment(x.Until), x.Author, x.Reason))
	}
}

// deviceNames are the arguments of commands that change several devices.
type deviceNames struct {
	Devices []string `arg:"" name:"device" completes:"device" help:"Devices: ids, host names, serial numbers or e-mail addresses."`
}

type deviceRevoke struct {
	remote.Flags
	deviceNames
}

func (c *deviceRevoke) Run(ctx context.Context, t *cli.Terminal) error {
	return c.each(ctx, t, &c.Flags, nil, (*client.Client).RevokeDevice, "Revoke", "revoked")
}

type deviceUnrevoke struct {
	remote.Flags
	deviceNames
}

func (c *deviceUnrevoke) Run(ctx context.Context, t *cli.Terminal) error {
	return c.each(ctx, t, &c.Flags, nil, (*client.Client).UnrevokeDevice, "Unrevoke", "unrevoked")
}

type deviceDelete struct {
	remote.Flags
	resource.Confirmation
	deviceNames
}

func (c *deviceDelete) Run(ctx context.Context, t *cli.Terminal) error {
	return c.each(ctx, t, &c.Flags, &c.Confirmation, (*client.Client).DeleteDevice, "Remove", "removed")
}

// each finds every device, asks for confirmation unless c is nil, and then calls act for one device after the other. It
// stops at the first error.
func (n *deviceNames) each(ctx context.Context, t *cli.Terminal, r *remote.Flags, c *resource.Confirmation,
	act func(*client.Client, context.Context, string) error, verb, done string) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	ids := make([]string, len(n.Devices))
	for i, name := range n.Devices {
		if ids[i], err = cl.FindDevice(ctx, name); err != nil {
			return err
		}
	}
	if c != nil {
		question := fmt.Sprintf("%s %d devices?", verb, len(ids))
		if len(ids) == 1 {
			question = fmt.Sprintf("%s device %s?", verb, ids[0])
		}
		if err := c.Confirm(ctx, t, question); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := act(cl, ctx, id); err != nil {
			return fmt.Errorf("device %s: %w", render.Clean(id), err)
		}
		fmt.Fprintln(t.Out, done, id)
	}
	return nil
}
