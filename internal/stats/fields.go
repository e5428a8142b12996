package stats

// A Field is one column of the statistics.
type Field struct {
	Name string // HAProxy's
	Type Type
	Tags Tags
	On   Kinds // the rows that have it
	HTTP Kinds // the rows that have it in mode http only
	Text string
	// Other tags for some kinds.
	TagsB, TagsS Tags
	get          func(r *Row) Value
}

// tags are the field's for a kind of row.
func (f *Field) tags(k Kind) Tags {
	switch {
	case k == Backend && f.TagsB != "":
		return f.TagsB
	case k == Server && f.TagsS != "":
		return f.TagsS
	}
	return f.Tags
}

// Value is what a row has in the field.
func (f *Field) Value(r *Row) Value {
	if f.get == nil || !f.On.Has(r.Kind) || f.HTTP.Has(r.Kind) && !r.http() {
		return Value{}
	}
	return f.get(r)
}

// Fields are the columns in HAProxy's order, which only ever grows at its end:
// readers count columns. The column "-" ends them. Fields without a get are
// features that are not here; their column stays empty, as in an HAProxy that
// does not use them.
var Fields = append(fieldTable(), ownFields()...)
