// Package browser tests user logins in a browser, Debian's Chromium, with an independent OpenID Connect provider
// (npm's oidc-provider).
//
// It needs Chromium, Node.js and npm (Debian: chromium, nodejs, npm) and is therefore behind a build tag:
//
//	go test -tags browser -v ./browser
//
// The provider's packages are installed once, in the user's cache directory. PLUMBLINE_CHROMIUM sets the path of a
// different Chromium-based browser. With -artifacts, screenshots of failures are kept.
package browser
