// Package documents holds the commands that read and write files of resources: plumb apply and plumb import.
package documents
