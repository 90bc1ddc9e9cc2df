// Package control measures the control plane of a large account: the response times of a page of a list, a single
// resource and a change, for one client, and the memory used by the entire program.
//
// It builds plumb, starts it on free loopback ports in a temporary directory, and fills it over HTTP. It then sends
// one request at a time over one connection, reading each response to its end without decoding it. Pages and
// resources are chosen at random, so that caches are no warmer than in practice. Other activity on the machine
// affects the results.
package control
