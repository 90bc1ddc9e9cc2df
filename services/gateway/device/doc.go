// Package device identifies the enrolled device behind a request, and returns its newest results.
//
// It is a view of two streams. From the inventory it keeps ids and overlay addresses. From the newest entry of each
// page it keeps a byte for each score and two for each verdict. With two checks over one integration this takes 70 to
// 90 bytes per device, or 90 MB for a million. Lookups use memory only, do not allocate, and are safe for concurrent
// use.
//
// Every ambiguity means an unknown device or no pass: an address held by two devices, a certificate naming two, a
// device in another page than its entry, a result past its expiry.
package device
