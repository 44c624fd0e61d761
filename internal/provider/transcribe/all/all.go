// Package all lists the transcription services.
package all

import (
	"fmt"
	"slices"

	"steno/internal/provider/transcribe"
	"steno/internal/provider/transcribe/assemblyai"
	"steno/internal/provider/transcribe/deepgram"
	"steno/internal/provider/transcribe/gladia"
	"steno/internal/provider/transcribe/openai"
	"steno/internal/transcript"
)

// Service is a client that can be closed.
type Service interface {
	transcript.Service
	Close()
}

var services = map[string]func(transcribe.Options) (Service, error){
	"gladia":     func(o transcribe.Options) (Service, error) { return gladia.New(o) },
	"assemblyai": func(o transcribe.Options) (Service, error) { return assemblyai.New(o) },
	"deepgram":   func(o transcribe.Options) (Service, error) { return deepgram.New(o) },
	"openai":     func(o transcribe.Options) (Service, error) { return openai.New(o) },
}

// Names lists the services, the contract's own first.
var Names = []string{"gladia", "assemblyai", "deepgram", "openai"}

// New returns the client of a service.
func New(name string, o transcribe.Options) (Service, error) {
	if !slices.Contains(Names, name) {
		return nil, fmt.Errorf("there is no transcription service %q; there are %v", name, Names)
	}
	return services[name](o)
}
