// Package browser holds the test that people's logins work in a browser: Debian's Chromium, against an
// OpenID Connect provider that is not ours (npm's oidc-provider).
//
// It needs Chromium, Node.js and npm (Debian: chromium, nodejs, npm) and is therefore behind a build tag:
//
//	go test -tags browser -v ./browser
//
// The provider's packages are installed once, in the user's cache directory. PLUMBLINE_CHROMIUM names another
// browser of the kind. With -artifacts the screenshots of what failed are kept.
package browser
