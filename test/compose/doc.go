// Package compose tests the stack in deploy/: it builds the images, starts the stack with three fetchers, follows its
// first polls, kills a fetcher and stops the stack.
//
// It needs a Docker engine and is therefore behind a build tag:
//
//	go test -tags compose -v ./compose
//
// It uses the engine configured for the Docker client. If this engine does not answer and the test runs as root, it
// starts a temporary one and stops it afterwards. If no image registry is reachable, the base images are built from
// local files (Go, its module cache, busybox) under the names used in the Dockerfile and the compose file.
package compose
