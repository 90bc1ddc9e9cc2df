// Package process holds the commands that run Plumbline in one process, and those that prepare the files and the streams
// of services that run as processes of their own.
package process
