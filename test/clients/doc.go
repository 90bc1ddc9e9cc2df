// Package clients tests the control plane with published clients in other languages: the official TypeScript SDK, in
// the newest and an older version; Debian's python-cloudflare; and curl, as shown in Cloudflare's documentation.
//
// They need Node.js and npm, Python with CloudFlare, and curl (Debian: nodejs, npm, python3-cloudflare, curl), and
// are therefore behind a build tag:
//
//	go test -tags clients -v ./clients
//
// The npm packages are installed once, in the user's cache directory.
package clients
