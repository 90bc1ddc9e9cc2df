// Package login logs people in and out: with an API token, or with a one-time link.
package login
