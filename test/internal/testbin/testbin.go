// Package testbin finds the program that tests drive as a process of its own.
package testbin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Find returns the program's file: the one that STENO_TEST_BINARY names, which is
// the one that the build made, else one that is built here. remove is to be called
// when no process of it is needed any more.
func Find() (file string, remove func(), err error) {
	if file := os.Getenv("STENO_TEST_BINARY"); file != "" {
		return file, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "steno-test-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	file = filepath.Join(dir, "steno")
	if out, err := exec.Command("go", "build", "-o", file, "steno/cmd/steno").CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("build steno: %w\n%s", err, out)
	}
	return file, remove, nil
}
