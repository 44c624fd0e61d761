package app

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/go-chi/chi/v5"

	v2 "steno/internal/api/v2"
)

// WriteOpenAPI writes the OpenAPI document of the API v2, as the server serves
// it.
func WriteOpenAPI(w io.Writer, version string) error {
	doc, err := (&v2.Surface{Version: version}).Mount(chi.NewRouter()).OpenAPI().MarshalJSON()
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, doc, "", "  "); err != nil {
		return err
	}
	pretty.WriteByte('\n')
	_, err = pretty.WriteTo(w)
	return err
}
