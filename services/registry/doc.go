// Package registry is the service that enrols devices: it places each into a page of the DEVICES bucket, and is the
// only writer of pages.
//
// Commands come from DEVICE_COMMANDS one at a time, regardless of the number of registries: their one durable consumer
// has a MaxAckPending of 1, and a retried command still counts against it, so no later command passes an earlier one.
// The pages changed by a command are committed in one atomic batch together with a cursor: the command's sequence and
// its answer. The batch expects the cursor's and every page's revision. A second registry is therefore rejected,
// catches up, and continues from the cursor. A command is applied once, even if a registry dies at any moment.
//
// The registry keeps an index of the bucket in memory (device to page); a page's devices are read when a command
// touches the page.
package registry
