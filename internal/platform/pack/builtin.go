package pack

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"steno/internal/meeting"
)

//go:embed builtin
var builtin embed.FS

// Platforms lists those that have a pack.
func Platforms() []meeting.Platform {
	files, err := builtin.ReadDir("builtin")
	if err != nil {
		panic(err) // part of the program
	}
	var list []meeting.Platform
	for _, f := range files {
		list = append(list, meeting.Platform(strings.TrimSuffix(f.Name(), ".yaml")))
	}
	return list
}

// Has tells whether a platform has a pack.
func Has(p meeting.Platform) bool { return slices.Contains(Platforms(), p) }

// Builtin returns the pack of a platform that is part of the program. It
// panics if there is none: the tests parse them all.
func Builtin(p meeting.Platform) *Pack {
	name := fileName(p)
	data, err := builtin.ReadFile("builtin/" + name)
	if err != nil {
		panic(err)
	}
	pack, err := Parse(name, data)
	if err != nil {
		panic(err)
	}
	return pack
}

func fileName(p meeting.Platform) string { return string(p) + ".yaml" }

// maxFile bounds a pack's file; the built-in ones have some ten thousand bytes.
const maxFile = 1 << 20

// Load reads the operator's pack of a platform from a folder, where it is
// called PLATFORM.yaml. It returns nil when there is none, or no folder is
// given.
func Load(folder string, p meeting.Platform) (*Pack, error) {
	if folder == "" || !Has(p) {
		return nil, nil
	}
	pack, err := ReadFile(filepath.Join(folder, fileName(p)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && pack.Platform != p {
		return nil, &Problem{File: filepath.Join(folder, fileName(p)), Place: "platform", Rule: fmt.Sprintf("is %s, but the file's name says %s", pack.Platform, p)}
	}
	return pack, err
}

// ReadFile reads and checks a pack's file.
func ReadFile(path string) (*Pack, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read pack: %w", err)
	}
	if info.Size() > maxFile {
		return nil, &Problem{File: path, Rule: fmt.Sprintf("has %d bytes; a pack has %d at most", info.Size(), maxFile)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read pack: %w", err)
	}
	return Parse(path, data)
}
