//go:build !unix

package durable

import "io/fs"

func owners(fs.FileInfo) string { return "" }

// FileID tells files apart on other systems.
func FileID(string) (string, error) { return "", nil }
