// Package apply makes an account match documents. [New] compares them with what the account has and says what
// would change; it is a pure function. [Plan.Run] does it.
//
// A document says what it mentions and no more: members that it leaves out stay as they are, null takes one
// away, a list is replaced as a whole. Where the API wants the id of another resource, a document has its name;
// an id will do, too. Secrets are references, ${env:NAME} or ${file:PATH}: no answer has them, so they are sent
// when something is created or changed, and are no difference by themselves.
package apply
