package calendar_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/store"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// schemas of the original service's payloads, by event. The document is not
// part of this repository: it lies beside it.
func schemas(t *testing.T) map[string]map[string]any {
	t.Helper()
	file := filepath.Join("..", "..", "..", "shared", "contract", "meetingbaas-v2.openapi.json")
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skipf("the reference document is not there (%s)", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	for name, s := range doc.Components.Schemas {
		props, _ := s["properties"].(map[string]any)
		event, _ := props["event"].(map[string]any)
		if c, ok := event["const"].(string); ok && name != "" {
			out[c] = s
		}
	}
	return out
}

// fits reports where a value is not as the schema says: missing and unknown
// members, wrong kinds, words that are not in an enum.
func fits(path string, schema map[string]any, v any) (bad []string) {
	if any_, ok := schema["anyOf"].([]any); ok {
		for _, s := range any_ {
			if m, ok := s.(map[string]any); ok && len(fits(path, m, v)) == 0 {
				return nil
			}
		}
		return []string{path + " fits none of the forms"}
	}
	if c, ok := schema["const"]; ok && c != v {
		return []string{path + " is not what it must be"}
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, v) {
		return []string{path + " is not one of the words"}
	}
	kind := schema["type"]
	switch v := v.(type) {
	case map[string]any:
		if kind != "object" {
			return []string{path + " is an object"}
		}
		props, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, r := range required {
			if _, ok := v[r.(string)]; !ok {
				bad = append(bad, path+"/"+r.(string)+" is missing")
			}
		}
		for name, member := range v {
			s, ok := props[name].(map[string]any)
			if !ok && name != "sequence" { // ours: messages may overtake each other
				bad = append(bad, path+"/"+name+" is not known")
			}
			if ok {
				bad = append(bad, fits(path+"/"+name, s, member)...)
			}
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		if kind != "array" {
			return []string{path + " is an array"}
		}
		for _, item := range v {
			bad = append(bad, fits(path+"/0", items, item)...)
		}
	case string:
		if kind != "string" {
			return []string{path + " is a text"}
		}
	case bool:
		if kind != "boolean" {
			return []string{path + " is a boolean"}
		}
	case nil:
		if kind != "null" {
			return []string{path + " is null"}
		}
	}
	return bad
}

// Each of the seven events is told, in the form of the reference document.
func TestMessagesHaveTheFormOfTheReference(t *testing.T) {
	forms := schemas(t)
	s := newStand(t, openQuick(t), service.Options{Polite: true})
	s.listen(t)
	c, cal := s.connect(t, calendar.Google, "ada@example.com")
	must[string](t)(cal.Add(standup(1)))
	day := truth.Event{Content: truth.Content{Title: "Day", Start: monday.Truncate(24*time.Hour).AddDate(0, 0, 2), End: monday.Truncate(24*time.Hour).AddDate(0, 0, 3), AllDay: true}}
	must[string](t)(cal.Add(day))
	s.sync(t, c.ID)
	id := must[string](t)(cal.Add(once(1, monday.Add(40*time.Hour))))
	s.poll(t, c.ID)
	if err := cal.Edit(id, func(x *truth.Content) { x.Title = "Other" }); err != nil {
		t.Fatal(err)
	}
	s.poll(t, c.ID)
	if err := cal.Delete(id); err != nil {
		t.Fatal(err)
	}
	s.poll(t, c.ID)
	g, err := s.rooms.Tokens.Grant(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.google.Grants.Revoke(g.RefreshToken)
	s.clock.add(time.Hour)
	s.sync(t, c.ID)
	if err := s.rooms.Disconnect(t.Context(), s.team, c.ID); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	err = s.db.Read(t.Context(), func(q store.Querier) error {
		rows, err := q.Query(t.Context(), "SELECT event, payload FROM webhook_messages WHERE team_id = $1", s.team)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var event, payload string
			if err := rows.Scan(&event, &payload); err != nil {
				return err
			}
			var body any
			if err := json.Unmarshal([]byte(payload), &body); err != nil {
				return err
			}
			told[event] = true
			if forms[event] == nil {
				t.Errorf("the reference has no %s", event)
				continue
			}
			for _, bad := range fits("", forms[event], body) {
				t.Errorf("%s: %s in %s", event, bad, payload)
			}
		}
		return rows.Err()
	})
	if err != nil || len(told) != 7 {
		t.Errorf("told: %v, %v", told, err)
	}
}
