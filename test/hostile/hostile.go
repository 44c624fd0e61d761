// Package hostile holds what strangers send to an API to break it: bodies,
// values of members, words in paths and queries (test book A2).
package hostile

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf16"

	"steno/test/contract"
)

// Texts are bodies that are wrong as texts, made of one that is good.
func Texts(good string) map[string]string {
	out := map[string]string{
		"nothing": "", "space": " \t\r\n ", "null": "null", "true": "true", "zero": "0", "text": `"x"`, "empty array": "[]", "empty object": "{}",
		"array of null": "[null]", "array of arrays": "[[],[[]]]", "array of good": "[" + good + "]", "object in object": `{"data":` + good + "}",
		"byte order mark": "\ufeff" + good, "half a mark": "\xef\xbb" + good, "twice": good + good, "twice with comma": good + "," + good, "something behind": good + "x",
		"NUL behind": good + "\x00", "NUL before": "\x00" + good, "brace behind": good + "}", "newlines behind": good + "\n\n\n", "vertical tab": "\v" + good, "no-break space": "\u00a0" + good,
		"single quotes": strings.ReplaceAll(good, `"`, `'`), "comment": "/* a */" + good, "line comment": good + "// a", "hash comment": "# a\n" + good,
		"trailing comma": strings.TrimSuffix(good, "}") + ",}", "double comma": strings.Replace(good, ",", ",,", 1), "missing colon": strings.Replace(good, ":", " ", 1),
		"capital literals": `{"a":True,"b":None}`, "NaN": `{"a":NaN}`, "Infinity": `{"a":-Infinity}`, "hex": `{"a":0x10}`, "plus": `{"a":+1}`, "leading zero": `{"a":01}`,
		"no digit before": `{"a":.5}`, "no digit behind": `{"a":1.}`, "bad exponent": `{"a":1e}`, "minus": `{"a":-}`, "bare word": "good", "undefined": "undefined",
		"unquoted key": `{a:1}`, "number as key": `{1:1}`, "no value": `{"a":}`, "no key": `{:1}`, "only a key": `{"a"}`, "newline in text": "{\"a\":\"b\nc\"}", "tab in text": "{\"a\":\"b\tc\"}",
		"bad escape": `{"a":"\x41"}`, "short escape": `{"a":"\u12"}`, "lone surrogates": `{"bot_name":"\ud800","name":"\udfff","extra":{"\ud800":"\udc00\ud800"}}`,
		"escaped NUL": `{"bot_name":"a\u0000","name":"\u0000","extra":{"\u0000":"\u0000"}}`, "invalid UTF-8": "{\"bot_name\":\"\xff\xfe\",\"extra\":{\"\xc3\x28\":\"\xf0\x28\x8c\xbc\"}}",
		"overlong UTF-8": "{\"bot_name\":\"\xc0\xaf\xe0\x80\xaf\"}", "UTF-16 little": utf16Text(good, binary.LittleEndian), "UTF-16 big": utf16Text(good, binary.BigEndian),
		"XML": "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>", "form": "bot_name=N&meeting_url=x", "multipart": "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
		"gzip": "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00", "CBOR": "\xa1\x61a\x01", "prototype": `{"__proto__":{"a":1},"constructor":{"prototype":{}}}`,
		"empty key": `{"":1}`, "dollar keys": `{"$ref":"#/","$schema":"x","$id":"y"}`, "dotted keys": `{"a.b":{"c[0]":1},"timeout_config.silence_timeout":1}`,
		"doubled keys": strings.TrimSuffix(good, "}") + `,"bot_name":7,"bot_name":null,"bot_name":"N","extra":1,"extra":{"a":1,"a":2}}`,
		"case of keys": `{"BOT_NAME":7,"Bot_Name":"N","MEETING_URL":"https://zoom.us/j/1","meeting_URL":{}}`,
		"long key":     `{"` + strings.Repeat("k", 60000) + `":1}`, "many keys": "{" + strings.Repeat(`"k":1,`, 100000) + `"k":1}`, "many names": manyNames(20000),
		"many nulls": "[" + strings.Repeat("null,", 150000) + "null]", "many objects": "[" + strings.Repeat("{},", 200000) + "{}]", "many ones": "[" + strings.Repeat("1,", 400000) + "1]",
		"many escapes": `{"bot_name":"` + strings.Repeat(`\u0041`, 150000) + `"}`, "many spaces": strings.Repeat(" ", 1<<20-len(good)) + good, "too many spaces": strings.Repeat(" ", 1<<20) + good,
		"10 MB text": `{"bot_name":"` + strings.Repeat("x", 10<<20) + `"}`, "long number": `{"a":` + strings.Repeat("9", 500000) + `}`, "long fraction": `{"a":0.` + strings.Repeat("0", 500000) + `1}`,
	}
	for _, depth := range []int{100, 1000, 1001, 9999, 10000, 10001, 100000} {
		out[fmt.Sprintf("arrays %d deep", depth)] = strings.Repeat("[", depth) + strings.Repeat("]", depth)
		out[fmt.Sprintf("open arrays %d deep", depth)] = strings.Repeat("[", depth)
		out[fmt.Sprintf("objects %d deep", depth)] = strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
	}
	for i := 1; i < len(good); i += 1 + len(good)/25 {
		out[fmt.Sprintf("cut at %d", i)] = good[:i]
		out[fmt.Sprintf("without byte %d", i)] = good[:i] + good[i+1:]
		out[fmt.Sprintf("bit of byte %d", i)] = good[:i] + string(good[i]^0x80) + good[i+1:]
	}
	return out
}

func utf16Text(s string, order binary.ByteOrder) string {
	var b bytes.Buffer
	_ = binary.Write(&b, order, utf16.Encode([]rune(s)))
	return b.String()
}

func manyNames(n int) string {
	var b strings.Builder
	b.WriteString(`{"extra":{`)
	for i := range n {
		fmt.Fprintf(&b, `"k%d":%d,`, i, i)
	}
	b.WriteString(`"z":0}}`)
	return b.String()
}

// Values are put in the place of every member of a body, as JSON.
var Values = []string{
	"null", "true", "0", "-1", "1.5", "-0.0", "1e400", "-1e400", "1e-400", "1e308", "9007199254740993", "99999999999999999999999999", `""`, `" "`, `"\u0000"`, `"a\u0000b"`,
	`"\ud800"`, `"\udfff\ud800"`, `"` + strings.Repeat("a", 256) + `"`, `"` + strings.Repeat("é", 300) + `"`, `"` + strings.Repeat("x", 70000) + `"`, "[]", "[[]]", "[null]", "{}",
	`{"":null}`, `{"a":{"b":[1e400]}}`, strings.Repeat("[", 3000) + strings.Repeat("]", 3000), strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000),
	`"javascript:alert(1)"`, `"http://169.254.169.254/latest"`, `"http://[::1"`, `"https://user:pass@host:99999/%zz"`, `"file:///etc/passwd"`, `"https://xn--a.example/\u202e"`, `"//"`,
	`"' OR 1=1 --"`, `"%s%n%x"`, `"{{7*7}}${7*7}"`, `"../../../etc/passwd"`, `"a\r\nX-Injected: 1"`, `"\u202egnirts\u0007\u001b[31m"`, `"👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿"`, `"Ａ\u0301ﬀİı"`,
	`"0000-00-00T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"2026-02-30T25:61:00Z"`, `"2026-03-01T12:00:00+02:00"`, `"00000000-0000-0000-0000-000000000000"`, `"ffffffff-ffff-ffff-ffff-ffffffffffff"`,
	`["https://a.example/1.png","https://a.example/2.png",7]`, `[` + strings.Repeat(`"https://a.example/1.png",`, 2000) + `""]`, `{"a":1e999999}`, `{"a":` + strings.Repeat("9", 5000) + `}`,
	`{"a\"b":"c'd","e\\":"\\","$.x":1,"*":2,"é":3,"":4," ":5}`,
}

// Members lists the places of a body that the reference knows, as paths.
func Members(ref *contract.Reference, s contract.Schema, at []string, depth int) (list [][]string) {
	s = ref.Resolve(s)
	if s == nil || depth > 4 {
		return nil
	}
	for _, word := range []string{"anyOf", "oneOf", "allOf"} {
		for _, one := range Each(s[word]) {
			list = append(list, Members(ref, one, at, depth+1)...)
		}
	}
	if items, ok := s["items"].(map[string]any); ok {
		list = append(list, Members(ref, items, append(slices.Clone(at), "0"), depth)...)
	}
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		here := append(slices.Clone(at), name)
		list = append(list, here)
		if member, ok := properties[name].(map[string]any); ok {
			list = append(list, Members(ref, member, here, depth+1)...)
		}
	}
	return list
}

// Chosen says whether this run tries a value: one in a few, always the same ones,
// or all of them with STENO_STORM set.
func Chosen(place, value string, of uint32) bool {
	if os.Getenv("STENO_STORM") != "" {
		return true
	}
	h := fnv.New32a()
	h.Write([]byte(place + "\x00" + value))
	return h.Sum32()%of == 0
}

// Each returns the schemas of a list of schemas.
func Each(v any) (out []contract.Schema) {
	list, _ := v.([]any)
	for _, one := range list {
		if s, ok := one.(map[string]any); ok {
			out = append(out, s)
		}
	}
	return out
}

// With puts a value at a path of a body; the flags of features are turned on, so
// that what belongs to them is looked at.
func With(body string, path []string, value string) string {
	var tree any
	if err := json.Unmarshal([]byte(body), &tree); err != nil {
		panic(err) // a sample
	}
	if root, ok := tree.(map[string]any); ok && strings.HasSuffix(path[0], "_config") {
		root[strings.TrimSuffix(path[0], "_config")+"_enabled"] = true
	}
	const mark = "\u2603mark"
	text, err := json.Marshal(Put(tree, path, mark))
	if err != nil {
		panic(err)
	}
	return strings.Replace(string(text), `"`+mark+`"`, value, 1)
}

// Put returns the tree with a value at a path.
func Put(tree any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if path[0] == "0" {
		list, _ := tree.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = Put(list[0], path[1:], value)
		return list
	}
	object, ok := tree.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	object[path[0]] = Put(object[path[0]], path[1:], value)
	return object
}

// Words are put in the place of parameters.
var Words = []string{
	"", " ", "null", "0", "-1", "1.5", "1e400", "99999999999999999999", "0x10", "true", "\x00", "a\x00", "\xff\xfe", "\u202e", "é", "👩‍👩‍👧", "%", "%25", "%zz", "..", "../..", "a/b", "\\", "'", `"`, `a"b:c`, `a\:b`, `$.x:y`,
	"*:1", "a:b:c", ":", ":b", "a:", ",", ",,,", "a,b", "'; DROP TABLE bots; --", "\r\nX-Injected: 1", "[]", "{}", "<script>", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
	"9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "-9999-01-01T00:00:00Z", "2026-03-01T12:00:00.000000000000000000001Z", "LTE=", "-MTA=", "MjAyNg==", "AAAA", strings.Repeat("A", 4096),
	strings.Repeat("%", 3000), strings.Repeat("a:b,", 3000), strings.Repeat("queued,", 3000), strings.Repeat("zoom,", 3000), strings.Repeat("x,", 20000), strings.Repeat("x", 60000),
}
