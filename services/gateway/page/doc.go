// Package page renders the gateway's own responses: pages for people, JSON for machines. A page loads no other
// resources and runs no script, and its headers enforce both.
package page
