// Package control measures the control plane of an account that is large: how long one client waits for a page
// of a list, for one resource, and for a change, and what memory the whole program takes.
//
// It builds plumb, starts it on free loopback ports and in a temporary directory, and fills it over HTTP, as
// any client would. Then it asks, one request at a time over one connection, and reads each answer to its end
// without decoding it. Pages and resources are drawn at random, so that nothing is measured twice as warm as it
// would be. What else the machine does is in the numbers.
package control
