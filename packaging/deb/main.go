// Command deb writes the Debian package that nfpm.yaml describes into a folder.
// Variables in that file are those of the environment.
//
// It is nfpm's library and not its command, which also makes packages of other
// systems and needs a great deal for that.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: deb NFPM.YAML FOLDER")
		os.Exit(2)
	}
	path, err := write(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "deb:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

func write(description, folder string) (path string, err error) {
	config, err := nfpm.ParseFile(description)
	if err != nil {
		return "", err
	}
	info, err := config.Get("deb")
	if err != nil {
		return "", err
	}
	info = nfpm.WithDefaults(info)
	path = filepath.Join(folder, deb.Default.ConventionalFileName(info))
	info.Target = path
	out, err := os.Create(path)
	if err != nil {
		return "", err
	}
	err = errors.Join(deb.Default.Package(info, out), out.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}
