package app

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documents are where each surface serves its document.
var documents = map[string]string{
	"v1": "/openapi.json", "v2": "/v2/openapi.json", "calendar": "/api/v2/calendar/openapi.json", "admin": "/admin/v1/openapi.json",
}

// openAPI31 is the schema of the specification itself.
func openAPI31(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(datamodel.OpenAPI31SchemaData))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// Clients are generated from these documents: each must be what the
// specification says, its references must lead somewhere, its operations must
// have names of their own, and every route must be in it.
func TestEachDocumentIsValidAndListsEveryRoute(t *testing.T) {
	schema := openAPI31(t)
	for surface, at := range documents {
		t.Run(surface, func(t *testing.T) {
			r := chi.NewRouter()
			if _, err := described(r, surface, "test"); err != nil {
				t.Fatal(err)
			}
			out := httptest.NewRecorder()
			r.ServeHTTP(out, httptest.NewRequest(http.MethodGet, at, nil))
			text := out.Body.Bytes()
			tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatalf("%d %v", out.Code, err)
			}
			if err := schema.Validate(tree); err != nil {
				t.Error(err)
			}
			doc, err := libopenapi.NewDocument(text)
			if err != nil {
				t.Fatal(err)
			}
			model, err := doc.BuildV3Model()
			if err != nil {
				t.Fatal(err)
			}
			if model.Model.Version[:4] != "3.1." {
				t.Errorf("version %s", model.Model.Version)
			}
			described, names := map[string]bool{}, map[string]string{}
			for path, item := range model.Model.Paths.PathItems.FromOldest() {
				for method, op := range item.GetOperations().FromOldest() {
					here := strings.ToUpper(method) + " " + path
					described[here] = true
					if other := names[op.OperationId]; other != "" || op.OperationId == "" {
						t.Errorf("%s is called %q, and so is %q", here, op.OperationId, other)
					}
					names[op.OperationId] = here
					for _, p := range op.Parameters {
						if p.In == "path" && !strings.Contains(path, "{"+p.Name+"}") {
							t.Errorf("%s has no {%s}", here, p.Name)
						}
					}
				}
			}
			served := served(t, r, at)
			for _, route := range slices.Sorted(maps.Keys(served)) {
				if !described[route] {
					t.Errorf("%s is served and not in the document", route)
				}
			}
			for route := range described {
				if !served[route] {
					t.Errorf("%s is in the document and not served", route)
				}
			}
		})
	}
}

// served are the routes of a surface, without its document, what answers for
// paths that there are not, and HEAD.
func served(t *testing.T, r chi.Router, document string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := chi.Walk(r, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method != http.MethodHead && route != document && !strings.HasSuffix(route, "*") && route != strings.TrimSuffix(document, "/openapi.json") {
			out[method+" "+route] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What is printed is what is served, for each surface.
func TestEachDocumentIsPrinted(t *testing.T) {
	for surface := range documents {
		var out bytes.Buffer
		if err := WriteOpenAPI(&out, surface, "test"); err != nil || !strings.Contains(out.String(), `"openapi": "3.1.0"`) {
			t.Errorf("%s: %v, %.200s", surface, err, out.String())
		}
	}
	if err := WriteOpenAPI(&bytes.Buffer{}, "v3", "test"); err == nil || !strings.Contains(err.Error(), "use v1, v2, calendar or admin") {
		t.Errorf("%v", err)
	}
}
