package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// YAML loads a configuration file whose keys are the names of the flags
// (max-bots or max_bots); lists are YAML lists. It is a kong.ConfigurationLoader.
// A key that is no option of the program is an error, as a misspelt one would
// otherwise be passed over in silence.
func YAML(r io.Reader) (kong.Resolver, error) {
	var values map[string]any
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	f := file{}
	for key, v := range values {
		f[strings.ReplaceAll(key, "_", "-")] = v
	}
	return f, nil
}

type file map[string]any

// Validate refuses keys that name no flag of any command.
func (f file) Validate(app *kong.Application) error {
	known := map[string]bool{}
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known[flag.Name] = true
		}
		return next(nil)
	})
	for key := range f {
		if !known[key] {
			return fmt.Errorf("configuration file: there is no option %q", key)
		}
	}
	return nil
}

// Resolve returns the value for a flag, nil if the file has none or if the
// environment has one: kong would let the file win over it.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return f[flag.Name], nil
}
