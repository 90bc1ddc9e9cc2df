// Package compose holds the test of the stack in deploy/: it builds the images, brings the stack up with
// three fetchers, follows its first polls, kills a fetcher and takes the stack down again.
//
// It needs a Docker engine and is therefore behind a build tag:
//
//	go test -tags compose -v ./compose
//
// The engine is the one that the Docker client is set up for; where none answers and the test runs as
// root, it starts one of its own in a temporary directory and stops it afterwards. Where no image registry
// can be reached, the base images are made from what the machine has (Go, its module cache, busybox) under
// the names that the Dockerfile and the compose file use; those stay what a user wants.
package compose
