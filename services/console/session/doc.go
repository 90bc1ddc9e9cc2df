// Package session knows who uses the console: people who logged in with an API token or a one-time link, and members
// whom the gateway authenticated. Sessions and links are held in memory; a restart ends them.
package session
