package rule

import (
	"encoding/base64"
	"time"

	"bascule/internal/balance"
)

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
	maps := mapConverters()
	for i := range maps {
		index[maps[i].name] = &maps[i]
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
	addItem    = signature{min: 2, kinds: []argKind{argText, argVarOrNone, argText}, check: checkAddItem}
	be2dec     = signature{min: 2, kinds: []argKind{argText, argInt, argInt}, check: checkBe2dec}
	be2hex     = signature{kinds: []argKind{argText, argInt, argInt}, check: checkBe2hex}
	sha2Bits   = signature{kinds: []argKind{argText}, check: checkSHA2}
	digestName = signature{min: 1, kinds: []argKind{argText}, check: checkDigest}
	hmacArgs   = signature{min: 2, kinds: []argKind{argText, argText}, check: checkHMAC}
	dateArgs   = signature{kinds: []argKind{argInt, argText}, check: checkUnit}
	jsonInput  = signature{kinds: []argKind{argText}, check: checkJSON}
	jsonPath   = signature{min: 1, kinds: []argKind{argText, argText}, check: checkJSONQuery}
	timeFormat = signature{min: 1, kinds: []argKind{argText, argInt}}
	textText   = signature{min: 1, kinds: []argKind{argText, argText}}
	setVarArgs = signature{min: 1, kinds: []argKind{argVar, argText, argText, argText, argText}, check: checkSetVar}
	urlEncArgs = signature{kinds: []argKind{argText}, check: checkURLEnc}
)

// converterTable is every converter that works; plannedConverters names the
// rest. Examples are expressions and are parsed by a test.
var converterTable = []converter{
	{"add", KindInt, oneOperand, arithmetic(saturatedAdd), "adds a number or variable", "int(1),add(2)"},
	{"and", KindInt, oneOperand, arithmetic(func(a, b int64) int64 { return a & b }), "bitwise and with a number or variable", "int(6),and(3)"},
	{"b64dec", KindBin, noArgs, fromBase64(base64.StdEncoding), "decodes base64", "req.hdr(x-data),b64dec"},
	{"base64", KindStr, noArgs, toBase64(base64.StdEncoding), "encodes as base64", "path,base64"},
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
	{"neg", KindInt, noArgs, unary(func(a int64) int64 { return saturatedSub(0, a) }), "the opposite number", "int(7),neg"},
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
	{"add_item", KindStr, addItem, convAddItem, "appends a delimiter, a variable and a text, the delimiter only between two of them", "req.hdr(x),add_item(;,txn.x)"},
	{"be2dec", KindStr, be2dec, numbersOf(bigEndian), "bytes as decimal numbers, big end first", "src,be2dec(.,1)"},
	{"be2hex", KindStr, be2hex, convBe2hex, "bytes in hexadecimal, cut into pieces", "path,be2hex(:,2)"},
	{"capture-req", KindStr, oneInt, captureIn(false), "keeps the value in a capture slot of the request", "path,capture-req(0)"},
	{"capture-res", KindStr, oneInt, captureIn(true), "keeps the value in a capture slot of the reply", "path,capture-res(0)"},
	{"crc32", KindInt, optInt, hashOf(placing(balance.CRC32)), "the CRC-32 of Ethernet and gzip; 1: with avalanche", "path,crc32(1)"},
	{"crc32c", KindInt, optInt, hashOf(crc32c), "the CRC-32C of RFC 4960; 1: with avalanche", "path,crc32c"},
	{"digest", KindBin, digestName, convDigest, "a message digest: md5, sha1, sha224, sha256, sha384, sha512, sha512-224, sha512-256", "path,digest(sha256),hex"},
	{"djb2", KindInt, optInt, hashOf(placing(balance.DJB2)), "the hash of `hash-type … djb2`; 1: with avalanche", "path,djb2"},
	{"has_ctl", KindBool, noArgs, convHasCtl, "there is a byte below 0x20", "path,url_dec,has_ctl"},
	{"hex2i", KindInt, noArgs, convHex2i, "a number in hexadecimal", "req.hdr(x-id),hex2i"},
	{"hmac", KindBin, hmacArgs, convHMAC, "a message authentication code (RFC 2104); the key is base64 or a variable", "path,hmac(sha256,a2V5),hex"},
	{"htonl", KindBin, noArgs, convHtonl, "a number as four bytes, big end first", "int(1),htonl,hex"},
	{"http_date", KindStr, dateArgs, convHTTPDate, "a time as in Date fields, moved by an offset; units s, ms, us", "date(3600),http_date"},
	{"json", KindStr, jsonInput, convJSON, "escaped for a JSON string; input ascii, utf8, utf8s, utf8p, utf8ps", "req.hdr(user-agent),json(utf8s)"},
	{"json_query", KindNone, jsonPath, convJSONQuery, "the value at a JSONPath", "req.body,json_query('$.user.name')"},
	{"language", KindStr, textText, convLanguage, "the language of a list that Accept-Language prefers, or a default", "req.fhdr(accept-language),language(de;fr;en,en)"},
	{"le2dec", KindStr, be2dec, numbersOf(littleEndian), "bytes as decimal numbers, little end first", "path,le2dec(:,2)"},
	{"ltime", KindStr, timeFormat, formatTime(1, time.Local), "a time in seconds by strftime(3), local", "date,ltime(%Y-%m-%d)"},
	{"ms_ltime", KindStr, timeFormat, formatTime(1e3, time.Local), "a time in milliseconds by strftime(3), local; %N is the fraction", "date(0,ms),ms_ltime(%H:%M:%S.%3N)"},
	{"ms_utime", KindStr, timeFormat, formatTime(1e3, gmt), "a time in milliseconds by strftime(3), UTC; %N is the fraction", "date(0,ms),ms_utime(%H:%M:%S.%3N)"},
	{"param", KindStr, textText, convParam, "a parameter of a query", "query,param(lang)"},
	{"sdbm", KindInt, optInt, hashOf(placing(balance.SDBM)), "the hash of `hash-type … sdbm`; 1: with avalanche", "path,sdbm(1)"},
	{"secure_memcmp", KindBool, oneVar, convSecureMemcmp, "equals a variable, compared in constant time", "req.hdr(x-token),secure_memcmp(txn.token)"},
	{"set-var", KindNone, setVarArgs, convSetVar, "sets a variable and passes the value on", "path,set-var(txn.path)"},
	{"sha1", KindBin, noArgs, convSHA1, "the SHA-1 digest", "path,sha1,hex"},
	{"sha2", KindBin, sha2Bits, convSHA2, "a SHA-2 digest of 224, 256 (the default), 384 or 512 bits", "path,sha2(256),hex"},
	{"ub64dec", KindBin, noArgs, fromBase64(base64.RawURLEncoding), "decodes base64url", "req.hdr(authorization),word(2,.),ub64dec"},
	{"ub64enc", KindStr, noArgs, toBase64(base64.RawURLEncoding), "encodes as base64url", "path,ub64enc"},
	{"unset-var", KindNone, oneVar, convUnsetVar, "forgets a variable and passes the value on", "path,unset-var(txn.path)"},
	{"url_enc", KindStr, urlEncArgs, convURLEnc, "all but unreserved bytes as %XX", "req.hdr(x-name),url_enc"},
	{"us_ltime", KindStr, timeFormat, formatTime(1e6, time.Local), "a time in microseconds by strftime(3), local; %N is the fraction", "date(0,us),us_ltime(%H:%M:%S.%6N)"},
	{"us_utime", KindStr, timeFormat, formatTime(1e6, gmt), "a time in microseconds by strftime(3), UTC; %N is the fraction", "date(0,us),us_utime(%H:%M:%S.%6N)"},
	{"utime", KindStr, timeFormat, formatTime(1, gmt), "a time in seconds by strftime(3), UTC", "date,utime(%H:%M:%S)"},
	{"wt6", KindInt, optInt, hashOf(placing(balance.WT6)), "the hash of `hash-type … wt6`; 1: with avalanche", "path,wt6"},
	{"xxh32", KindInt, optInt, convXXH32, "XXH32, with a seed", "path,xxh32(0)"},
	{"xxh64", KindInt, optInt, convXXH64, "XXH64, with a seed", "path,xxh64(0)"},
	{"nbsrv", KindInt, noArgs, convFigure(BeServers), "the usable servers of the backend of this name", "str(app),nbsrv"},
	{"srv_queue", KindInt, noArgs, convFigure(SrvQueue), "the streams that wait at the server of this name", "str(app/s1),srv_queue"},
}
