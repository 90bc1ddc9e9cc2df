// Package registry is the service that enrols devices: it places each into a page of the DEVICES bucket,
// and is the only writer of pages.
//
// Commands come from DEVICE_COMMANDS one at a time, however many registries run: their one durable
// consumer has a MaxAckPending of 1, and a command that is tried again still counts against it, so that no
// later command passes an earlier one. The pages that a command changes are committed in one atomic batch
// together with a cursor: the command's sequence and its answer. The batch expects the cursor's and every
// page's revision, so a registry that wrongly believes itself alone is refused, catches up, and goes on
// from what the cursor says. A command is therefore applied once, whoever dies when.
//
// What the registry remembers is an index made from the bucket (device to page); a page's devices are read
// when a command touches the page.
package registry
