package v2

import (
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/api/door"
	"steno/internal/bot"
)

// jsonFormat reads and writes bodies: on create, null and absent mean the same.
var jsonFormat = door.Lenient("extra", "custom_params")

// images is bot_image: one URL, or a list of them.
type images []string

// Schema describes both forms.
func (images) Schema(huma.Registry) *huma.Schema {
	one, five := 1, 5
	uri := &huma.Schema{Type: huma.TypeString, Format: "uri"}
	return &huma.Schema{OneOf: []*huma.Schema{uri, {Type: huma.TypeArray, Items: uri, MinItems: &one, MaxItems: &five}}}
}

// UnmarshalJSON reads both forms.
func (i *images) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if len(data) > 0 && data[0] == '"' {
		*i = images{""}
		return json.Unmarshal(data, &(*i)[0])
	}
	return json.Unmarshal(data, (*[]string)(i))
}

func stamp(t time.Time) string { return t.UTC().Format(bot.Stamp) }

func maybeStamp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := stamp(*t)
	return &s
}
