package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"steno/internal/api/admin"
	"steno/internal/api/unified"
	v1 "steno/internal/api/v1"
	v2 "steno/internal/api/v2"
)

// WriteOpenAPI writes the OpenAPI document of a surface, as the server serves
// it: v1, v2, calendar or admin.
func WriteOpenAPI(w io.Writer, surface, version string) error {
	api, err := described(chi.NewRouter(), surface, version)
	if err != nil {
		return err
	}
	doc, err := api.OpenAPI().MarshalJSON()
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

// described is a surface without rooms, which is enough to describe it.
func described(r chi.Router, surface, version string) (huma.API, error) {
	switch surface {
	case "v1":
		return (&v1.Surface{Version: version}).Mount(r), nil
	case "v2":
		return (&v2.Surface{Version: version}).Mount(r), nil
	case "calendar":
		return (&unified.Surface{Version: version}).Mount(r), nil
	case "admin":
		return (&admin.Surface{Version: version}).Mount(r), nil
	}
	return nil, fmt.Errorf("there is no surface %q; use v1, v2, calendar or admin", surface)
}
