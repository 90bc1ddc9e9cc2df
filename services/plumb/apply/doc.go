// Package apply makes an account match documents. [New] compares the documents with the account and returns the
// changes; it is a pure function. [Plan.Run] makes them.
//
// A member that a document leaves out stays as it is, null removes a member, and a list is replaced as a whole. A
// document refers to another resource by its name or its id. Secrets are references, ${env:NAME} or ${file:PATH}. The
// API does not return secrets, so they are not compared; they are sent with a resource that is created or changed.
package apply
