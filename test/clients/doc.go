// Package clients holds the control plane against clients of other languages, as their registries have them: the
// official TypeScript SDK, the newest version and an older one, and Debian's python-cloudflare; and against curl,
// as Cloudflare's documentation calls it.
//
// They need Node.js and npm, Python with CloudFlare, and curl (Debian: nodejs, npm, python3-cloudflare, curl),
// and are therefore behind a build tag:
//
//	go test -tags clients -v ./clients
//
// The packages of npm are installed once, in the user's cache directory.
package clients
