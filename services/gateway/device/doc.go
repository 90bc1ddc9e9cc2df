// Package device tells which enrolled device is behind a request, and what the newest results say of it.
//
// It is a view of two streams. From the inventory it keeps ids and overlay addresses, some 65 bytes a device;
// from the state of the results it keeps, of each page's newest entry, a byte for the score and two for each
// verdict, not the entry. It answers from memory, without allocating, and is safe for concurrent use.
//
// Everything that is in doubt is nobody's device and no pass: an address that two devices hold, a certificate
// that names two, a device that is in another page than the entry which speaks of it, a result that should
// have expired.
package device
