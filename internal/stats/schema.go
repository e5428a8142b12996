package stats

import (
	"encoding/json"
	"io"
	"slices"
)

// object is one part of a JSON schema.
type object = map[string]any

func ref(name string) object { return object{"$ref": "#/definitions/" + name} }

func oneWord(words ...string) object { return object{"type": "string", "enum": words} }

func whole(least, most int64) object {
	return object{"type": "integer", "minimum": least, "maximum": most}
}

// exact is the largest number that every reader of JSON keeps exact (RFC 8259 section 6).
const exact = 1<<53 - 1

// properties is an object all of whose parts are required.
func properties(parts object) object {
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	return object{"type": "object", "properties": parts, "required": names}
}

// WriteSchema writes the schema of what "show info json" and "show stat json"
// answer (JSON Schema draft 4).
func WriteSchema(w io.Writer) error {
	item := object{"field": ref("field"), "processNum": ref("processNum"), "tags": ref("tags"), "value": ref("typedValue")}
	row := object{
		"objType": oneWord("Frontend", "Backend", "Listener", "Server", "Unknown"),
		"proxyId": object{"type": "integer", "minimum": 0}, "id": object{"type": "integer", "minimum": 0},
	}
	for name, part := range item {
		row[name] = part
	}
	var types []object
	for name, value := range map[string]object{
		"s32": whole(-1<<31, 1<<31-1), "u32": whole(0, 1<<32-1), "s64": whole(-exact, exact), "u64": whole(0, exact), "str": {"type": "string"},
	} {
		types = append(types, properties(object{"type": oneWord(name), "value": value}))
	}
	return json.NewEncoder(w).Encode(object{
		"$schema": "http://json-schema.org/draft-04/schema#",
		"oneOf": []object{
			{"title": "Info", "type": "array", "items": properties(item)},
			{"title": "Stat", "type": "array", "items": object{"type": "array", "items": properties(row)}},
			{"title": "Error", "type": "object", "properties": object{"errorStr": object{"type": "string"}}, "required": []string{"errorStr"}},
		},
		"definitions": object{
			"field":      properties(object{"pos": object{"type": "integer", "minimum": 0}, "name": object{"type": "string"}}),
			"processNum": object{"type": "integer", "minimum": 1},
			"tags":       properties(object{"origin": wordsOf(0), "nature": wordsOf(1), "scope": wordsOf(2)}),
			"typedValue": object{"oneOf": types},
		},
	})
}

// wordsOf are the words of the i-th tag.
func wordsOf(i int) object {
	words := make([]string, 0, len(tagWords[i])+1)
	for _, w := range tagWords[i] {
		words = append(words, w)
	}
	slices.Sort(words)
	return oneWord(append(words, "Unknown")...)
}
