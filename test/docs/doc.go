// Package docs runs the snippets of the documents, and checks the tables and references in them.
//
// A block of sh, go, python or js in a document has the comment <!-- test: NAME --> on the line before it. Each name
// is that of a snippet in one of the tests here; a block without a test fails TestEverySnippetHasATest.
//
// The tests run the shell's snippets with bash, on installations of their own: addresses in a snippet are replaced by
// those of the installation. Snippets of other languages need Node.js, npm and Python with PyJWT, and are behind a
// build tag:
//
//	go test -tags clients ./docs
package docs
