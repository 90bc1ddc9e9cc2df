// Package docs runs the snippets in the documents, and checks their tables and references.
//
// Each block of sh, go, python or js in a document is preceded by a line with the comment <!-- test: NAME -->. Each
// name refers to a snippet used by one of the tests; TestEverySnippetHasATest fails for a block without a test.
//
// Shell snippets are run with bash, on installations started by the tests; addresses in a snippet are replaced by
// those of the installation. Snippets in other languages, and the follower in shell, need Node.js, npm,
// Python with PyJWT and msgpack, curl and jq, and are behind a build tag:
//
//	go test -tags clients ./docs
package docs
