//go:build !unix

package durable

import "io/fs"

func owners(fs.FileInfo) string { return "" }
