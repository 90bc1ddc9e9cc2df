// Package policycache compiles the policies of applications for decisions, once per revision, from the cached
// configuration. The deciding services share it.
package policycache
