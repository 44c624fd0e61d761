package guest

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strings"

	"steno/internal/platform/pack"
)

var (
	//go:embed look.js
	lookScript string
	//go:embed channels.js
	channelsScript string
)

// lookExpression is the one expression that an observation evaluates: the
// script, applied to what it needs of the pack, and to the next step towards a
// layout, if there is one.
func lookExpression(p *pack.Pack, layout []pack.Step) string {
	var next any
	if len(layout) > 0 {
		next = map[string]any{"press": texts(layout[0].Press), "click": some(layout[0].Click)}
	}
	dialogs := []any{}
	for _, d := range p.Dialogs {
		dialogs = append(dialogs, map[string]any{
			"name": d.Name, "when": d.When, "text": texts(d.Text), "press": texts(d.Press), "click": some(d.Click), "unless": some(d.Unless),
		})
	}
	view, err := json.Marshal(map[string]any{
		"selectors": plain(p.Selectors), "attributes": plain(p.Attributes), "texts": plain(p.Texts),
		"signals": p.Signals, "dialogs": dialogs, "layout": next,
	})
	if err != nil {
		panic(err) // strings in maps and lists
	}
	return "(" + strings.TrimSpace(lookScript) + ")(" + string(view) + ")"
}

// plain makes a map of lists of one of a pack's structures; what is missing is
// an empty list, which the script need not ask about.
func plain(s any) map[string][]string {
	v := reflect.ValueOf(s)
	out := map[string][]string{}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		switch list := v.Field(i).Interface().(type) {
		case pack.Words:
			out[name] = texts(list)
		case []string:
			out[name] = some(list)
		}
	}
	return out
}

func texts(w pack.Words) []string { return some(w.All()) }

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
