// Package access holds the commands for applications and for what their policies refer to: groups, identity providers,
// service tokens, tags, signing keys and the account's access settings.
package access
