// Package device tells which enrolled device is behind a request, and what the newest results say of it.
//
// It is a view of two streams. From the inventory it keeps ids and overlay addresses; from the state of the
// results, of each page's newest entry, a byte for the score and two for each verdict, not the entry. With two
// checks over one integration that is 70 to 90 bytes a device, 90 MB for a million. It answers from memory,
// without allocating, and is safe for concurrent use.
//
// Everything that is in doubt is nobody's device and no pass: an address that two devices hold, a certificate
// that names two, a device that is in another page than the entry which speaks of it, a result that should
// have expired.
package device
