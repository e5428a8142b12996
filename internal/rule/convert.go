package rule

// A converter turns a sample into another (HAProxy's manual, 7.3.1).
type converter struct {
	name    string
	kind    Kind // KindNone: as it came
	sig     signature
	eval    evalFunc // nil: planned
	text    string
	example string
}

var converters = indexConverters()

func indexConverters() map[string]*converter {
	index := make(map[string]*converter)
	for i := range converterTable {
		index[converterTable[i].name] = &converterTable[i]
	}
	for _, name := range plannedConverters() {
		if index[name] == nil {
			index[name] = &converter{name: name}
		}
	}
	return index
}

func findConverter(name string) *converter { return converters[name] }

func converterNames() []string {
	names := make([]string, 0, len(converters))
	for name, c := range converters {
		if c.eval != nil {
			names = append(names, name)
		}
	}
	return names
}

var (
	oneOperand = signature{min: 1, kinds: []argKind{argOperand}}
	fieldArgs  = signature{min: 2, kinds: []argKind{argInt, argText, argInt}}
	rangeArgs  = signature{min: 1, kinds: []argKind{argInt, argInt}}
	concatArgs = signature{kinds: []argKind{argText, argVar, argText}}
	twoTexts   = signature{min: 2, kinds: []argKind{argText, argText}}
	regsubArgs = signature{min: 2, kinds: []argKind{argRegex, argText, argText}}
	oneVar     = signature{min: 1, kinds: []argKind{argVar}}
)

// converterTable is every converter that works; plannedConverters names the
// rest. Examples are expressions and are parsed by a test.
var converterTable = []converter{
	{"add", KindInt, oneOperand, arithmetic(saturatedAdd), "adds a number or variable", "int(1),add(2)"},
	{"and", KindInt, oneOperand, arithmetic(func(a, b int64) int64 { return a & b }), "bitwise and with a number or variable", "int(6),and(3)"},
	{"b64dec", KindBin, noArgs, convB64dec, "decodes base64", "req.hdr(x-data),b64dec"},
	{"base64", KindStr, noArgs, convBase64, "encodes as base64", "path,base64"},
	{"bool", KindBool, noArgs, convBool, "false for 0, else true", "int(1),bool"},
	{"bytes", KindBin, rangeArgs, convBytes, "bytes from an offset, at most so many", "path,bytes(1,3)"},
	{"concat", KindStr, concatArgs, convConcat, "appends a text, a variable and a text", "path,concat(-,txn.x,-)"},
	{"cpl", KindInt, noArgs, unary(func(a int64) int64 { return ^a }), "bitwise complement", "int(1),cpl"},
	{"cut_crlf", KindStr, noArgs, convCutCRLF, "ends before the first line end", "req.hdr(x-data),b64dec,cut_crlf"},
	{"div", KindInt, oneOperand, arithmetic(saturatedDiv), "divides by a number or variable", "int(7),div(2)"},
	{"even", KindBool, noArgs, truthOf(func(a int64) bool { return a&1 == 0 }), "the number is even", "int(2),even"},
	{"field", KindStr, fieldArgs, convField, "the field of this number, cut at one of these characters; negative counts from the end", "path,field(2,/)"},
	{"hex", KindStr, noArgs, convHex, "encodes as hexadecimal", "path,hex"},
	{"host_only", KindStr, noArgs, convHostOnly, "a Host value without its port", "req.hdr(host),host_only"},
	{"iif", KindStr, twoTexts, convIif, "one text if true, else another", "ssl_fc,iif(https,http)"},
	{"ipmask", KindAddr, twoOrOneMask, convIPMask, "masks an address, IPv4 and IPv6", "src,ipmask(24,64)"},
	{"length", KindInt, noArgs, convLength, "the length in bytes", "path,length"},
	{"lower", KindStr, noArgs, convLower, "in lower case", "req.hdr(host),lower"},
	{"ltrim", KindStr, oneText, convLtrim, "without these characters at the start", "path,ltrim(/)"},
	{"mod", KindInt, oneOperand, arithmetic(saturatedMod), "remainder of a division by a number or variable", "int(7),mod(2)"},
	{"mul", KindInt, oneOperand, arithmetic(saturatedMul), "multiplies by a number or variable", "int(7),mul(2)"},
	{"neg", KindInt, noArgs, unary(func(a int64) int64 { return -a }), "the opposite number", "int(7),neg"},
	{"not", KindBool, noArgs, truthOf(func(a int64) bool { return a == 0 }), "true for 0, else false", "ssl_fc,not"},
	{"odd", KindBool, noArgs, truthOf(func(a int64) bool { return a&1 == 1 }), "the number is odd", "int(1),odd"},
	{"or", KindInt, oneOperand, arithmetic(func(a, b int64) int64 { return a | b }), "bitwise or with a number or variable", "int(6),or(1)"},
	{"port_only", KindInt, noArgs, convPortOnly, "the port of a Host value, 0 without one", "req.hdr(host),port_only"},
	{"regsub", KindStr, regsubArgs, convRegsub, "replaces what a regex matches, once or (flag g) always", "path,regsub(/+,/,g)"},
	{"rtrim", KindStr, oneText, convRtrim, "without these characters at the end", "path,rtrim(/)"},
	{"strcmp", KindInt, oneVar, convStrcmp, "compares with a variable: negative, 0 or positive", "path,strcmp(txn.x)"},
	{"sub", KindInt, oneOperand, arithmetic(saturatedSub), "subtracts a number or variable", "int(7),sub(2)"},
	{"upper", KindStr, noArgs, convUpper, "in upper case", "req.hdr(x-code),upper"},
	{"url_dec", KindStr, optInt, convURLDec, "decodes %XX, and + to a blank in a query (1: everywhere)", "urlp(name),url_dec"},
	{"word", KindStr, fieldArgs, convWord, "like field, runs of separators count once", "path,word(1,/)"},
	{"xor", KindInt, oneOperand, arithmetic(func(a, b int64) int64 { return a ^ b }), "bitwise exclusive or with a number or variable", "int(6),xor(3)"},
}
